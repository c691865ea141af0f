/* plugins/kafka/consumer/consumer.c - the consumer's operations, and the loop of receive; see state.h for the parts. */
#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "error.h"
#include "position.h"

enum { LEAVE_MS = 500, FULL_MS = 5 };
enum leave_result { LEFT, STILL_JOINING, STILL_LEAVING };

/* ---- Opening ---- */

static void free_topics(struct kf_consumer *c) {
    while (c->topics) {
        struct kf_topic_name *topic = c->topics;
        c->topics = topic->next;
        free(topic);
    }
}

static int32_t subscribe(struct kf_consumer *c, struct eb_error *err) {
    const struct eb_subscription *sub = c->subscription;
    rd_kafka_topic_partition_list_t *list;
    int32_t status;

    for (size_t i = 0; i < sub->n_topics; i++) {
        c->patterns = c->patterns || strchr(sub->topics[i], '*');
        if (!kf_topic_name_get(c, sub->topics[i]))
            return ebp_no_memory(err);
    }
    if (c->patterns)
        return EB_OK;                   /* when it is known which topics there are */
    list = rd_kafka_topic_partition_list_new((int)sub->n_topics);
    for (size_t i = 0; i < sub->n_topics; i++)
        rd_kafka_topic_partition_list_add(list, sub->topics[i], RD_KAFKA_PARTITION_UA);
    status = kf_failed(err, rd_kafka_subscribe(c->client.rk, list), "subscribing to %s", sub->topics[0]);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

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
    long long interval = kf_conf_number(conf, "max.poll.interval.ms");
    c->grace_ms = set->revoke_timeout_ms < interval / 2 ? set->revoke_timeout_ms : interval / 2;
    status = kf_client_open(&c->client, host, set, KF_CONSUMER, conf, err);
    if (status != EB_OK)
        goto failed;
    c->reader = (struct kf_reader){ .host = host, .registry = c->client.registry };
    status = subscribe(c, err);
    if (status != EB_OK) {
        free_topics(c);
        kf_client_close(&c->client);
        goto failed;
    }
    *self = c;
    return EB_OK;
failed:
    free(c);
    return status;
}

/* ---- Events ---- */

#define READ_DENIED ": this user may not read it (the ACL Read on the topic)"

static void fail_permanently(struct kf_consumer *c, rd_kafka_resp_err_t code, const char *text, const char *advice) {
    struct eb_error why;

    ebp_error(&why, EB_PERMANENT, code, "group %s: %s%s", c->subscription->group, text ? text : rd_kafka_err2str(code),
              advice);
    kf_client_fail(&c->client, EB_PERMANENT, &why);
}

/* A pattern's other topics go on. */
void kf_topic_denied(struct kf_consumer *c, const char *text) {
    char line[700];

    if (!c->patterns) {
        fail_permanently(c, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, text, READ_DENIED);
        return;
    }
    snprintf(line, sizeof line, "%.600s%s", text, READ_DENIED);
    c->client.host->log(c->client.host, 4, line);
}

/* Said once, until it is there. */
static void log_absent(struct kf_consumer *c, const char *name) {
    struct kf_topic_name *topic = c->topics;
    char line[400];

    while (topic && strcmp(topic->text, name) != 0)
        topic = topic->next;
    if (!topic || atomic_exchange(&topic->absent, true))
        return;
    snprintf(line, sizeof line, "topic %.300s does not exist%s", name, c->subscription->until_end ? "" : "; waiting for it");
    c->client.host->log(c->client.host, 4, line);
}

/* The same of patterns, when there is no topic at all. */
static void log_no_match(struct kf_consumer *c) {
    const struct eb_subscription *sub = c->subscription;
    char line[400];
    size_t i = 0;

    if (c->no_match_logged)
        return;
    c->no_match_logged = true;
    while (!strchr(sub->topics[i], '*'))
        i++;
    snprintf(line, sizeof line, "no topic matches %.300s%s", sub->topics[i], sub->until_end ? "" : "; waiting for one");
    c->client.host->log(c->client.host, 4, line);
}

/* librdkafka tells of a topic that it was subscribed to in words alone: "...: NAME: Broker: Unknown topic or partition". */
static void note_unknown_topic(struct kf_consumer *c, const char *text) {
    const struct eb_subscription *sub = c->subscription;
    char mark[300];

    for (size_t i = 0; text && i < sub->n_topics; i++) {
        snprintf(mark, sizeof mark, ": %.290s: ", sub->topics[i]);
        if (strstr(text, mark))
            log_absent(c, sub->topics[i]);
    }
}

static void on_error(struct kf_consumer *c, rd_kafka_event_t *event) {
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    switch (code) {
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        fail_permanently(c, code, NULL, ": its live members share partitions out in another way than this one; in a group with "
                     "members in Python set assignment = eager, else stop those that have another setting");
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
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:       /* once for each topic, and again after each refresh */
        note_unknown_topic(c, rd_kafka_event_error_string(event));
        break;
    default:
        kf_client_handle_event(&c->client, event);
    }
}

