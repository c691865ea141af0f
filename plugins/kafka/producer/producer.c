/* plugins/kafka/producer/producer.c - the producer: frames what submit took, hands it to librdkafka, passes its reports on.
 *
 * A message goes to librdkafka at once, unless it has to wait: for the id of its schema, for its topic. Then it stands in
 * its topic's line, and what comes after it in that topic stands behind it. librdkafka is idempotent and never gives up, so
 * it keeps the order from there on. */
#include "producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "error.h"
#include "record/frame.h"
#include "record/headers.h"
#include "position.h"
#include "topics.h"

enum {
    MAX_WAITING = 100000,      /* messages that wait here, all topics together */
    SMALL = 16384,              /* bytes of a framed payload that are copied once more, to save an allocation */
    TOPIC_RETRY_MS = 250,       /* how often an unknown topic is tried */
    PURGE_MS = 2000,
    WITHOUT_TIME_MS = 60000,    /* messages go without a time for so long after the brokers refused one */
    NOW = 0, NO_TIME = -1       /* of a message, as librdkafka and the protocol have them */
};

struct producer {
    struct kf_client client;
    struct kf_topics topics;
    struct kf_header_pool header_pool;
    char *key;                  /* framed keys are built here, small payloads in `value` */
    size_t key_room;
    size_t reported;            /* ever */
    bool queue_full;                  /* librdkafka's queue was, when it was last tried */
    int64_t time;               /* that messages get: NOW, or NO_TIME until time_again_ms */
    int64_t time_retry_ms;
    bool time_refused;          /* and that was told */
    int64_t retry_ms;           /* the earliest again_ms of a topic; INT64_MAX: none */
    char value[SMALL];
};

/* ---- Reports ---- */

static void report(struct producer *p, const struct eb_delivery *delivery) {
    p->reported++;
    p->client.host->delivered(p->client.host, delivery);
}

static void report_failed(struct producer *p, const struct eb_message *message, const struct eb_error *why, bool maybe) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token, .error = why, .maybe_stored = maybe,
                                    .status = why->status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE };

    report(p, &delivery);
}

static void report_stored(struct producer *p, const struct eb_message *message, const rd_kafka_message_t *sent) {
    char position[KF_POSITION_ROOM];
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token, .status = EB_OK };

    if (sent->offset >= 0) {            /* unknown where the broker had it already */
        delivery.position.len = kf_position_print(position, sent->partition, sent->offset);
        delivery.position.data = position;
    }
    report(p, &delivery);
}

/* Why a message cannot be stored, with what to do about it. */
static int32_t refusal_error(const struct producer *p, struct eb_error *err, rd_kafka_resp_err_t code,
                       const struct eb_message *message) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        ebp_error(err, EB_PERMANENT, code, "topic %s does not exist, waited %" PRId64 " ms for it (topic_wait); create it, or let "
                 "the brokers do it (auto.create.topics.enable)", message->topic.data, p->client.set->topic_wait_ms);
        return EB_PERMANENT;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        kf_failed(err, code, "this event of %zu bytes, or those sent together with it, are too large for topic %s: see "
                  "its max.message.bytes, and keep rdkafka.batch.size below that", message->payload.len, message->topic.data);
        err->kind = EB_KIND_DATA;
        return EB_PERMANENT;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        kf_failed(err, code, "topic %s: this user may not write to it (the ACL Write on the topic)", message->topic.data);
        return EB_PERMANENT;
    default:
        return kf_failed(err, code, "topic %s", message->topic.data);
    }
}

/* Whether there is time left to wait for a topic that the cluster does not know. */
static bool may_wait_for(const struct producer *p, struct kf_topic *topic) {
    int64_t now = ebp_monotonic_ms();

    if (!topic->unknown_ms)
        topic->unknown_ms = now;
    topic->retry_ms = now + TOPIC_RETRY_MS;
    return now < topic->unknown_ms + p->client.set->topic_wait_ms;
}

