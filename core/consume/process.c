/* core/consume/process.c - see process.h. */
#include "consume/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "produce/producer.h"
#include "signal/event.h"
#include "signal/registry.h"

static void audit(const struct eb_consumer *consumer, bool wanted, const char *text, const struct eb_event *event) {
    char time[24];

    if (!wanted || !ebi_log_takes(consumer->deps.log, EBI_INFO))
        return;
    snprintf(time, sizeof time, "%" PRId64, event->meta.time_us / 1000);
    const struct ebi_log_field fields[] = { { "topic", event->meta.topic },
                                            { "event_id", event->meta.id },
                                            { "type", event->meta.type },
                                            { "position", event->meta.position },
                                            { "event_time_ms", time } };
    ebi_log_fields(consumer->deps.log, EBI_INFO, text, fields, 5);
}

/* Runs the program's own receivers. The failure is permanent only when all failures are, since a retry helps the others. Returns how
 * many receivers have run. */
static size_t run_signal(const struct eb_event *event, struct ebi_run *run) {
    struct eb_outcome outcome = { 0 };
    const struct eb_failure *worst = NULL;

    run->status = eb_send(event, &outcome, &run->error);
    for (size_t i = 0; i < outcome.failed; i++)
        if (!worst || worst->error.status == EB_PERMANENT)
            worst = &outcome.failures[i];
    if (worst) {
        run->status = worst->error.status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE;
        run->error = worst->error;
        run->error.status = run->status;
        snprintf(run->receiver, sizeof run->receiver, "%s", worst->receiver);
        if (outcome.failed > 1)
            ebi_error_context(&run->error, "%zu receivers out of %zu failed, %s", outcome.failed, outcome.receivers,
                              worst->receiver);
    } else if (run->status != EB_OK) {
        run->cause = run->status == EB_PERMANENT ? EBI_RECEIVERS_FAULT : EBI_OWN_TROUBLE;
        snprintf(run->receiver, sizeof run->receiver, "sending");
    }
    size_t ran = outcome.receivers;
    eb_outcome_free(&outcome);
    return ran;
}

/* Whether the event's signal has a receiver beside the general handler; logs once for each signal that it has none. Where more than
 * one receiver has run, that is known without a lock. */
static bool has_receiver(struct eb_consumer *consumer, const struct eb_event *event, size_t ran) {
    const struct eb_signal *signal = event->signal;

    if (ran > 1 || ebi_signals_heard(consumer->deps.signals, signal, ebi_general_handler))
        return true;
    if (!(atomic_fetch_or(signal->switches, EBI_TOLD_UNHEARD) & EBI_TOLD_UNHEARD) && !consumer->unheard_logged)
        ebi_log_line(
            consumer->deps.log, EBI_WARNING,
            "group %s: no receiver is connected for %s, or the signal is disabled: such events are %s (on_no_receiver)",
            consumer->task.group, event->meta.type,
            consumer->task.needs_receivers ? "handed back, and the worker ends" : "acknowledged, and nothing is done");
    return false;
}

static void log_alone(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, const struct eb_event *event) {
    char beside[64] = "";

    if (inflight->n_hanging)
        snprintf(beside, sizeof beside, " beside %zu event(s) whose receivers hang", inflight->n_hanging);
    ebi_log_line(consumer->deps.log, EBI_WARNING,
                 "event %s at %s %s was delivered %u times and runs alone%s, so that a crash names it", event->meta.id,
                 event->meta.topic, ebi_position_of(&inflight->message), inflight->message.deliveries, beside);
}

enum ebi_outcome ebi_process(struct ebi_worker_thread *thread, struct ebi_inflight *inflight, struct ebi_run *run) {
    struct eb_consumer *consumer = thread->consumer;
    const struct ebi_bus_settings *bus = consumer->deps.bus;
    struct eb_event *event = inflight->event;
    bool had_receiver = true;

    inflight->event = NULL;
    if (!event) {
        event = thread->event;
        thread->event = NULL;
        enum ebi_outcome outcome = ebi_decode_message(consumer->deps.signals, thread->decoder, &inflight->message, &event, run);

        if (outcome != EBI_SUCCEEDED) {
            thread->event = event;
            return outcome;
        }
    }
    ebi_event_set_origin(event, &inflight->message, consumer->task.prefix, inflight->failures);
    audit(consumer, bus->audit_received, "received", event);
    if (inflight->alone)
        log_alone(consumer, inflight, event);
    if (consumer->deps.before_event)
        consumer->deps.before_event(consumer->deps.before_event_arg);
    if (thread->receiver)
        thread->receiver->run(thread->receiver, event, run);
    else
        had_receiver = has_receiver(consumer, event, run_signal(event, run));
    bool refused = !had_receiver && consumer->task.needs_receivers;
    if (run->status >= EB_OK && run->status != EB_GONE && !refused)
        audit(consumer, bus->audit_processed, "processed successfully", event);
    eb_event_free(thread->event);
    thread->event = event;
    if (run->status == EB_GONE)
        return EBI_CANCELLED;
    if (refused)
        return EBI_NO_RECEIVER;
    return run->status >= EB_OK ? EBI_SUCCEEDED : EBI_FAILED;
}
