/* plugins/kafka/producer/state.h - a producer's state, shared by the files that each do one part of its work.
 *
 *   producer.c   the operations, and the loop of poll
 *   send.c       frames a message and passes it to librdkafka, or lets it wait
 *   report.c     delivery reports
 *   topics.c     topics by name: messages that wait, ids of schemas
 *
 * A message goes to librdkafka at once, unless it has to wait for the id of its schema or for its topic. Then it stands in
 * its topic's queue, and what comes after it in that topic stands behind it. librdkafka is idempotent and never gives up, so
 * it keeps the order from there on.
 *
 * All of it belongs to the thread that calls the operations. */
#ifndef KF_PRODUCER_STATE_H
#define KF_PRODUCER_STATE_H

#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "client/client.h"
#include "record/headers.h"
#include "topics.h"

enum {
    KF_SMALL = 16384, /* bytes of a framed payload that are copied once more, to save an allocation */
    KF_NOW = 0,
    KF_NO_TIME = -1 /* a message's time, as librdkafka and the protocol have it */
};

struct kf_producer {
    struct kf_client client;
    struct kf_topics topics;
    struct kf_header_pool header_pool;
    char *key; /* framed keys are built here, small payloads in `value` */
    size_t key_room;
    size_t reported; /* messages, ever */
    bool queue_full; /* librdkafka's queue was full when a message was last passed to it */
    int64_t time;    /* what messages get: KF_NOW, or KF_NO_TIME until time_retry_ms */
    int64_t time_retry_ms;
    bool time_refused; /* the brokers refuse times, and that was logged */
    int64_t retry_ms;  /* the earliest retry_ms of a topic; INT64_MAX: none */
    char value[KF_SMALL];
};

/* ---- send.c ---- */

/* Takes one message of a batch: passes it to librdkafka, lets it wait, or reports it. Returns false if there is no room. */
bool kf_send_message(struct kf_producer *, const struct eb_message *);

/* Sends waiting messages: of all topics after news from the registry (all), else of topics that are due. */
void kf_send_waiting(struct kf_producer *, bool all);

/* Whether there is time left to wait for a topic that the cluster does not know. Sets when to retry. */
bool kf_may_wait_for_topic(const struct kf_producer *, struct kf_topic *);

/* ---- report.c ---- */

/* Passes a report of librdkafka's on. */
void kf_on_delivery_report(struct kf_producer *, const rd_kafka_message_t *);

void kf_report_failed(struct kf_producer *, const struct eb_message *, const struct eb_error *why, bool maybe_stored);

/* Fills in why a message cannot be stored, with what to do about it, and returns the class. */
int32_t kf_refusal_error(const struct kf_producer *, struct eb_error *, rd_kafka_resp_err_t, const struct eb_message *);

/* Reports all messages that wait as not sent. */
void kf_return_all_waiting(struct kf_producer *);

#endif
