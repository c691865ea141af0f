/* core/consume/failures.c - see failures.h. */
#include "consume/failures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "signal/attrs.h"

static void note_failure(struct ebi_inflight *inflight, const struct ebi_run *run, bool counts) {
    int64_t now = ebi_now_us();

    if (!inflight->first_failed_us)
        inflight->first_failed_us = now;
    inflight->last_failed_us = now;
    if (counts && inflight->failures < UINT32_MAX)
        inflight->failures++;
    memcpy(inflight->receiver, run->receiver, sizeof inflight->receiver);
    if (!inflight->why)
        inflight->why = malloc(sizeof *inflight->why);
    if (inflight->why)
        *inflight->why = run->error;
    free(inflight->detail);
    inflight->detail = run->detail[0] ? strdup(run->detail) : NULL; /* without memory the dead letter lacks it */
}

void ebi_failures_log_miscount(struct eb_consumer *consumer, const struct ebi_inflight *inflight) {
    const struct ebi_attempts *attempts = &consumer->dispatch.attempts;
    char text[256];

    if (attempts->broker != EBI_MISCOUNTS)
        return;
    snprintf(text, sizeof text,
             "broker %s counts %" PRIu32 " failed attempt(s) of an event that has failed %" PRIu32
             " time(s) here; from now on this worker counts, and keeps what waits for a retry itself",
             consumer->deps.broker->name, attempts->theirs, attempts->ours);
    ebi_log_message(consumer, &inflight->message, EBI_WARNING, text, NULL);
}

static void log_failure(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, enum ebi_level level,
                        const char *what) {
    char text[EB_ERROR_ROOM + 256], attempts[16];
    const struct ebi_log_field field = { "attempts", attempts };

    snprintf(text, sizeof text, "%s: %s: %s", what, inflight->receiver, inflight->why ? inflight->why->text : "out of memory");
    snprintf(attempts, sizeof attempts, "%" PRIu32, inflight->failures);
    ebi_log_message(consumer, &inflight->message, level, text, &field);
}