static void return_waiting(struct producer *p, struct kf_topic *topic, const struct eb_error *why) {
    const struct eb_message *message;

    while ((message = kf_topics_first(topic))) {
        kf_topics_pop(&p->topics, topic);
        report_failed(p, message, why, false);
    }
}

/* It was there: it is being made anew, or a broker that has just started does not know it yet. librdkafka waits only for
 * one that it never knew. The host puts what it gets back in its order, so what waits here goes back, too. */
static bool is_retried(struct producer *p, const rd_kafka_message_t *sent, struct eb_error *why) {
    const struct eb_message *message = sent->_private;
    struct kf_topic *topic = kf_topics_get(&p->topics, message->topic);

    if ((sent->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC && sent->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
         sent->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) || !topic || !topic->known)
        return false;
    topic->known = may_wait_for(p, topic);
    if (!topic->known)
        return false;
    ebp_error(why, EB_RETRIABLE, 0, "topic %s does not exist any more", topic->name);
    return_waiting(p, topic, why);
    return true;
}

/* This machine's clock differs from the brokers' by more than they allow. They take messages that have no time, and keep
 * those for as long as their own clock says. */
static void send_without_time(struct producer *p) {
    if (!p->time_refused)
        p->client.host->log(p->client.host, 4, "the brokers refuse the times of messages: this machine's clock, or theirs, is "
                            "wrong (see the topic's message.timestamp.after.max.ms); messages are sent without a time "
                            "until they take it; set the clock");
    p->time_refused = true;
    p->time = NO_TIME;
    p->time_retry_ms = ebp_monotonic_ms() + WITHOUT_TIME_MS;
}

static void on_delivery_report(struct producer *p, const rd_kafka_message_t *sent) {
    const struct eb_message *message = sent->_private;
    struct eb_error why;

    kf_header_pool_keep(&p->header_pool, message, sent);
    if (sent->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kf_link_reached(&p->client.link);
        p->time_refused = p->time_refused && p->time == NO_TIME;
        kf_topics_get(&p->topics, message->topic)->known = true;        /* it was sent, so it is there */
        report_stored(p, message, sent);
        return;
    }
    if (sent->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
        send_without_time(p);
    if (!is_retried(p, sent, &why))
        refusal_error(p, &why, sent->err, message);
    report_failed(p, message, &why, rd_kafka_message_status(sent) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
}

/* Works off what librdkafka has told so far. */
static void handle_events(struct producer *p) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(p->client.queue, 0))) {
        const rd_kafka_message_t *sent;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
            while ((sent = rd_kafka_event_message_next(event)))
                on_delivery_report(p, sent);
        else
            kf_client_handle_event(&p->client, event);
        rd_kafka_event_destroy(event);
    }
}

/* ---- Sending one ---- */

enum sent { SENT, WAITS, NO_ROOM, REFUSED };

