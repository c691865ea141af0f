/* plugins/kafka/producer/send.c - frames a message and passes it to librdkafka, or lets it wait; see state.h. */
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>

#include "error.h"
#include "record/frame.h"

enum {
    MAX_WAITING = 100000, /* messages that wait, of all topics together */
    TOPIC_RETRY_MS = 250  /* how often an unknown topic is tried */
};

/* ---- Framing ---- */

/* Sets the id that a schema has in the registry. Returns EB_OK; EB_EMPTY or EB_RETRIABLE: the message waits for it;
 * EB_PERMANENT: the registry refuses the schema. */
static int32_t find_schema_id(struct kf_producer *p, struct kf_topic *topic, const struct eb_schema *schema, uint32_t *id,
                              struct eb_error *err) {
    struct kf_subject *subject;
    int32_t status;

    *id = 0;
    if (!p->client.registry || !schema)
        return EB_OK;
    subject = kf_topics_subject(topic, p->client.registry, schema, err);
    if (!subject)
        return EB_RETRIABLE;
    if (!subject->known) {
        status = sr_id(subject->entry, &subject->id, err);
        if (status != EB_OK)
            return status;
        subject->known = true;
    }
    *id = subject->id;
    return EB_OK;
}

/* Sets the key as it is sent. Returns false without memory. */
static bool frame_key(struct kf_producer *p, const struct eb_message *message, uint32_t id, struct eb_text *key) {
    struct eb_text avro = message->key_avro;

    *key = avro.data ? avro : message->key; /* not Avro: a text of the host's, or the bytes that another program wrote */
    if (!avro.data || message->decode_error.data)
        return true;
    if (!EBP_RESERVE(p->key, p->key_room, avro.len + KF_FRAME))
        return false;
    kf_frame_put(p->key, id);
    memcpy(p->key + KF_FRAME, avro.data, avro.len);
    *key = (struct eb_text){ p->key, avro.len + KF_FRAME };
    return true;
}

/* Sets the value as it is sent, and *flags to how librdkafka takes it. Returns false without memory. */
static bool frame_value(struct kf_producer *p, const struct eb_message *message, uint32_t id, char **value, size_t *len,
                        int *flags) {
    struct eb_text payload = message->payload;

    *flags = 0;
    *value = (char *)payload.data;
    *len = payload.len;
    if (!payload.data || message->decode_error.data)
        return true; /* absent, or a dead letter that could not be read: as it was, and borrowed */
    *len = payload.len + KF_FRAME;
    *flags = *len <= KF_SMALL ? RD_KAFKA_MSG_F_COPY : RD_KAFKA_MSG_F_FREE;
    *value = *len <= KF_SMALL ? p->value : malloc(*len);
    if (!*value)
        return false;
    kf_frame_put(*value, id);
    memcpy(*value + KF_FRAME, payload.data, payload.len);
    return true;
}

/* ---- One message ---- */

enum sent { SENT, WAITS, NO_ROOM, REFUSED };

bool kf_may_wait_for_topic(const struct kf_producer *p, struct kf_topic *topic) {
    int64_t now = ebp_monotonic_ms();

    if (!topic->unknown_ms)
        topic->unknown_ms = now;
    topic->retry_ms = now + TOPIC_RETRY_MS;
    return now < topic->unknown_ms + p->client.set->topic_wait_ms;
}

static enum sent refuse(struct eb_error *err, int32_t status) {
    err->status = status;
    return REFUSED;
}

