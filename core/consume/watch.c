/* core/consume/watch.c - names the events whose receivers take long, where others wait for them or nothing will end them. */
#include "consume/watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

/* The program's own receivers have no time limit: they are named after LONG_MS, and after each doubling of it. */
enum { LONG_MS = 60000, WATCH_MS = 500, MOST_NAMED = 10 };

static void tell(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, int64_t now_ms, const char *what) {
    char text[256];
    int64_t took = now_ms - inflight->began_ms;

    snprintf(text, sizeof text, "at work for %" PRId64 ".%" PRId64 " s: %s", took / 1000, took % 1000 / 100, what);
    ebi_log_message(consumer, &inflight->message, EBI_WARNING, text, NULL);
}

/* An event that is to run alone waits, and what it waits for takes long. */
static void tell_wait(struct eb_consumer *consumer, int64_t now_ms) {
    struct ebi_dispatch *dispatch = &consumer->dispatch;
    char text[256];

    if (!dispatch->running.others_pass || dispatch->running.others_pass_logged)
        return;
    dispatch->running.others_pass_logged = true;
    snprintf(text, sizeof text,
             "was handed out %" PRIu32 " times and is to run alone, but waits for %zu event(s) at work; other keys go on for %d s",
             dispatch->queues.alone->head->message.deliveries, dispatch->running.n, (EBI_HANGS_MS - EBI_ALONE_PAUSE_MS) / 1000);
    ebi_log_message(consumer, &dispatch->queues.alone->head->message, EBI_WARNING, text, NULL);
    tell(consumer, dispatch->running.first, now_ms, "an event that is to run alone waits for it");
}

void ebi_watch(struct eb_consumer *consumer, int64_t now_ms) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;
    bool held_up = dispatch->running.alone_waits_since_ms != 0, ends_by_itself = consumer->external.kind.create != NULL;

    tell_wait(consumer, now_ms);
    if (now_ms < consumer->watch_at_ms)
        return;
    consumer->watch_at_ms = now_ms + WATCH_MS;
    for (struct ebi_inflight *inflight = dispatch->running.first; inflight; inflight = inflight->work_next) {
        int64_t took = now_ms - inflight->began_ms, first = held_up || inflight->alone ? EBI_HANGS_MS : LONG_MS;

        if (took < EBI_HANGS_MS)
            return;                     /* those behind it came to work later */
        if (took < (inflight->logged_ms ? 2 * inflight->logged_ms : first) || (first == LONG_MS && ends_by_itself))
            continue;
        inflight->logged_ms = took;
        tell(consumer, inflight, now_ms, inflight->alone ? "it was to run alone; others run beside it now"
                                      : held_up    ? "an event that is to run alone runs beside it now"
                                                   : "its key waits");
    }
}

void ebi_watch_log_unfinished(struct eb_consumer *consumer, const char *what) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;
    int64_t now = ebi_ticks_ms();
    size_t n = 0;

    for (const struct ebi_inflight *inflight = dispatch->running.first; inflight && n < MOST_NAMED; inflight = inflight->work_next, n++)
        tell(consumer, inflight, now, what);
    for (const struct ebi_inflight *inflight = dispatch->all; inflight && n < MOST_NAMED; inflight = inflight->all_next)
        if (inflight->state == EBI_PARKED) {
            ebi_log_message(consumer, &inflight->message, EBI_WARNING, "its dead letter is not stored yet", NULL);
            n++;
        }
    if (dispatch->running.n + dispatch->parked > n)
        ebi_log_line(consumer->deps.log, EBI_WARNING, "and %zu more event(s)", dispatch->running.n + dispatch->parked - n);
}
