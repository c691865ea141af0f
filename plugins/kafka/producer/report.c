/* plugins/kafka/producer/report.c - delivery reports: what became of each message, for the host; see state.h. */
#include "state.h"

#include <inttypes.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"
#include "position.h"

enum { WITHOUT_TIME_MS = 60000 }; /* how long messages go without a time after the brokers refused one */

static void report(struct kf_producer *p, const struct eb_delivery *delivery) {
    p->reported++;
    p->client.host->delivered(p->client.host, delivery);
}

void kf_report_failed(struct kf_producer *p, const struct eb_message *message, const struct eb_error *why, bool maybe) {
    struct eb_delivery delivery = { .size = sizeof delivery,
                                    .token = message->token,
                                    .error = why,
                                    .maybe_stored = maybe,
                                    .status = why->status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE };

    report(p, &delivery);
}

static void report_stored(struct kf_producer *p, const struct eb_message *message, const rd_kafka_message_t *sent) {
    char position[KF_POSITION_ROOM];
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token, .status = EB_OK };

    if (sent->offset >= 0) { /* it is not known if the broker had stored the message before */
        delivery.position.len = kf_position_print(position, sent->partition, sent->offset);
        delivery.position.data = position;
    }
    report(p, &delivery);
}

int32_t kf_refusal_error(const struct kf_producer *p, struct eb_error *err, rd_kafka_resp_err_t code,
                         const struct eb_message *message) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return ebp_error(err, EB_PERMANENT, code,
                         "topic %s does not exist, waited %" PRId64 " ms for it (topic_wait); create "
                         "it, or let the brokers do it (auto.create.topics.enable)",
                         message->topic.data, p->client.set->topic_wait_ms);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        kf_failed(err, code,
                  "this event of %zu bytes, or those sent together with it, are too large for topic %s: see "
                  "its max.message.bytes, and keep rdkafka.batch.size below that",
                  message->payload.len, message->topic.data);
        err->kind = EB_KIND_DATA;
        return EB_PERMANENT;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        kf_failed(err, code, "topic %s: this user may not write to it (the ACL Write on the topic)", message->topic.data);
        return EB_PERMANENT;
    default:
        return kf_failed(err, code, "topic %s", message->topic.data);
    }
}

static void return_waiting(struct kf_producer *p, struct kf_topic *topic, const struct eb_error *why) {
    const struct eb_message *message;

    while ((message = kf_topics_first(topic))) {
        kf_topics_pop(&p->topics, topic);
        kf_report_failed(p, message, why, false);
    }
}

/* Whether the host is to send the message again, since its topic existed before: the topic is being created anew, or a
 * broker that has just started does not know it yet. librdkafka waits only for a topic that it never knew. The host restores
 * the order of what is returned to it, so the messages that wait for the topic are returned, too. */
static bool is_retried(struct kf_producer *p, const rd_kafka_message_t *sent, struct eb_error *why) {
    const struct eb_message *message = sent->_private;
    struct kf_topic *topic = kf_topics_get(&p->topics, message->topic);

    if ((sent->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC && sent->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
         sent->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) ||
        !topic || !topic->known)
        return false;
    topic->known = kf_may_wait_for_topic(p, topic);
    if (!topic->known)
        return false;
    ebp_error(why, EB_RETRIABLE, 0, "topic %s does not exist any more", topic->name);
    return_waiting(p, topic, why);
    return true;
}

/* Sends messages without a time for WITHOUT_TIME_MS: this machine's clock differs from the brokers' by more than they allow.
 * They take messages without a time, and keep those for as long as their own clock says. */
static void send_without_time(struct kf_producer *p) {
    if (!p->time_refused)
        ebp_log(p->client.host, EBP_LOG_WARNING,
                "the brokers refuse the times of messages: this machine's clock, or theirs, is wrong (see the topic's "
                "message.timestamp.after.max.ms); messages are sent without a time until they take it; set the clock");
    p->time_refused = true;
    p->time = KF_NO_TIME;
    p->time_retry_ms = ebp_monotonic_ms() + WITHOUT_TIME_MS;
}

void kf_on_delivery_report(struct kf_producer *p, const rd_kafka_message_t *sent) {
    const struct eb_message *message = sent->_private;
    struct eb_error why;

    kf_header_pool_keep(&p->header_pool, message, sent);
    if (sent->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kf_link_reached(&p->client.link);
        p->time_refused = p->time_refused && p->time == KF_NO_TIME;
        kf_topics_get(&p->topics, message->topic)->known = true; /* it was sent, so it has an entry */
        report_stored(p, message, sent);
        return;
    }
    if (sent->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
        send_without_time(p);
    if (!is_retried(p, sent, &why))
        kf_refusal_error(p, &why, sent->err, message);
    kf_report_failed(p, message, &why, rd_kafka_message_status(sent) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
}

void kf_return_all_waiting(struct kf_producer *p) {
    const struct kf_link *link = &p->client.link;
    struct eb_error why;

    for (struct kf_topic *topic = p->topics.all; topic; topic = topic->hh.next) {
        ebp_error(&why, EB_RETRIABLE, 0, "closed before it was sent to topic %s%s%s", topic->name,
                  link->registry < EB_OK ? ": " : "", link->registry < EB_OK ? link->registry_why.text : "");
        return_waiting(p, topic, &why);
    }
}