static void handle_events(struct kf_consumer *c) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(c->client.queue, 0))) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_REBALANCE:
            kf_rebalance_begin(c, event);
            continue;                   /* the event is kept there */
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            kf_commit_done(c, event);
            break;
        case RD_KAFKA_EVENT_ERROR:
            on_error(c, event);
            break;
        default:
            kf_client_handle_event(&c->client, event);
        }
        rd_kafka_event_destroy(event);
    }
}

/* ---- Patterns: the host decides topic by topic, which no regular expression of librdkafka's could ---- */

static bool same_topics(const rd_kafka_topic_partition_list_t *a, const rd_kafka_topic_partition_list_t *b) {
    if (!a || a->cnt != b->cnt)
        return a ? false : b->cnt == 0;
    for (int i = 0; i < a->cnt; i++)
        if (strcmp(a->elems[i].topic, b->elems[i].topic) != 0)
            return false;
    return true;
}

static void update_subscription(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *found) {
    rd_kafka_resp_err_t code =
        found->cnt ? rd_kafka_subscribe(c->client.rk, found) : rd_kafka_unsubscribe(c->client.rk);
    struct eb_error why;

    if (kf_failed(&why, code, "subscribing to %d topics", found->cnt) != EB_OK) {
        kf_client_fail(&c->client, EB_FATAL, &why);
        return;
    }
    kf_join_tracker_will_join(c->client.join_tracker, ebp_monotonic_ms());
    if (c->subscribed)
        rd_kafka_topic_partition_list_destroy(c->subscribed);
    c->subscribed = rd_kafka_topic_partition_list_copy(found);
}

static bool has_topic(const rd_kafka_topic_partition_list_t *list, const char *name) {
    for (int i = 0; i < list->cnt; i++)
        if (strcmp(list->elems[i].topic, name) == 0)
            return true;
    return false;
}

/* A topic that a pattern takes in later than others is new as a whole. */
static void note_new_matches(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *found) {
    for (int i = 0; c->patterns && c->topics_known && i < found->cnt; i++) {
        struct kf_topic_name *topic;
        if (c->subscribed && has_topic(c->subscribed, found->elems[i].topic))
            continue;
        topic = kf_topic_name_get(c, found->elems[i].topic);
        if (topic)
            atomic_store(&topic->absent, topic->partitions == 0);
    }
}

static void look_up_topics(struct kf_consumer *c, int64_t now) {
    const rd_kafka_topic_partition_list_t *found;

    if (!c->topic_lookup && c->client.link.reached && now >= c->topic_lookup_ms &&
        (c->patterns || (c->subscription->until_end && !c->topics_known)))
        c->topic_lookup = kf_lookup_start(c, NULL);
    if (!c->topic_lookup || !kf_lookup_done(c->topic_lookup) || c->offset_lookup)
        return;
    note_new_matches(c, kf_lookup_topics(c->topic_lookup));
    found = kf_lookup_topics(c->topic_lookup);
    c->no_topic_exists = found->cnt == 0;
    c->topics_known = true;
    for (size_t i = 0; i < c->subscription->n_topics; i++)
        if (!strchr(c->subscription->topics[i], '*') && !has_topic(found, c->subscription->topics[i]))
            log_absent(c, c->subscription->topics[i]);
    if (c->patterns && c->no_topic_exists)
        log_no_match(c);
    if (c->patterns && !same_topics(c->subscribed, found))
        update_subscription(c, found);
    kf_lookup_free(c->topic_lookup);
    c->topic_lookup = NULL;
    c->topic_lookup_ms = now + c->client.set->topic_refresh_ms;
}

/* ---- Receiving ---- */

/* A host that takes no more is full of what waits for its commit, or is about to end: that gathers nothing more. */
static void run_once(struct kf_consumer *c, bool is_full) {
    kf_client_poll(&c->client);
    handle_events(c);
    int64_t now = ebp_monotonic_ms();
    kf_fetch_wakeup_run(&c->fetch_wakeup, c->client.rk, c->client.set, now);
    if (is_full && c->commit_ms > now + FULL_MS && c->commit_ms != INT64_MAX)
        c->commit_ms = now + FULL_MS;
    kf_commit_due(c, now);
    kf_rebalance_continue(c, now);
    look_up_topics(c, now);
}

/* When the loop has to look again though nothing has rung. */
static int64_t next_due_ms(const struct kf_consumer *c, int64_t until) {
    if (c->commit_ms < until && !c->committing)
        until = c->commit_ms;
    if (c->patterns && !c->topic_lookup && c->client.link.reached && c->topic_lookup_ms < until)
        until = c->topic_lookup_ms;
    if (c->fetch_wakeup.due_ms < until)
        until = c->fetch_wakeup.due_ms;
    if (c->revoking && c->revoke_by_ms < until)
        until = c->revoke_by_ms;
    return until;
}

