/* plugins/kafka/consumer/consumer.c - the consumer's operations and the loop of receive; see state.h for the other parts. */
#include "consumer.h"

#include <stdlib.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"
#include "position.h"
#include "state.h"

enum { FULL_MS = 5 };

/* ---- Opening ---- */

static rd_kafka_conf_t *conf_for(const struct kf_consumer *c, const struct kf_settings *set, const char *service,
                                 struct eb_error *err) {
    const struct eb_subscription *sub = c->subscription;
    rd_kafka_conf_t *conf = kf_conf_new(set, KF_CONSUMER, service, err);

    if (!conf)
        return NULL;
    if (kf_conf_set(conf, "group.id", sub->group, err) &&
        kf_conf_set(conf, "enable.partition.eof", sub->until_end ? "true" : "false", err) &&
        kf_conf_set(conf, "group.instance.id", set->static_member ? sub->consumer : NULL, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

int32_t kf_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                         struct eb_error *err) {
    const struct kf_settings *set = settings;
    struct kf_consumer *c = calloc(1, sizeof *c);
    int32_t status = c ? kf_position_check(sub->start, err) : ebp_no_memory(err);
    rd_kafka_conf_t *conf = NULL;

    if (status != EB_OK)
        goto failed;
    c->subscription = sub;
    c->commit_ms = INT64_MAX;
    kf_fetch_wakeup_init(&c->fetch_wakeup);
    conf = conf_for(c, set, host->service, err);
    if (!conf) {
        status = EB_PERMANENT;
        goto failed;
    }
    c->grace_ms = ebp_earlier(set->revoke_timeout_ms, kf_conf_number(conf, "max.poll.interval.ms") / 2);
    status = kf_client_open(&c->client, host, set, KF_CONSUMER, conf, err);
    if (status != EB_OK)
        goto failed;
    c->reader = (struct kf_reader){ .host = host, .registry = c->client.registry };
    status = kf_subscribe(c, err);
    if (status != EB_OK) {
        kf_subscription_free(c);
        kf_client_close(&c->client);
        goto failed;
    }
    *self = c;
    return EB_OK;
failed:
    free(c);
    return status;
}

/* ---- librdkafka's events ---- */

#define READ_DENIED ": this user may not read it (the ACL Read on the topic)"

static void fail_permanently(struct kf_consumer *c, rd_kafka_resp_err_t code, const char *text, const char *advice) {
    struct eb_error why;

    ebp_error(&why, EB_PERMANENT, code, "group %s: %s%s", c->subscription->group, text ? text : rd_kafka_err2str(code), advice);
    kf_client_fail(&c->client, EB_PERMANENT, &why);
}

void kf_topic_denied(struct kf_consumer *c, const char *text) {
    if (!c->patterns) {
        fail_permanently(c, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, text, READ_DENIED);
        return;
    }
    ebp_log(c->client.host, EBP_LOG_WARNING, "%.600s%s", text, READ_DENIED); /* the other topics of the pattern go on */
}

static void handle_error(struct kf_consumer *c, rd_kafka_event_t *event) {
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    switch (code) {
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        fail_permanently(c, code, NULL,
                         ": its live members share partitions out in another way than this one; in a group "
                         "with members in Python set assignment = eager, else stop those that have another setting");
        break;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        fail_permanently(c, code, NULL, ": this user may not use it (the ACL Read on the group)");
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        fail_permanently(c, code, rd_kafka_event_error_string(event), READ_DENIED);
        break;
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
        fail_permanently(c, code, NULL, "");
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: /* once for each topic, and again after each refresh */
        kf_note_unknown_topic(c, rd_kafka_event_error_string(event));
        break;
    default:
        kf_client_handle_event(&c->client, event);
    }
}

void kf_handle_events(struct kf_consumer *c) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(c->client.queue, 0))) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_REBALANCE:
            kf_rebalance_begin(c, event);
            continue; /* it owns the event */
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            kf_commit_done(c, event);
            break;
        case RD_KAFKA_EVENT_ERROR:
            handle_error(c, event);
            break;
        default:
            kf_client_handle_event(&c->client, event);
        }
        rd_kafka_event_destroy(event);
    }
}

/* ---- Receiving ---- */

/* One round of everything but delivery. A host that takes no more is full of messages that wait for their commit, or is
 * about to end: then no further acknowledgements are gathered for long. */
static void run_once(struct kf_consumer *c, bool host_full) {
    kf_client_poll(&c->client);
    kf_handle_events(c);
    int64_t now = ebp_monotonic_ms();
    kf_fetch_wakeup_run(&c->fetch_wakeup, c->client.rk, c->client.set, now);
    if (host_full && c->commit_ms != INT64_MAX)
        c->commit_ms = ebp_earlier(c->commit_ms, now + FULL_MS);
    kf_commit_due(c, now);
    kf_rebalance_continue(c, now);
    kf_subscription_refresh(c, now);
}

/* When the loop has to look again though nothing was signalled. */
static int64_t next_due_ms(const struct kf_consumer *c, int64_t until) {
    if (!c->committing)
        until = ebp_earlier(until, c->commit_ms);
    if (c->patterns && !c->topic_lookup && c->client.link.reached)
        until = ebp_earlier(until, c->topic_lookup_ms);
    if (c->revoking)
        until = ebp_earlier(until, c->revoke_by_ms);
    if (c->group_lookup_ms > 0 && !c->group_lookup)
        until = ebp_earlier(until, c->group_lookup_ms);
    return ebp_earlier(until, c->fetch_wakeup.due_ms);
}

int32_t kf_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct kf_consumer *c = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    c->host_full = c->settled_some = false;
    for (;;) {
        bool woken = kf_client_take_wakeup(&c->client);
        run_once(c, max == 0);
        if (c->client.status != EB_OK) {
            if (err)
                *err = c->client.why;
            return c->client.status;
        }
        if (max > 0 && kf_deliver(c, max) > 0)
            return EB_OK;
        if (kf_at_end(c))
            return EB_END;
        if (woken || c->host_full || c->settled_some || ebp_monotonic_ms() >= until)
            return EB_EMPTY;
        kf_client_wait(&c->client, next_due_ms(c, until));
    }
}

void kf_consumer_wake(void *self) {
    struct kf_consumer *c = self;

    kf_client_wake(&c->client);
}

void kf_consumer_pause(void *self, uint32_t partition, int32_t on) {
    struct kf_consumer *c = self;

    if (partition < c->n_slots && c->slots[partition])
        c->slots[partition]->paused = on != 0;
}
