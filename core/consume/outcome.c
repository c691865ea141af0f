/* core/consume/outcome.c - what follows from a receiver run: acknowledge, try again, dead letter, or stop. */
#include "consume/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "signal/attrs.h"

enum { URGENT_VERDICTS = 256, URGENT_AFTER_MS = 20 };

void ebi_consumer_fail(struct eb_consumer *consumer, const struct eb_error *why) {
    if (consumer->failed)
        return;                         /* the first reason is the one that counts */
    consumer->failed = true;
    consumer->failure = *why;
    ebi_consumer_nudge(consumer, ebi_ticks_ms());
}

void ebi_consumer_nudge(struct eb_consumer *consumer, int64_t now_ms) {
    const struct ebi_dispatch *dispatch = &consumer->dispatch;

    consumer->wake_wanted |=
        consumer->failed || !ebi_dispatch_has_next(dispatch) || dispatch->n_verdicts >= URGENT_VERDICTS ||
        dispatch->n_verdicts >= (size_t)consumer->task.settings.max_in_flight / 4 ||
        (dispatch->n_verdicts > 0 && now_ms - dispatch->first_verdict_ms >= URGENT_AFTER_MS);
}

void ebi_consumer_unlock(struct eb_consumer *consumer) {
    bool wake = consumer->wake_wanted && consumer->receiving;

    consumer->wake_wanted = false;
    if (wake)
        consumer->receiving = false;    /* once is enough */
    pthread_mutex_unlock(&consumer->lock);
    if (wake)
        ebi_consumer_wake(consumer);
}

void ebi_consumer_wake(struct eb_consumer *consumer) {
    pthread_mutex_lock(&consumer->wake_lock);
    if (consumer->waker)
        consumer->ops->wake(consumer->waker);
    pthread_mutex_unlock(&consumer->wake_lock);
}

/* ---- Failures ---- */

const char *ebi_position_of(const struct eb_message *message) {
    return message->position.data ? message->position.data : "?";
}

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
    inflight->detail = run->detail[0] ? strdup(run->detail) : NULL;        /* without memory the dead letter is without it */
}

void ebi_log_message(const struct eb_consumer *consumer, const struct eb_message *message, enum ebi_level level,
                     const char *text, const struct ebi_log_field *more) {
    const struct ebi_log_field fields[] = {
        {"topic", ebi_short_topic(consumer->task.prefix, message->topic.data)},
        {"event_id", ebi_attr(message, "id").data},
        {"type", ebi_attr(message, "type").data},
        {"position", message->position.data},
        more ? *more : (struct ebi_log_field){0},
    };
    ebi_log_fields(consumer->deps.log, level, text, fields, more ? 5 : 4);
}

void ebi_log_miscount(struct eb_consumer *consumer, const struct ebi_inflight *inflight) {
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
    const struct ebi_log_field field = {"attempts", attempts};

    snprintf(text, sizeof text, "%s: %s: %s", what, inflight->receiver, inflight->why ? inflight->why->text : "out of memory");
    snprintf(attempts, sizeof attempts, "%" PRIu32, inflight->failures);
    ebi_log_message(consumer, &inflight->message, level, text, &field);
}