static void stop_at_failure(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct eb_error why;

    log_failure(consumer, inflight, EBI_ERROR, "failed, and on_failure = stop");
    ebi_error(&why, EB_FATAL, EB_KIND_DATA, "stopped at event %s of topic %s, which was handed back (on_failure = stop): %s",
              ebi_position_of(&inflight->message), ebi_consumer_topic(consumer, inflight),
              inflight->why ? inflight->why->text : "?");
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

/* No further attempt is made. True: the message is to become a dead letter; False: the worker ends. */
static bool give_up(struct eb_consumer *consumer, struct ebi_inflight *inflight, bool dead_letter) {
    if (!dead_letter) {
        stop_at_failure(consumer, inflight);
        return false;
    }
    log_failure(consumer, inflight, EBI_ERROR, "becomes a dead letter");
    inflight->stage = EBI_STAGE_DEAD_LETTER;
    return true;
}

/* Returns whether the broker holds a retry: it must be able to delay it and to keep the configured order. Otherwise the message
 * waits in this worker. */
static bool broker_delays(const struct eb_consumer *consumer) {
    uint32_t traits = consumer->deps.broker->traits.consumer;

    switch (consumer->task.order) {
    case EB_ORDER_NONE:
        return traits & EB_T_DELAY;
    case EB_ORDER_KEY:
        return (traits & EB_T_DELAY) && (traits & EB_T_DELAY_ORDER);
    case EB_ORDER_STRICT:
        break;
    }
    return false;
}

static void try_again(struct eb_consumer *consumer, struct ebi_inflight *inflight, int64_t wanted_ms) {
    int64_t wait = wanted_ms ? wanted_ms : ebi_backoff_wait(&consumer->task.backoff, inflight->failures, ebi_chance());
    char what[96];

    snprintf(what, sizeof what, "failed; retrying in %.1f s (attempt %" PRIu64 " of %" PRIu32 ")", (double)wait / 1000,
             (uint64_t)inflight->failures + 1, consumer->task.attempts);
    log_failure(consumer, inflight, EBI_WARNING, what);
    atomic_fetch_add(&consumer->counters.retried, 1);
    if (!broker_delays(consumer) || !ebi_dispatch_retry(&consumer->dispatch, inflight, wait, ebi_ticks_ms()))
        ebi_consumer_delay(consumer, inflight, wait);
}

static void count_error(struct eb_consumer *consumer) {
    struct eb_error why;

    consumer->consecutive_errors++;
    if (!consumer->task.errors_limit || consumer->consecutive_errors < consumer->task.errors_limit)
        return;
    ebi_error(&why, EB_RETRIABLE, EB_KIND_BROKER, "%" PRIu32 " consecutive errors (consecutive_errors_limit)",
              consumer->consecutive_errors);
    ebi_consumer_fail(consumer, &why);
}

/* ---- The worker's own trouble ---- */

/* The wait after an attempt in which no receiver could be run at all. */
static const struct ebi_backoff trouble_wait = { .first_ms = 20, .max_ms = 2000, .jitter = 0.2 };
enum {
    TROUBLE_SILENT_MS = 60000, /* trouble that returns within this time is not logged again */
    TROUBLE_MAX_MS = 30000     /* after so long without a receiver run, waiting does not help */
};

void ebi_failures_note_run(struct eb_consumer *consumer) {
    consumer->trouble.since_ms = 0;
    consumer->trouble.tries = 0;
    consumer->trouble.any_ran = true;
}

/* Returns whether to give up. A command that was never found is a mistake of the configuration; a command that worked before may
 * come back, as after an upgrade. While another receiver runs, its end may free what is lacking (memory, processes). */
static bool is_hopeless(const struct eb_consumer *consumer, const struct ebi_run *run, int64_t now) {
    const struct ebi_trouble *trouble = &consumer->trouble;

    if (run->error.kind == EB_KIND_CONFIG && !trouble->any_ran)
        return true;
    return now - trouble->since_ms >= TROUBLE_MAX_MS && consumer->dispatch.running.n <= 1;
}

/* The message waits here, not with the broker, which would count a failure. */
void ebi_failure_of_worker(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    struct ebi_trouble *trouble = &consumer->trouble;
    int64_t now = ebi_ticks_ms();

    if (!trouble->since_ms)
        trouble->since_ms = now;
    bool logged = trouble->last_ms && now - trouble->last_ms < TROUBLE_SILENT_MS;
    trouble->last_ms = now;
    if (is_hopeless(consumer, run, now)) {
        struct eb_error why = run->error;

        ebi_error_context(&why, "receivers cannot be run; the events are handed back: %s", run->receiver);
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        ebi_consumer_fail(consumer, &why);
        return;
    }
    if (!logged) {
        char text[EB_ERROR_ROOM + 256];

        snprintf(text, sizeof text, "%s: %s; events wait until it can be run, no attempt is counted", run->receiver,
                 run->error.text);
        ebi_log_message(consumer, &inflight->message, EBI_ERROR, text, NULL);
    }
    ebi_consumer_delay(consumer, inflight, ebi_backoff_wait(&trouble_wait, ++trouble->tries, ebi_chance()));
}

bool ebi_failure_of_receiver(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    bool dead_letter = false;

    note_failure(inflight, run, true);
    if (run->status == EB_PERMANENT || inflight->failures >= consumer->task.attempts)
        dead_letter = give_up(consumer, inflight, consumer->task.settings.on_failure == 0);
    else
        try_again(consumer, inflight, run->wait_ms);
    count_error(consumer);
    return dead_letter;
}

bool ebi_failure_unusable(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    note_failure(inflight, run, false);
    count_error(consumer);
    return give_up(consumer, inflight, consumer->task.settings.on_failure == 0);
}

void ebi_failure_no_receiver(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct eb_text type = ebi_attr(&inflight->message, "type");
    struct eb_error why;

    ebi_error(
        &why, EB_PERMANENT, EB_KIND_CONFIG,
        "stopped at event %s of topic %s, which was handed back: no receiver is connected for %.*s, or the signal is disabled "
        "(on_no_receiver = stop)",
        ebi_position_of(&inflight->message), ebi_consumer_topic(consumer, inflight), (int)type.len, type.data ? type.data : "");
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

bool ebi_failure_unknown(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    note_failure(inflight, run, false);
    if (consumer->task.settings.on_unknown == 0) {
        count_error(consumer);
        return give_up(consumer, inflight, true);
    }
    log_failure(consumer, inflight, EBI_WARNING, "skipped");
    atomic_fetch_add(&consumer->counters.skipped, 1);
    ebi_dispatch_ack(&consumer->dispatch, inflight, ebi_ticks_ms());
    return false;
}
