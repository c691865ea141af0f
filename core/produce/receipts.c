/* core/produce/receipts.c - what became of an event: a line in the log, a receipt for who sent it, and the file of undelivered
 * events. See producer_state.h. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fingerprint.h"
#include "produce/producer_state.h"
#include "produce/undelivered.h"
#include "schema/key_field.h"

/* Whether a key is personal data, which no log shows. */
static bool is_personal(const struct ebi_key_field *field) {
    const char *path = field ? ebi_key_field_path(field) : "pii"; /* unknown: not shown, to be safe */

    for (const char *at = path; (at = strstr(at, "pii")); at += 3)
        if ((at == path || at[-1] == '.') && (at[3] == '\0' || at[3] == '.'))
            return true;
    return false;
}

/* The fields of a log line about one message. */
struct log_fields {
    const char *topic;
    struct ebi_log_field fields[5];
    char key[9];
};

static void fill_fields(struct log_fields *about, const struct eb_message *message, const char *topic, const char *position,
                        const struct ebi_key_field *field) {
    const char *key = message->key.data;

    if (key && is_personal(field)) {
        ebi_fingerprint(key, message->key.len, about->key);
        key = about->key;
    }
    about->topic = topic;
    about->fields[0] = (struct ebi_log_field){ "topic", topic };
    about->fields[1] = (struct ebi_log_field){ "event_id", message->id.data };
    about->fields[2] = (struct ebi_log_field){ "type", ebi_attr(message, "type").data };
    about->fields[3] = (struct ebi_log_field){ "position", position };
    about->fields[4] = (struct ebi_log_field){ "key", key };
}

/* Adds an event that will not be delivered to the file, and counts it as kept, or as lost where that fails. */
static void keep(struct ebi_producer *producer, const struct eb_event *event, const struct ebi_key_field *key,
                 const struct log_fields *about) {
    struct eb_error err;

    if (ebi_undelivered_add(producer->deps.undelivered, event, about->topic, key ? ebi_key_field_path(key) : NULL, &err) ==
        EB_OK) {
        atomic_fetch_add(&producer->kept, 1);
        return;
    }
    atomic_fetch_add(&producer->lost, 1);
    ebi_error_context(&err, "the event is lost, since it could not be kept either");
    ebi_log_fields(producer->deps.log, EBI_ERROR, err.text, about->fields, 5);
}

static void keep_message(struct ebi_producer *producer, const struct eb_signal *signal, const struct eb_message *message,
                         const struct ebi_key_field *key, const struct log_fields *about) {
    struct eb_event *event = NULL;
    struct eb_error err;

    if (ebi_event_of(signal, message, &event, &err) == EB_OK) {
        event->send_id = message->send_id.data; /* the broker may have stored it all the same */
        keep(producer, event, key, about);
        eb_event_free(event);
        return;
    }
    atomic_fetch_add(&producer->lost, 1);
    ebi_error_context(&err, "the event is lost, since it cannot be read back");
    ebi_log_fields(producer->deps.log, EBI_ERROR, err.text, about->fields, 5);
}

static bool calls_back(const struct ebi_producer *producer) {
    return atomic_load_explicit(&producer->calls_back, memory_order_acquire);
}

static void call_back(struct ebi_producer *producer, const struct eb_receipt *receipt) {
    if (!calls_back(producer))
        return;
    pthread_mutex_lock(&producer->lock);
    eb_delivered delivered = producer->on_delivery;
    void *arg = producer->on_delivery_arg;
    pthread_mutex_unlock(&producer->lock);
    if (delivered)
        delivered(arg, receipt);
}

static const struct ebi_key_field *routed_key(const struct ebi_producer *producer, const struct eb_message *message) {
    struct eb_text type = ebi_attr(message, "type");
    const struct eb_signal *signal = ebi_signals_get(producer->deps.signals, type.data, type.len);

    return ebi_routes_key(producer->deps.routes, signal, message->topic.data);
}

