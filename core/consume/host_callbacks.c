/* core/consume/host_callbacks.c - what a plugin's consumer calls: messages come in, verdicts are confirmed, partitions go. */
#include "consume/host_callbacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "consume/failures.h"
#include "plugin/message.h"
#include "schema/key_field.h"
#include "signal/event.h"

enum { ANNOUNCED = 64 }; /* so many messages come in before a thread is woken, unless receive ends sooner */

static struct eb_consumer *consumer_of(const struct eb_host *host) {
    return EBI_INSTANCE_OWNER(host, struct eb_consumer, instance);
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    return ebi_task_wants(&consumer_of(host)->task, topic);
}

/* ---- The queue a message belongs to ---- */

/* Adds text that is the same for all messages of one topic and key, and for no others. */
static bool topic_and_key(struct ebi_bytes *queue, struct eb_text topic, struct eb_text key) {
    return ebi_bytes_add(queue, topic.data, topic.len) && ebi_bytes_add(queue, "\0", 1) &&
           ebi_bytes_add(queue, key.data, key.len);
}

/* Finds the key in the data if the broker carries no keys; the key stays empty if the data has none. This decodes the message, so
 * that its worker thread need not do it. A message that cannot be decoded has no order to keep, but joins the queue of messages
 * without a key, to be safe. Returns false without memory. */
static bool key_from_data(struct eb_consumer *consumer, struct ebi_inflight *inflight, struct ebi_bytes *key) {
    const struct ebi_key_field *field = NULL;
    struct ebi_bytes avro = { 0 };
    struct ebi_run run = { 0 };
    struct eb_event *event = NULL;
    const char *path = consumer->task.settings.key_field;
    enum ebi_outcome outcome = ebi_decode_message(consumer->deps.signals, consumer->decoder, &inflight->message, &event, &run);
    enum eb_status status = EB_OK;

    if (outcome != EBI_SUCCEEDED)
        return outcome != EBI_FAILED; /* the thread will fail in the same way, and log it */
    inflight->event = event;
    if (path && *path)
        status = ebi_routes_key_field((struct ebi_routes *)consumer->deps.routes, event->signal, path, &field, NULL);
    else
        field = ebi_routes_key(consumer->deps.routes, event->signal, inflight->message.topic.data);
    if (status == EB_OK && field)
        status = ebi_data_key(event->data, field, key, &avro, NULL);
    ebi_bytes_free(&avro);
    return status == EB_OK || status == EB_PERMANENT; /* permanent: the event has no such field, or it is not set */
}

/* Finds the queue of a message: builds its key, or sets *own where it gets a queue of its own. False: no memory. */
static bool queue_for(struct eb_consumer *consumer, struct ebi_inflight *inflight, struct ebi_bytes *queue, bool *own) {
    const struct eb_message *message = &inflight->message;
    struct ebi_bytes key = { 0 };

    *own = false;
    switch (consumer->task.order) {
    case EB_ORDER_NONE:
        *own = true;
        return true;
    case EB_ORDER_STRICT:
        return ebi_bytes_add(queue, "strict", 6);
    case EB_ORDER_KEY:
        break;
    }
    if (message->key.data)
        return topic_and_key(queue, message->topic, message->key);
    if (consumer->deps.broker->traits.consumer & EB_T_ORDER) { /* the broker carries keys, and this message asks for no order */
        *own = true;
        return true;
    }
    bool ok = key_from_data(consumer, inflight, &key) &&
              topic_and_key(queue, message->topic, (struct eb_text){ key.data, key.len });
    ebi_bytes_free(&key);
    return ok;
}

/* ---- Messages ---- */

/* A message with more headers than this worker takes loses them all and becomes a dead letter: if it were refused, the broker would
 * deliver it again and again, and it would hold up all that comes after it. 96 are left for the headers of a dead letter. */
enum { MAX_HEADERS = EBI_MOST_HEADERS - 96 };

static void leave_out_headers(struct eb_message *message) {
    static const char why[] = "the message has more than 4000 headers; they are left out";

    if (message->n_headers <= MAX_HEADERS && message->n_attrs <= MAX_HEADERS)
        return;
    message->n_headers = 0;
    message->n_attrs = message->n_attrs <= MAX_HEADERS ? message->n_attrs : 0;
    message->decode_error = (struct eb_text){ why, sizeof why - 1 };
}

/* All leases are extended together, so the shortest one decides when. */
static void note_lease(struct eb_consumer *consumer, int64_t lease_ms) {
    if (lease_ms <= 0 || (consumer->lease_ms > 0 && lease_ms >= consumer->lease_ms))
        return;
    consumer->lease_ms = lease_ms;
    consumer->extend_at_ms = ebi_ticks_ms() + lease_ms / 3;
}

/* Where the plugin cannot tell a late acknowledgement, the worker tells it by the time. */
static void watch_lease(const struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    int64_t lease_ms = inflight->message.lease_ms;

    if ((consumer->deps.broker->traits.consumer & EB_T_LATE_UNTOLD) && lease_ms > 0 && lease_ms < INT64_MAX / 2)
        inflight->lease_ends_ms = ebi_boot_us() / 1000 + lease_ms;
}

static void keep_schemas(void *arg, const struct ebi_inflight *inflight) {
    ebi_writer_schemas_keep(arg, inflight->message.schema);
    ebi_writer_schemas_keep(arg, inflight->message.key_schema);
}