static void stop_at_failure(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct eb_error why;

    log_failure(consumer, inflight, EBI_ERROR, "failed, and on_failure = stop");
    ebi_error(&why, EB_FATAL, EB_KIND_DATA, "stopped at event %s of topic %s, which was handed back (on_failure = stop): %s",
              ebi_position_of(&inflight->message), ebi_short_topic(consumer->task.prefix, inflight->message.topic.data),
              inflight->why ? inflight->why->text : "?");
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

/* It has had its last chance. True: it is to be buried. */
static bool give_up(struct eb_consumer *consumer, struct ebi_inflight *inflight, bool dead_letter) {
    if (!dead_letter) {
        stop_at_failure(consumer, inflight);
        return false;
    }
    log_failure(consumer, inflight, EBI_ERROR, "becomes a dead letter");
    inflight->stage = EBI_STAGE_DEAD_LETTER;
    return true;
}

/* The broker holds it back itself where it can keep the order we promised meanwhile; else it waits here. */
static bool broker_delays(const struct eb_consumer *consumer) {
    uint32_t traits = consumer->ops->traits;

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

void ebi_consumer_delay(struct eb_consumer *consumer, struct ebi_inflight *inflight, int64_t wait_ms) {
    int64_t now = ebi_ticks_ms(), due = now + wait_ms;

    if (inflight->revoked) {               /* the broker gives it to another one, as soon as this verdict is in */
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        return;
    }
    ebi_dispatch_delay(&consumer->dispatch, inflight, due);
    consumer->wake_wanted |= due < consumer->receive_until_ms;
}

static void try_again(struct eb_consumer *consumer, struct ebi_inflight *inflight, int64_t wanted_ms) {
    int64_t wait = wanted_ms ? wanted_ms : ebi_backoff_wait(&consumer->task.backoff, inflight->failures, ebi_chance());

    log_failure(consumer, inflight, EBI_WARNING, "failed, is tried again");
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

/* Between the tries to run an event that could not be run. */
static const struct ebi_backoff trouble_wait = {.first_ms = 20, .max_ms = 2000, .jitter = 0.2};
enum {
    TROUBLE_SILENT_MS = 60000,          /* trouble that comes back in this time was told already */
    TROUBLE_MOST_MS = 30000             /* with no receiver run meanwhile: then waiting does not help */
};

static void receiver_ran(struct eb_consumer *consumer) {
    consumer->trouble.since_ms = 0;
    consumer->trouble.tries = 0;
    consumer->trouble.any_ran = true;
}

/* A command that was never found is a wrong configuration; one that worked before may come back, as after an upgrade. What
 * is at work frees what it holds when it is done: while others run, waiting may help. */
static bool is_hopeless(const struct eb_consumer *consumer, const struct ebi_run *run, int64_t now) {
    const struct ebi_trouble *trouble = &consumer->trouble;

    if (run->error.kind == EB_KIND_CONFIG && !trouble->any_ran)
        return true;
    return now - trouble->since_ms >= TROUBLE_MOST_MS && consumer->dispatch.at_work <= 1;
}

/* The event waits here, not with the broker, which would count a failure. */
static void wait_out_trouble(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    struct ebi_trouble *trouble = &consumer->trouble;
    int64_t now = ebi_ticks_ms();

    if (!trouble->since_ms)
        trouble->since_ms = now;
    bool told = trouble->last_ms && now - trouble->last_ms < TROUBLE_SILENT_MS;
    trouble->last_ms = now;
    if (is_hopeless(consumer, run, now)) {
        struct eb_error why = run->error;

        ebi_error_context(&why, "receivers cannot be run, the events are handed back: %s", run->receiver);
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        ebi_consumer_fail(consumer, &why);
        return;
    }
    if (!told) {
        char text[EB_ERROR_ROOM + 256];

        snprintf(text, sizeof text, "%s: %s; events wait until it can be run, no attempt is counted", run->receiver,
                 run->error.text);
        ebi_log_message(consumer, &inflight->message, EBI_ERROR, text, NULL);
    }
    ebi_consumer_delay(consumer, inflight, ebi_backoff_wait(&trouble_wait, ++trouble->tries, ebi_chance()));
}

/* ---- Outcomes ---- */

static bool retry_or_give_up(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    bool dead_letter = false;

    note_failure(inflight, run, true);
    if (run->status == EB_PERMANENT || inflight->failures >= consumer->task.attempts)
        dead_letter = give_up(consumer, inflight, consumer->task.settings.on_failure == 0);
    else
        try_again(consumer, inflight, run->wait_ms);
    count_error(consumer);
    return dead_letter;
}

static bool give_up_unusable(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
    note_failure(inflight, run, false);
    count_error(consumer);
    return give_up(consumer, inflight, consumer->task.settings.on_failure == 0);
}

static void stop_without_receiver(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct eb_text type = ebi_attr(&inflight->message, "type");
    struct eb_error why;

    ebi_error(&why, EB_PERMANENT, EB_KIND_CONFIG,
              "stopped at event %s of topic %s, which was handed back: no receiver is connected for %.*s, or the signal is disabled "
              "(on_no_receiver = stop)", ebi_position_of(&inflight->message),
              ebi_short_topic(consumer->task.prefix, inflight->message.topic.data), (int)type.len, type.data ? type.data : "");
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

static bool skip_or_give_up(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct ebi_run *run) {
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

bool ebi_outcome_apply(struct eb_consumer *consumer, struct ebi_inflight *inflight, enum ebi_outcome outcome,
               const struct ebi_run *run) {
    int64_t now = ebi_ticks_ms();
    bool dead_letter = false;

    if (!inflight->queue) {                 /* the instance it came by is gone: it comes again by the next one */
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        return false;
    }
    switch (outcome) {
    case EBI_SUCCEEDED:
        receiver_ran(consumer);
        consumer->consecutive_errors = 0;
        atomic_fetch_add(&consumer->counters.succeeded, 1);
        ebi_dispatch_ack(&consumer->dispatch, inflight, now);
        break;
    case EBI_FAILED:
        if (run->cause == EBI_OWN_TROUBLE) {
            wait_out_trouble(consumer, inflight, run);
        } else if (run->cause == EBI_TOLD_TO_END && atomic_load(&consumer->stops) > 0) {
            ebi_dispatch_return(&consumer->dispatch, inflight, now);
        } else {
            receiver_ran(consumer);
            dead_letter = retry_or_give_up(consumer, inflight, run);
        }
        break;
    case EBI_UNUSABLE:
        dead_letter = give_up_unusable(consumer, inflight, run);
        break;
    case EBI_UNKNOWN:
        dead_letter = skip_or_give_up(consumer, inflight, run);
        break;
    case EBI_NO_RECEIVER:
        stop_without_receiver(consumer, inflight);
        break;
    case EBI_CANCELLED:
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        break;
    }
    ebi_consumer_nudge(consumer, now);
    return dead_letter;
}