/* The id that a schema has in the registry, for the frame. EB_OK, EB_EMPTY, EB_RETRIABLE, EB_PERMANENT. */
static int32_t find_schema_id(struct producer *p, struct kf_topic *topic, const struct eb_schema *schema, uint32_t *id,
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

/* The key as it goes out. False: no memory. */
static bool frame_key(struct producer *p, const struct eb_message *message, uint32_t id, struct eb_text *key) {
    struct eb_text avro = message->key_avro;

    *key = avro.data ? avro : message->key;     /* not Avro: a text of the host's, or the bytes that another program wrote */
    if (!avro.data || message->decode_error.data)
        return true;
    if (p->key_room < avro.len + KF_FRAME) {
        char *more = realloc(p->key, avro.len + KF_FRAME + 256);
        if (!more)
            return false;
        p->key = more;
        p->key_room = avro.len + KF_FRAME + 256;
    }
    kf_frame_put(p->key, id);
    memcpy(p->key + KF_FRAME, avro.data, avro.len);
    *key = (struct eb_text){ p->key, avro.len + KF_FRAME };
    return true;
}

/* The value as it goes out; how librdkafka is to take it in *flags. False: no memory. */
static bool frame_value(struct producer *p, const struct eb_message *message, uint32_t id, char **value, size_t *len,
                        int *flags) {
    struct eb_text payload = message->payload;

    *flags = 0;
    *value = (char *)payload.data;
    *len = payload.len;
    if (!payload.data || message->decode_error.data)
        return true;                    /* absent, or the dead letter of what could not be read: as it was, and borrowed */
    *len = payload.len + KF_FRAME;
    *flags = *len <= SMALL ? RD_KAFKA_MSG_F_COPY : RD_KAFKA_MSG_F_FREE;
    *value = *len <= SMALL ? p->value : malloc(*len);
    if (!*value)
        return false;
    kf_frame_put(*value, id);
    memcpy(*value + KF_FRAME, payload.data, payload.len);
    return true;
}

static enum sent refuse(struct eb_error *err, int32_t status) {
    err->status = status;
    return REFUSED;
}

static enum sent produce_one(struct producer *p, struct kf_topic *topic, const struct eb_message *message, uint32_t id,
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
    code = rd_kafka_producev(p->client.rk, RD_KAFKA_V_RKT(topic->rkt), RD_KAFKA_V_MSGFLAGS(flags),
                             RD_KAFKA_V_VALUE(value, len), RD_KAFKA_V_KEY(key.data, key.len),
                             RD_KAFKA_V_TIMESTAMP(p->time), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)message), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic->unknown_ms = topic->retry_ms = 0;
        return SENT;
    }
    rd_kafka_headers_destroy(headers);
    if (flags & RD_KAFKA_MSG_F_FREE)
        free(value);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return NO_ROOM;
    refusal_error(p, err, code, message);
    if (code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return REFUSED;
    return may_wait_for(p, topic) ? WAITS : REFUSED;
}

/* Hands a message to librdkafka, if nothing keeps it. */
static enum sent send_one(struct producer *p, struct kf_topic *topic, const struct eb_message *message,
                          struct eb_error *err) {
    uint32_t id = 0, key_id = 0;
    int32_t status = EB_OK, key_status = EB_OK;

    if (!topic->rkt && !(topic->rkt = rd_kafka_topic_new(p->client.rk, topic->name, NULL))) {
        kf_failed(err, rd_kafka_last_error(), "topic %s", topic->name);
        return REFUSED;
    }
    if (!message->decode_error.data) {          /* both are asked for at once */
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

/* Works off a topic's line, as far as it goes. False: librdkafka has no room. */
static bool send_waiting_of(struct producer *p, struct kf_topic *topic) {
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
            report_failed(p, message, &why, false);
    }
    topic->unknown_ms = topic->retry_ms = 0;
    return true;
}

/* Tries again what waits: all after news of the registry, else the topics whose time has come. */
static void send_waiting(struct producer *p, bool all) {
    int64_t now = ebp_monotonic_ms();

    if (!p->topics.n_waiting || !(all || p->queue_full || now >= p->retry_ms))
        return;
    p->queue_full = false;
    p->retry_ms = INT64_MAX;
    for (struct kf_topic *topic = p->topics.all; topic; topic = topic->hh.next) {
        if (topic->ring.n && now >= topic->retry_ms && !p->queue_full)
            p->queue_full = !send_waiting_of(p, topic);
        if (topic->ring.n && topic->retry_ms && topic->retry_ms < p->retry_ms)
            p->retry_ms = topic->retry_ms;
    }
}

/* ---- The operations ---- */

int32_t kf_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = calloc(1, sizeof *p);
    rd_kafka_conf_t *conf = p ? kf_conf_new(settings, KF_PRODUCER, host->service, err) : NULL;
    int32_t status = EB_PERMANENT;

    if (!p)
        return ebp_no_memory(err);
    p->retry_ms = INT64_MAX;
    if (conf)
        status = kf_client_open(&p->client, host, settings, KF_PRODUCER, conf, err);
    if (status != EB_OK) {
        free(p);
        return status;
    }
    *self = p;
    return EB_OK;
}

