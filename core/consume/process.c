/* core/consume/process.c - one message at a hand: decoded, made an event again, its receivers run. */
#include "consume/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "produce/producer.h"
#include "signal/attrs.h"
#include "signal/event.h"
#include "signal/registry.h"

/* ---- Decoding ---- */

static bool has_type(const struct eb_signal *signal, struct eb_text type) {
    const char *its = ebi_schema_type(signal->schema);

    return strlen(its) == type.len && memcmp(its, type.data, type.len) == 0;
}

/* last: that of the event before, which mostly is it; NULL: none. */
static const struct eb_signal *signal_of(const struct ebi_signals *signals, const struct eb_signal *last,
                                         struct eb_text type, struct ebi_run *run) {
    if (last && has_type(last, type))
        return last;
    if (!type.data || type.len == 0) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "the message has no event type");
        return NULL;
    }
    if (strlen(type.data) != type.len || type.len > 255) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "the message's event type is no name");
        return NULL;
    }
    const struct eb_signal *signal = ebi_signals_find(signals, type.data, &run->error);
    if (!signal)
        run->status = EB_PERMANENT;
    return signal;
}

/* Whether a type that has no signal may be passed over by on_unknown: not where only its schema file is bad. */
static bool is_unknown(const struct ebi_signals *signals, struct eb_text type) {
    return type.data && type.len && !ebi_signals_bad(signals, type.data);
}

/* An empty event of a signal: the one that is there, or a new one. */
static enum eb_status make_event(const struct eb_signal *signal, const struct eb_message *message,
                                 struct eb_event **event, struct eb_error *err) {
    if (!*event || (*event)->signal != signal) {
        eb_event_free(*event);
        *event = NULL;
        return eb_event_new(signal, event, err);
    }
    if (!ebi_attr(message, "id").data || !ebi_attr(message, "time").data)
        return eb_event_reset(*event, err);
    ebi_event_clear(*event);
    return EB_OK;
}

static struct eb_text header(const struct eb_message *message, const char *name) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (message->headers[i].name.len == strlen(name) && memcmp(message->headers[i].name.data, name, strlen(name)) == 0)
            return message->headers[i].value;
    return (struct eb_text){0};
}

bool ebi_dead_letter_lacks_data(const struct eb_message *message) {
    return !message->payload.len && header(message, "dlq_sha256").data;
}

static const char *said(const struct eb_message *message, const char *name) {
    const char *text = header(message, name).data;

    return text ? text : "?";
}

enum ebi_outcome ebi_decode_message(const struct ebi_signals *signals, struct ebi_decoder *decoder,
                                    const struct eb_message *message, struct eb_event **event, struct ebi_run *run) {
    struct eb_text type = ebi_attr(message, "type");

    strcpy(run->receiver, "decoding");
    if (ebi_dead_letter_lacks_data(message)) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA,
                                "a dead letter without its data, which did not fit: the original is at %s %s, %s bytes with "
                                "SHA-256 %s; it was given up since: %s",
                                said(message, "dlq_topic"), said(message, "dlq_position"), said(message, "dlq_size"),
                                said(message, "dlq_sha256"), said(message, "dlq_reason"));
        return EBI_UNUSABLE;
    }
    if (message->decode_error.data) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "%s", message->decode_error.data);
        return EBI_UNUSABLE;
    }
    const struct eb_signal *signal = signal_of(signals, *event ? (*event)->signal : NULL, type, run);
    if (!signal)
        return is_unknown(signals, type) ? EBI_UNKNOWN : EBI_UNUSABLE;
    run->status = make_event(signal, message, event, &run->error);
    if (run->status == EB_OK)
        run->status = ebi_attrs_take(*event, message, &run->error);
    if (run->status == EB_OK)
        run->status = ebi_decoder_read(decoder, signal, (*event)->data, message->schema, message->payload, &run->error);
    if (run->status == EB_OK)
        return EBI_SUCCEEDED;
    eb_event_free(*event);
    *event = NULL;
    if (run->status == EB_PERMANENT)
        return EBI_UNUSABLE;
    run->cause = EBI_OWN_TROUBLE;       /* no memory */
    return EBI_FAILED;
}