int32_t kf_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct kf_consumer *c = self;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;

    c->host_full = c->settled_some = false;
    for (;; now = ebp_monotonic_ms()) {
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

/* ---- Closing ---- */

static bool all_committed(const struct kf_consumer *c) {
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i] && !kf_all_committed(c->slots[i]))
            return false;
    return !c->committing;
}

/* Commits what there is; what cannot be committed in the time is answered EB_GONE. */
static void commit_all(struct kf_consumer *c, int64_t until) {
    for (int64_t now = ebp_monotonic_ms(); !all_committed(c) && now < until && c->client.status == EB_OK; now = ebp_monotonic_ms()) {
        kf_client_take_wakeup(&c->client);
        kf_client_poll(&c->client);
        handle_events(c);
        if (c->commit_ms <= now || c->commit_ms == INT64_MAX)
            kf_commit_now(c);
        if (!all_committed(c))
            kf_client_wait(&c->client, now + 50 < until ? now + 50 : until);
    }
}

/* librdkafka before 2.3.0 aborts the process when a member of a cooperative group is destroyed between the group's first
 * answer and its first assignment. That is a moment, unless other members take long to give partitions up. */
static bool must_not_be_destroyed(const struct kf_consumer *c) {
    char *member;
    bool joining;

    if (c->assigned || c->client.set->assignment == KF_EAGER || rd_kafka_version() >= 0x02030000)
        return false;
    member = rd_kafka_memberid(c->client.rk);
    joining = member && *member;
    if (member)
        rd_kafka_mem_free(c->client.rk, member);
    return joining;
}

/* librdkafka forgets to leave between a join that failed and the next one; and what is sent behind a join that goes on waits
 * with it. The broker would then keep this member's partitions for it until session.timeout.ms is over. */
static bool is_joining(const struct kf_consumer *c) {
    const struct kf_link *link = &c->client.link;

    return kf_join_tracker_joining(c->client.join_tracker) && link->reached && !link->doubted && c->client.status == EB_OK;
}

static void wait_for_group(struct kf_consumer *c, int64_t until) {
    int64_t now = ebp_monotonic_ms();

    kf_client_take_wakeup(&c->client);
    handle_events(c);
    kf_rebalance_continue(c, now);
    ebp_wakeup_wait(&c->client.wakeup, NULL, 0, ebp_earlier(now + 20, until) - now);
}

/* librdkafka's close does not tell the group of a member that has no partition, as one that came last, or one more than there
 * are partitions; giving the subscription up does. */
static void unsubscribe_if_unassigned(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list = NULL;

    if (rd_kafka_assignment(c->client.rk, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt == 0)
        rd_kafka_unsubscribe(c->client.rk);
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

/* Tells the group that this member goes. A broker that is away finds out by session.timeout.ms. */
static enum leave_result leave(struct kf_consumer *c, int64_t until) {
    int64_t now = ebp_monotonic_ms(), join_by = until - (until - now < 2 * LEAVE_MS ? (until - now) / 2 : LEAVE_MS);
    struct eb_error why;

    while ((must_not_be_destroyed(c) || is_joining(c)) && ebp_monotonic_ms() < join_by)
        wait_for_group(c, join_by);
    if (must_not_be_destroyed(c))
        return STILL_JOINING;
    kf_drop_partitions(c);
    if (c->client.status == EB_OK)
        unsubscribe_if_unassigned(c);
    if (c->client.status != EB_OK ||
        kf_failed_with(&why, rd_kafka_consumer_close_queue(c->client.rk, c->client.queue), "leaving") != EB_OK)
        return LEFT;
    while (!rd_kafka_consumer_closed(c->client.rk) && ebp_monotonic_ms() < until)
        wait_for_group(c, until);
    return rd_kafka_consumer_closed(c->client.rk) ? LEFT : STILL_LEAVING;
}

static void close_client(struct kf_consumer *c, enum leave_result leave_result) {
    if (leave_result == LEFT) {
        kf_client_close(&c->client);
        return;
    }
    c->client.host->log(c->client.host, 6, leave_result == STILL_JOINING ? "the group is not ready to let this member go; it goes "
                        "when it is" : "leaving the group takes longer than there is time; it goes on by itself");
    kf_client_abandon(&c->client, leave_result == STILL_LEAVING);
}

void kf_consumer_close(void *self, int32_t timeout_ms) {
    struct kf_consumer *c = self;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;

    commit_all(c, until);
    kf_drop_partitions(c);
    kf_rebalance_continue(c, now);
    enum leave_result leave_result = leave(c, until > ebp_monotonic_ms() + LEAVE_MS ? until : ebp_monotonic_ms() + LEAVE_MS);
    kf_drop_partitions(c);
    kf_lookup_free(c->offset_lookup);
    kf_lookup_free(c->topic_lookup);
    if (c->subscribed)
        rd_kafka_topic_partition_list_destroy(c->subscribed);
    if (c->rebalance)
        rd_kafka_event_destroy(c->rebalance);
    close_client(c, leave_result);
    free_topics(c);
    kf_reader_free(&c->reader);
    free(c->slots);
    free(c->generations);
    free(c);
}