/* Logs a report, and keeps an event that was not delivered. */
static void log_and_keep(struct ebi_producer *producer, const struct ebi_report *report, const char *topic,
                         const struct ebi_key_field *key, enum ebi_keeper keeper) {
    const struct ebi_producer_deps *deps = &producer->deps;
    struct eb_text type = ebi_attr(report->message, "type");
    struct log_fields about;

    fill_fields(&about, report->message, topic, report->position, key);
    if (report->status == EB_OK) {
        ebi_log_fields(deps->log, EBI_INFO, "delivered", about.fields, 5);
        return;
    }
    struct eb_error why = *report->error;

    ebi_error_context(&why, "not delivered");
    ebi_log_fields(deps->log, EBI_ERROR, why.text, about.fields, 5);
    if (keeper == EBI_PRODUCER_KEEPS)
        keep_message(producer, ebi_signals_get(deps->signals, type.data, type.len), report->message, key, &about);
}

/* A line for each delivered event is an option; a failure is always logged. */
static bool is_to_be_logged(const struct ebi_producer *producer, const struct ebi_report *report) {
    return report->status != EB_OK || (producer->deps.settings->audit_delivered && ebi_log_takes(producer->deps.log, EBI_INFO));
}

static struct eb_receipt receipt_of(const struct ebi_report *report, const char *topic) {
    return (struct eb_receipt){
        .size = sizeof(struct eb_receipt),
        .id = report->message->id.data,
        .type = ebi_attr(report->message, "type").data,
        .topic = topic,
        .position = report->position,
        .error = report->error,
        .maybe_stored = report->maybe_stored,
    };
}

void ebi_producer_on_routed(void *arg, const struct ebi_report *report) {
    struct ebi_producer *producer = arg;
    bool logged = is_to_be_logged(producer, report);

    if (!logged && !calls_back(producer))
        return; /* without a look at the message, which has left the cache long ago */
    const char *topic = ebi_short_topic(producer->deps.settings->topic_prefix, report->message->topic.data);
    if (logged)
        log_and_keep(producer, report, topic, report->message->key.data ? routed_key(producer, report->message) : NULL,
                     EBI_PRODUCER_KEEPS);
    struct eb_receipt receipt = receipt_of(report, topic);
    call_back(producer, &receipt);
}

void ebi_producer_on_requested(void *arg, const struct ebi_report *report) {
    struct ebi_request *request = arg;
    const char *topic = ebi_short_topic(request->producer->deps.settings->topic_prefix, report->message->topic.data);

    if (is_to_be_logged(request->producer, report))
        log_and_keep(request->producer, report, topic, request->key, request->keeper);
    struct eb_receipt receipt = receipt_of(report, topic);
    if (request->delivered)
        request->delivered(request->arg, &receipt);
    call_back(request->producer, &receipt);
    free(request);
}

void ebi_producer_not_queued(struct ebi_producer *producer, const struct ebi_encoded *encoded, const struct eb_event *event,
                             const struct ebi_target *target, const struct eb_error *cause) {
    struct eb_message message = ebi_message_of(encoded, event, target);
    struct eb_event addressed = *event; /* borrows everything from it */
    struct eb_error why = *cause;
    struct log_fields about;

    if (message.key_avro.len == 0) /* making the key failed, which is the cause */
        message.key = (struct eb_text){ 0 };
    ebi_event_borrow_key(&addressed, &message);
    ebi_error_context(&why, "not sent");
    fill_fields(&about, &message, target->topic, NULL, target->key);
    ebi_log_fields(producer->deps.log, EBI_ERROR, why.text, about.fields, 5);
    keep(producer, &addressed, target->key, &about);
    struct eb_receipt receipt = {
        .size = sizeof receipt, .id = event->meta.id, .type = event->meta.type, .topic = target->topic, .error = &why
    };
    call_back(producer, &receipt);
}