/* ---- Running ---- */

void ebi_event_set_origin(struct eb_event *event, const struct eb_message *message, const char *prefix, uint32_t failures) {
    struct eb_metadata *meta = &event->meta;

    meta->from_event_bus = 1;
    meta->topic = ebi_short_topic(prefix, message->topic.data);
    meta->position = message->position.data;
    if (message->key.data) {
        meta->key = message->key.data;
        meta->key_len = message->key.len;
    }
    meta->attempt = (int32_t)failures + 1;
    event->headers = message->headers;
    event->n_headers = message->n_headers;
}

static void audit(const struct eb_consumer *consumer, bool wanted, const char *text, const struct eb_event *event) {
    char time[24];

    if (!wanted || !ebi_log_takes(consumer->deps.log, EBI_INFO))
        return;
    snprintf(time, sizeof time, "%" PRId64, event->meta.time_us / 1000);
    const struct ebi_log_field fields[] = {{"topic", event->meta.topic},
                                           {"event_id", event->meta.id},
                                           {"type", event->meta.type},
                                           {"position", event->meta.position},
                                           {"event_time_ms", time}};
    ebi_log_fields(consumer->deps.log, EBI_INFO, text, fields, 5);
}

/* The program's own receivers: permanent only when all that failed are, since another try helps the others. Answers how
 * many have run. */
static size_t run_signal(const struct eb_event *event, struct ebi_run *run) {
    struct eb_outcome outcome = {0};
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

/* Whether the event's signal has a receiver beside the general handler; says once for each signal that it has none. One
 * that more than the general handler has run for has: that is seen without a lock. */
static bool is_heard(struct eb_consumer *consumer, const struct eb_event *event, size_t ran) {
    const struct eb_signal *signal = event->signal;

    if (ran > 1 || ebi_signals_heard(consumer->deps.signals, signal, ebi_general_handler))
        return true;
    if (!(atomic_fetch_or(signal->switches, EBI_TOLD_UNHEARD) & EBI_TOLD_UNHEARD) && !consumer->unheard_logged)
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "group %s: no receiver is connected for %s, or the signal is disabled: such events are %s (on_no_receiver)",
                     consumer->task.group, event->meta.type,
                     consumer->task.needs_receivers ? "handed back, and the worker ends" : "acknowledged, and nothing is done");
    return false;
}

static void tell_alone(const struct eb_consumer *consumer, const struct ebi_inflight *inflight, const struct eb_event *event) {
    char company[64] = "";

    if (inflight->n_hanging)
        snprintf(company, sizeof company, " but for %zu event(s) whose receivers hang", inflight->n_hanging);
    ebi_log_line(consumer->deps.log, EBI_WARNING,
                 "event %s at %s %s was handed out %u times and is run alone%s, so that a crash names it", event->meta.id,
                 event->meta.topic, ebi_position_of(&inflight->message), inflight->message.deliveries, company);
}

enum ebi_outcome ebi_process(struct ebi_worker_thread *thread, struct ebi_inflight *inflight, struct ebi_run *run) {
    struct eb_consumer *consumer = thread->consumer;
    const struct ebi_bus_settings *bus = consumer->deps.bus;
    struct eb_event *event = inflight->event;
    bool heard = true;

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
        tell_alone(consumer, inflight, event);
    if (consumer->deps.before_event)
        consumer->deps.before_event(consumer->deps.before_event_arg);
    if (thread->receiver)
        thread->receiver->run(thread->receiver, event, run);
    else
        heard = is_heard(consumer, event, run_signal(event, run));
    bool refused = !heard && consumer->task.needs_receivers;
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