static enum sent produce_one(struct kf_producer *p, struct kf_topic *topic, const struct eb_message *message, uint32_t id,
                             uint32_t key_id, struct eb_error *err) {
    struct eb_text key;
    size_t len;
    char *value = NULL;
    int flags = 0;
    rd_kafka_headers_t *headers = kf_headers_new(&p->header_pool, message);
    rd_kafka_resp_err_t code;

    if (!headers || !frame_key(p, message, key_id, &key) || !frame_value(p, message, id, &value, &len, &flags)) {
        if (headers)
            rd_kafka_headers_destroy(headers);
        ebp_no_memory(err);
        return refuse(err, EB_RETRIABLE);
    }
    code = rd_kafka_producev(p->client.rk, RD_KAFKA_V_RKT(topic->rkt), RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_VALUE(value, len),
                             RD_KAFKA_V_KEY(key.data, key.len), RD_KAFKA_V_TIMESTAMP(p->time), RD_KAFKA_V_HEADERS(headers),
                             RD_KAFKA_V_OPAQUE((void *)message), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic->unknown_ms = topic->retry_ms = 0;
        return SENT;
    }
    rd_kafka_headers_destroy(headers);
    if (flags & RD_KAFKA_MSG_F_FREE)
        free(value);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return NO_ROOM;
    kf_refusal_error(p, err, code, message);
    if (code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return REFUSED;
    return kf_may_wait_for_topic(p, topic) ? WAITS : REFUSED;
}

/* Passes a message to librdkafka, unless it has to wait. */
static enum sent send_one(struct kf_producer *p, struct kf_topic *topic, const struct eb_message *message,
                          struct eb_error *err) {
    uint32_t id = 0, key_id = 0;
    int32_t status = EB_OK, key_status = EB_OK;
    size_t unfit = kf_unfit_header(message);

    if (unfit > 0) {
        ebp_error(err, EB_PERMANENT, 0,
                  "cannot be sent to topic %s: the name of header %zu has a NUL byte, which librdkafka "
                  "cannot read back",
                  topic->name, unfit);
        return REFUSED;
    }
    if (!topic->rkt && !(topic->rkt = rd_kafka_topic_new(p->client.rk, topic->name, NULL))) {
        kf_failed(err, rd_kafka_last_error(), "topic %s", topic->name);
        return REFUSED;
    }
    if (!message->decode_error.data) { /* both ids are asked for at once */
        if (message->payload.data)
            status = find_schema_id(p, topic, message->schema, &id, err);
        if (message->key_avro.data && status != EB_PERMANENT)
            key_status = find_schema_id(p, topic, message->key_schema, &key_id, err);
    }
    if (status == EB_PERMANENT || key_status == EB_PERMANENT)
        return refuse(err, EB_PERMANENT);
    if (status != EB_OK || key_status != EB_OK)
        return WAITS;
    return produce_one(p, topic, message, id, key_id, err);
}

/* ---- Messages that wait ---- */

/* Sends the messages that wait in a topic, up to the first that has to wait on. Returns false if librdkafka has no room. */
static bool send_waiting_of(struct kf_producer *p, struct kf_topic *topic) {
    const struct eb_message *message;
    struct eb_error why;

    while ((message = kf_topics_first(topic))) {
        enum sent sent = send_one(p, topic, message, &why);

        if (sent == WAITS)
            return true;
        if (sent == NO_ROOM)
            return false;
        kf_topics_pop(&p->topics, topic);
        if (sent == REFUSED)
            kf_report_failed(p, message, &why, false);
    }
    topic->unknown_ms = topic->retry_ms = 0;
    return true;
}

static void note_retry(struct kf_producer *p, const struct kf_topic *topic) {
    if (topic->ring.n && topic->retry_ms)
        p->retry_ms = ebp_earlier(p->retry_ms, topic->retry_ms);
}

void kf_send_waiting(struct kf_producer *p, bool all) {
    int64_t now = ebp_monotonic_ms();

    if (!p->topics.n_waiting || !(all || p->queue_full || now >= p->retry_ms))
        return;
    p->queue_full = false;
    p->retry_ms = INT64_MAX;
    for (struct kf_topic *topic = p->topics.all; topic; topic = topic->hh.next) {
        if (topic->ring.n && now >= topic->retry_ms && !p->queue_full)
            p->queue_full = !send_waiting_of(p, topic);
        note_retry(p, topic);
    }
}

bool kf_send_message(struct kf_producer *p, const struct eb_message *message) {
    struct kf_topic *topic = p->topics.n_waiting < MAX_WAITING ? kf_topics_get(&p->topics, message->topic) : NULL;
    enum sent sent = WAITS;
    struct eb_error why;

    if (!topic)
        return false;
    if (!topic->ring.n)
        sent = send_one(p, topic, message, &why);
    if (sent == REFUSED)
        kf_report_failed(p, message, &why, false);
    if (sent == WAITS && !kf_topics_push(&p->topics, topic, message))
        return false;
    if (sent == WAITS)
        note_retry(p, topic);
    return sent != NO_ROOM;
}