/* False: no room. */
static bool accept_message(struct producer *p, const struct eb_message *message) {
    struct kf_topic *topic = p->topics.n_waiting < MAX_WAITING ? kf_topics_get(&p->topics, message->topic) : NULL;
    enum sent sent = WAITS;
    struct eb_error why;

    if (!topic)
        return false;
    if (!topic->ring.n)
        sent = send_one(p, topic, message, &why);
    if (sent == REFUSED)
        report_failed(p, message, &why, false);
    if (sent == WAITS && !kf_topics_push(&p->topics, topic, message))
        return false;
    if (sent == WAITS && topic->retry_ms && topic->retry_ms < p->retry_ms)
        p->retry_ms = topic->retry_ms;
    return sent != NO_ROOM;
}

int64_t kf_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t accepted = 0;

    if (p->client.status != EB_OK) {
        if (err)
            *err = p->client.why;
        return EB_FATAL;
    }
    while (accepted < n && accept_message(p, batch[accepted]))
        accepted++;
    return (int64_t)accepted;
}

static void run_once(struct producer *p) {
    size_t news = kf_client_poll(&p->client);

    handle_events(p);
    send_waiting(p, news > 0);
}

int32_t kf_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;
    size_t reported = p->reported;

    for (;; now = ebp_monotonic_ms()) {
        bool woken = kf_client_take_wakeup(&p->client);
        if (now >= p->time_retry_ms)
            p->time = NOW;
        run_once(p);
        if (p->client.status != EB_OK || woken || p->reported != reported || ebp_monotonic_ms() >= until)
            break;
        kf_client_wait(&p->client, p->retry_ms < until ? p->retry_ms : until);
    }
    if (p->client.status == EB_OK)
        return EB_OK;
    if (err)
        *err = p->client.why;
    return EB_FATAL;
}

void kf_producer_wake(void *self) {
    struct producer *p = self;

    kf_client_wake(&p->client);
}

static void return_all_waiting(struct producer *p) {
    const struct kf_link *link = &p->client.link;
    struct eb_error why;

    for (struct kf_topic *topic = p->topics.all; topic; topic = topic->hh.next) {
        ebp_error(&why, EB_RETRIABLE, 0, "closed before it was sent to topic %s%s%s", topic->name,
                 link->registry < EB_OK ? ": " : "", link->registry < EB_OK ? link->registry_why.text : "");
        return_waiting(p, topic, &why);
    }
}

/* Until librdkafka has reported all it has, or the time is over. */
static void await_reports(struct producer *p, int64_t until) {
    for (int64_t now = ebp_monotonic_ms(); p->topics.n_waiting + (size_t)rd_kafka_outq_len(p->client.rk) > 0 && now < until;
         now = ebp_monotonic_ms()) {
        kf_client_take_wakeup(&p->client);
        run_once(p);
        if (p->topics.n_waiting + (size_t)rd_kafka_outq_len(p->client.rk) > 0)
            kf_client_wait(&p->client, now + 50 < until ? now + 50 : until);
    }
}

void kf_producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;

    handle_events(p);
    if (p->client.status == EB_OK && timeout_ms > 0) {
        rd_kafka_flush(p->client.rk, 0);        /* no lingering any more */
        await_reports(p, ebp_monotonic_ms() + timeout_ms);
    }
    return_all_waiting(p);
    if (rd_kafka_outq_len(p->client.rk) > 0) {
        rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        await_reports(p, ebp_monotonic_ms() + PURGE_MS);
    }
    kf_topics_free(&p->topics);
    kf_header_pool_free(&p->header_pool);
    kf_client_close(&p->client);
    free(p->key);
    free(p);
}
