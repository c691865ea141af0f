/* core/consume/watch.c - see watch.h. */
#include "consume/watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

/* The program's own receivers have no time limit: an event is named after LONG_MS, and whenever that time has doubled. */
enum { LONG_MS = 60000, WATCH_MS = 500, MAX_NAMED = 10 };

static void log_time(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, int64_t now_ms,
                     const char *what) {
    char text[256];
    int64_t took = now_ms - inflight->began_ms;

    snprintf(text, sizeof text, "at work for %" PRId64 ".%" PRId64 " s: %s", took / 1000, took % 1000 / 100, what);
    ebi_log_message(consumer, &inflight->message, EBI_WARNING, text, NULL);
}

/* Logs that an event that is to run alone waits for receivers that take long. */
static void log_wait(struct eb_consumer *consumer, int64_t now_ms) {
    struct ebi_running *running = &consumer->dispatch.running;
    char text[256];

    if (!running->others_pass || running->others_pass_logged)
        return;
    running->others_pass_logged = true;
    const struct eb_message *waiting = &consumer->dispatch.queues.alone->head->message;
    snprintf(text, sizeof text,
             "was delivered %" PRIu32
             " times and is to run alone, but waits for %zu event(s) at work; other keys go on for %d s",
             waiting->deliveries, running->n, (EBI_HANGS_MS - EBI_ALONE_PAUSE_MS) / 1000);
    ebi_log_message(consumer, waiting, EBI_WARNING, text, NULL);
    log_time(consumer, running->first, now_ms, "an event that is to run alone waits for it");
}

void ebi_watch(struct eb_consumer *consumer, int64_t now_ms) {
    const struct ebi_running *running = &consumer->dispatch.running;
    bool one_waits = running->alone_waits_since_ms != 0, have_time_limit = consumer->external.kind.create != NULL;
    struct ebi_inflight *inflight;

    log_wait(consumer, now_ms);
    if (now_ms < consumer->watch_at_ms)
        return;
    consumer->watch_at_ms = now_ms + WATCH_MS;
    DL_FOREACH2(running->first, inflight, work_next) {
        int64_t took = now_ms - inflight->began_ms, first = one_waits || inflight->alone ? EBI_HANGS_MS : LONG_MS;

        if (took < EBI_HANGS_MS)
            return; /* the rest came to work later */
        if (took < (inflight->logged_ms ? 2 * inflight->logged_ms : first) || (first == LONG_MS && have_time_limit))
            continue;
        inflight->logged_ms = took;
        log_time(consumer, inflight, now_ms,
                 inflight->alone ? "it was to run alone; others run beside it now"
                 : one_waits     ? "an event that is to run alone runs beside it now"
                                 : "its key waits");
    }
}

void ebi_watch_log_unfinished(struct eb_consumer *consumer, const char *what) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;
    size_t all = dispatch->running.n + dispatch->parked, n = 0;
    const struct ebi_inflight *inflight;
    int64_t now = ebi_ticks_ms();

    EBI_ASSERT_HELD(&consumer->lock);
    for (inflight = dispatch->running.first; inflight && n < MAX_NAMED; inflight = inflight->work_next, n++)
        log_time(consumer, inflight, now, what);
    for (inflight = dispatch->all; inflight && n < MAX_NAMED; inflight = inflight->all_next)
        if (inflight->state == EBI_PARKED) {
            ebi_log_message(consumer, &inflight->message, EBI_WARNING, "its dead letter is not stored yet", NULL);
            n++;
        }
    if (all > n)
        ebi_log_line(consumer->deps.log, EBI_WARNING, "and %zu more event(s)", all - n);
}