void ebi_mark_schemas_in_use(void *arg, struct ebi_writer_schemas *writers) {
    struct eb_consumer *consumer = arg;

    ebi_consumer_lock(consumer);
    ebi_dispatch_each(&consumer->dispatch, keep_schemas, writers);
    ebi_consumer_unlock(consumer);
}

/* Lock held. */
static bool has_room(const struct eb_consumer *consumer) {
    const struct ebi_consume_settings *settings = &consumer->task.settings;
    const struct ebi_dispatch *dispatch = &consumer->dispatch;

    return dispatch->in_flight < (size_t)settings->max_in_flight &&
           (dispatch->in_flight == 0 || dispatch->bytes < (size_t)settings->max_in_flight_bytes);
}

static enum eb_status take_in(struct eb_consumer *consumer, const struct eb_message *message) {
    const struct eb_schema *key_schema, *schema;
    struct ebi_bytes *queue = &consumer->queue_key;
    struct eb_error decode_error;
    struct ebi_inflight *inflight = NULL;
    struct eb_message copy;
    size_t copied = 0; /* bytes of schemas: a message counts with those that came with it */
    bool own, added = false;

    ebi_sized_copy(&copy, sizeof copy, message);
    copy.send_id = (struct eb_text){ 0 }; /* names a send, and this message was received */
    enum eb_status status = ebi_writer_schemas_take(consumer->writers, copy.schema, &schema, &copied, &decode_error);
    if (status == EB_OK)
        status = ebi_writer_schemas_take(consumer->writers, copy.key_schema, &key_schema, &copied, &decode_error);
    if (status == EB_RETRIABLE)
        return EB_FULL; /* no memory now: the message stays with the plugin */
    if (status == EB_PERMANENT) {
        copy.decode_error = (struct eb_text){ decode_error.text, strlen(decode_error.text) };
        schema = key_schema = NULL;
    }
    leave_out_headers(&copy);
    inflight = ebi_inflight_new(&copy, key_schema, schema, ebi_inflight_spare(&consumer->spares));
    ebi_bytes_clear(queue);
    if (!inflight || !queue_for(consumer, inflight, queue, &own))
        goto done;
    inflight->bytes += copied;
    watch_lease(consumer, inflight);
    ebi_consumer_lock(consumer);
    enum ebi_counting counting = consumer->dispatch.attempts.broker;
    added = has_room(consumer) &&
            ebi_dispatch_add(&consumer->dispatch, inflight, own ? NULL : queue->data, queue->len, consumer->receive_began_ms);
    if (consumer->dispatch.attempts.broker != counting)
        ebi_failures_log_miscount(consumer, inflight);
    ebi_consumer_unlock(consumer);
    if (added) {
        atomic_fetch_add(&consumer->counters.received, 1);
        note_lease(consumer, copy.lease_ms);
        if (++consumer->unannounced == ANNOUNCED)
            ebi_announce_received(consumer);
    }
done:
    if (!added)
        ebi_inflight_free(inflight);
    return added ? EB_OK : EB_FULL;
}

/* To wake a thread for each message would cost a wake each time, and two switches where loop and thread share a CPU. */
void ebi_announce_received(struct eb_consumer *consumer) {
    if (consumer->unannounced > 0)
        pthread_cond_signal(&consumer->work);
    consumer->unannounced = 0;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    return take_in(consumer_of(host), message);
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct eb_consumer *consumer = consumer_of(host);
    int64_t boot_ms = consumer->deps.broker->traits.consumer & EB_T_LATE_UNTOLD ? ebi_boot_us() / 1000 : 0;
    size_t gone = 0, untold = 0;

    ebi_consumer_lock(consumer);
    for (size_t i = 0; i < n; i++) {
        bool acked = false, late = false;

        if (!ebi_dispatch_settled(&consumer->dispatch, tokens[i], boot_ms, &acked, &late))
            continue; /* the token is of an earlier instance, or was confirmed before */
        if (acked && status == EB_OK && !late)
            consumer->settled++;
        gone += acked && status != EB_OK;
        untold += acked && status == EB_OK && late;
    }
    ebi_consumer_unlock(consumer);
    if (untold)
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "broker %s: %zu acknowledgement(s) were confirmed after their lease had ended, which this broker does not "
                     "tell; those events may be delivered again",
                     host->instance, untold);
    if (gone)
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "broker %s: %zu acknowledgement(s) came too late; those events will be delivered again", host->instance,
                     gone);
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    struct eb_consumer *consumer = consumer_of(host);

    ebi_log_line(consumer->deps.log, EBI_DEBUG, "broker %s: %zu event(s) are revoked in %u ms", host->instance, n, grace_ms);
    ebi_consumer_lock(consumer);
    ebi_dispatch_revoke(&consumer->dispatch, tokens, n, ebi_ticks_ms());
    ebi_consumer_unlock(consumer);
    sem_post(
        &consumer->wake_asked); /* there are verdicts; the plugin may hold its locks here, so the stopper thread wakes it */
}

void ebi_host_callbacks_set(struct eb_host *host) {
    host->received = on_received;
    host->settled = on_settled;
    host->revoke = on_revoke;
    host->matches = on_matches;
}
