/* plugins/kafka/consumer/subscription.c - the topics that a consumer is subscribed to; see state.h.
 *
 * Of patterns the host decides topic by topic, which no regular expression of librdkafka's could: the topics that exist are
 * looked up every topic_refresh, and those that match are subscribed to. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"
#include "topic_list.h"

static bool is_pattern(const char *topic) {
    return strchr(topic, '*') != NULL;
}

int32_t kf_subscribe(struct kf_consumer *c, struct eb_error *err) {
    const struct eb_subscription *sub = c->subscription;
    rd_kafka_topic_partition_list_t *list;
    int32_t status;

    for (size_t i = 0; i < sub->n_topics; i++) {
        c->patterns = c->patterns || is_pattern(sub->topics[i]);
        if (!kf_topic_name_get(c, sub->topics[i]))
            return ebp_no_memory(err);
    }
    if (c->patterns)
        return EB_OK; /* once the lookup has told which topics exist */
    list = rd_kafka_topic_partition_list_new((int)sub->n_topics);
    for (size_t i = 0; i < sub->n_topics; i++)
        rd_kafka_topic_partition_list_add(list, sub->topics[i], RD_KAFKA_PARTITION_UA);
    status = kf_failed(err, rd_kafka_subscribe(c->client.rk, list), "subscribing to %s", sub->topics[0]);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

/* ---- Topics that do not exist ---- */

static struct kf_topic_name *find_name(const struct kf_consumer *c, const char *text) {
    struct kf_topic_name *topic = c->topics;

    while (topic && strcmp(topic->text, text) != 0)
        topic = topic->next;
    return topic;
}

struct kf_topic_name *kf_topic_name_get(struct kf_consumer *c, const char *text) {
    struct kf_topic_name *topic = find_name(c, text);

    if (topic || !(topic = calloc(1, sizeof *topic + strlen(text) + 1)))
        return topic;
    strcpy(topic->text, text);
    topic->next = c->topics;
    return c->topics = topic;
}

/* Logs it once, until the topic exists. */
static void log_absent(struct kf_consumer *c, const char *name) {
    struct kf_topic_name *topic = find_name(c, name);

    if (!topic || atomic_exchange(&topic->absent, true))
        return;
    ebp_log(c->client.host, EBP_LOG_WARNING, "topic %.300s does not exist%s", name,
            c->subscription->until_end ? "" : "; waiting for it");
}

/* Logs once that no topic matches a pattern. */
static void log_no_match(struct kf_consumer *c) {
    const struct eb_subscription *sub = c->subscription;
    size_t i = 0;

    if (c->no_match_logged)
        return;
    c->no_match_logged = true;
    while (!is_pattern(sub->topics[i]))
        i++;
    ebp_log(c->client.host, EBP_LOG_WARNING, "no topic matches %.300s%s", sub->topics[i],
            sub->until_end ? "" : "; waiting for one");
}

/* librdkafka names the topic in its text alone: "...: NAME: Broker: Unknown topic or partition". */
void kf_note_unknown_topic(struct kf_consumer *c, const char *text) {
    const struct eb_subscription *sub = c->subscription;
    char mark[300];

    for (size_t i = 0; text && i < sub->n_topics; i++) {
        snprintf(mark, sizeof mark, ": %.290s: ", sub->topics[i]);
        if (strstr(text, mark))
            log_absent(c, sub->topics[i]);
    }
}

/* ---- Which topics exist ---- */

static bool same_topics(const rd_kafka_topic_partition_list_t *a, const rd_kafka_topic_partition_list_t *b) {
    if (!a || a->cnt != b->cnt)
        return a ? false : b->cnt == 0;
    for (int i = 0; i < a->cnt; i++)
        if (strcmp(a->elems[i].topic, b->elems[i].topic) != 0)
            return false;
    return true;
}

static void update_subscription(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *found) {
    rd_kafka_resp_err_t code = found->cnt ? rd_kafka_subscribe(c->client.rk, found) : rd_kafka_unsubscribe(c->client.rk);
    struct eb_error why;

    if (kf_failed(&why, code, "subscribing to %d topics", found->cnt) != EB_OK) {
        kf_client_fail(&c->client, EB_FATAL, &why);
        return;
    }
    kf_join_tracker_will_join(c->client.join_tracker, ebp_monotonic_ms());
    kf_topic_list_free(c->subscribed);
    c->subscribed = rd_kafka_topic_partition_list_copy(found);
}

static bool has_topic(const rd_kafka_topic_partition_list_t *list, const char *name) {
    for (int i = 0; i < list->cnt; i++)
        if (strcmp(list->elems[i].topic, name) == 0)
            return true;
    return false;
}

/* Marks a topic that a pattern takes in later than others as absent so far: all that is in it came since, so a new group
 * begins at its beginning. */
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

/* Notes which partitions until_end is about: those that were there at the first lookup. */
static void note_wanted(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *found) {
    struct eb_error why;

    for (int i = 0; c->subscription->until_end && !c->topics_known && i < found->cnt; i++) {
        struct kf_topic_name *topic = kf_topic_name_get(c, found->elems[i].topic);
        if (topic) {
            topic->wanted = (int32_t)found->elems[i].offset;
            continue;
        }
        ebp_no_memory(&why);
        kf_client_fail(&c->client, EB_FATAL, &why);
    }
}

static void take_topics(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *found) {
    note_new_matches(c, found);
    note_wanted(c, found);
    c->no_topic_exists = found->cnt == 0;
    c->topics_known = true;
    for (size_t i = 0; i < c->subscription->n_topics; i++)
        if (!is_pattern(c->subscription->topics[i]) && !has_topic(found, c->subscription->topics[i]))
            log_absent(c, c->subscription->topics[i]);
    if (c->patterns && c->no_topic_exists)
        log_no_match(c);
    if (c->patterns && !same_topics(c->subscribed, found))
        update_subscription(c, found);
}

void kf_subscription_refresh(struct kf_consumer *c, int64_t now_ms) {
    bool wanted = c->patterns || (c->subscription->until_end && !c->topics_known);

    if (!c->topic_lookup && c->client.link.reached && now_ms >= c->topic_lookup_ms && wanted)
        c->topic_lookup = kf_lookup_start(c, NULL);
    if (!c->topic_lookup || !kf_lookup_done(c->topic_lookup) || c->offset_lookup)
        return;
    take_topics(c, kf_lookup_topics(c->topic_lookup));
    kf_lookup_free(c->topic_lookup);
    c->topic_lookup = NULL;
    c->topic_lookup_ms = now_ms + c->client.set->topic_refresh_ms;
}

void kf_subscription_free(struct kf_consumer *c) {
    kf_lookup_free(c->topic_lookup);
    kf_topic_list_free(c->subscribed);
    while (c->topics) {
        struct kf_topic_name *topic = c->topics;
        c->topics = topic->next;
        free(topic);
    }
}
