/* plugins/kafka/consumer/offset_lookup.c - looks up where a new group begins, and which topics exist.
 *
 * librdkafka has only blocking calls for both. A thread makes them, each for STEP_MS at most, until all is known or the
 * lookup is cancelled. */
#include "state.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "position.h"
#include "topic_list.h"

enum { STEP_MS = 1000, PAUSE_MS = 100 };

struct kf_lookup {
    struct kf_consumer *c;
    pthread_t thread;
    atomic_bool done, cancelled;
    rd_kafka_topic_partition_list_t *list;  /* NULL: it looks up which topics exist */
    rd_kafka_topic_partition_list_t *found; /* topics, each with the number of its partitions as its offset */
};

/* ---- Where a new group begins ---- */

/* Sets the group's committed offsets, below 0 where there is none. Returns false if one could not be read: it may exist. */
static bool find_committed(const struct kf_lookup *lookup, rd_kafka_topic_partition_list_t *list) {
    bool found = rd_kafka_committed(lookup->c->client.rk, list, STEP_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; found && i < list->cnt; i++)
        found = list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    return found;
}

/* Sets each offset to what `at` means: a time in ms, or RD_KAFKA_OFFSET_END. */
static bool find_offsets(const struct kf_lookup *lookup, rd_kafka_topic_partition_list_t *list, int64_t at) {
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = at;
    if (list->cnt > 0 && rd_kafka_offsets_for_times(lookup->c->client.rk, list, STEP_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err)
            return false;
    return true;
}

/* Sets each offset to the first message from that time on, or to the end if there is none. */
static bool find_time(const struct kf_lookup *lookup, rd_kafka_topic_partition_list_t *list, int64_t time_ms) {
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    bool found = find_offsets(lookup, list, time_ms) && find_offsets(lookup, ends, RD_KAFKA_OFFSET_END);

    for (int i = 0; found && i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            list->elems[i].offset = ends->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(ends);
    return found;
}

/* Sets each offset to what the position names, or to the end if that lies behind it. A partition that it does not name
 * begins at its beginning. */
static bool find_position(const struct kf_lookup *lookup, rd_kafka_topic_partition_list_t *list, const char *point) {
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    bool found = find_offsets(lookup, ends, RD_KAFKA_OFFSET_END);

    for (int i = 0; found && i < list->cnt; i++) {
        rd_kafka_topic_partition_t *one = &list->elems[i];
        if (!kf_position_offset(point, one->partition, &one->offset))
            one->offset = RD_KAFKA_OFFSET_INVALID;
        else if (one->offset > ends->elems[i].offset)
            one->offset = ends->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return found;
}

static bool find_start(const struct kf_lookup *lookup, rd_kafka_topic_partition_list_t *list) {
    const struct eb_point *start = lookup->c->subscription->start;

    switch (start->kind) {
    case EB_LATEST:
        return find_offsets(lookup, list, RD_KAFKA_OFFSET_END);
    case EB_TIME:
        return find_time(lookup, list, start->time_ms);
    default:
        return find_position(lookup, list, start->position.data);
    }
}

/* Whether a partition was added to its topic while this member was at work, or its topic did not exist when it was looked
 * up. All that is in it came since, so it begins at its beginning. */
static bool is_added(const struct kf_lookup *lookup, const rd_kafka_topic_partition_t *one) {
    for (const struct kf_topic_name *topic = lookup->c->topics; topic; topic = topic->next)
        if (strcmp(topic->text, one->topic) == 0)
            return atomic_load(&topic->absent) || (topic->partitions > 0 && one->partition >= topic->partitions);
    return false;
}

static bool find_start_offsets(struct kf_lookup *lookup) {
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(lookup->list),
                                    *fresh = rd_kafka_topic_partition_list_new(lookup->list->cnt);
    bool found = find_committed(lookup, committed);

    for (int i = 0; found && i < committed->cnt; i++)
        if (committed->elems[i].offset < 0 && !is_added(lookup, &committed->elems[i]))
            rd_kafka_topic_partition_list_add(fresh, committed->elems[i].topic, committed->elems[i].partition);
    found = found && find_start(lookup, fresh);
    for (int i = 0; found && i < fresh->cnt; i++)
        rd_kafka_topic_partition_list_set_offset(lookup->list, fresh->elems[i].topic, fresh->elems[i].partition,
                                                 fresh->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_topic_partition_list_destroy(fresh);
    return found;
}

/* ---- Which topics exist ---- */

static bool find_matching(struct kf_lookup *lookup) {
    const struct eb_host *host = lookup->c->client.host;
    const struct rd_kafka_metadata *metadata;

    if (rd_kafka_metadata(lookup->c->client.rk, 1, NULL, &metadata, STEP_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (metadata->topics[i].partition_cnt > 0 && host->matches(host, metadata->topics[i].topic))
            rd_kafka_topic_partition_list_add(lookup->found, metadata->topics[i].topic, RD_KAFKA_PARTITION_UA)->offset =
                metadata->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* Asks for one topic by its name, which tells a topic that this user may not see from one that does not exist. It does not
 * create the topic. */
static bool find_named(struct kf_lookup *lookup, const char *name) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(lookup->c->client.rk, name, NULL);
    bool asked = topic && rd_kafka_metadata(lookup->c->client.rk, 0, topic, &metadata, STEP_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;

    if (asked && metadata->topic_cnt == 1 &&
        (metadata->topics[0].partition_cnt > 0 || metadata->topics[0].err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED))
        rd_kafka_topic_partition_list_add(lookup->found, name, RD_KAFKA_PARTITION_UA)->offset =
            metadata->topics[0].partition_cnt;
    if (asked)
        rd_kafka_metadata_destroy(metadata);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return asked;
}

static bool find_topics(struct kf_lookup *lookup) {
    const struct eb_subscription *sub = lookup->c->subscription;
    bool found = true;

    kf_topic_list_free(lookup->found); /* of an attempt that failed half way */
    lookup->found = rd_kafka_topic_partition_list_new(8);
    if (lookup->c->patterns)
        found = find_matching(lookup);
    for (size_t i = 0; !lookup->c->patterns && found && i < sub->n_topics; i++)
        found = find_named(lookup, sub->topics[i]);
    rd_kafka_topic_partition_list_sort(lookup->found, NULL, NULL);
    return found;
}

/* ---- The thread ---- */

static void *run_lookup(void *arg) {
    struct kf_lookup *lookup = arg;

    while (!atomic_load(&lookup->cancelled) && !(lookup->list ? find_start_offsets(lookup) : find_topics(lookup)))
        usleep(PAUSE_MS * 1000);
    atomic_store(&lookup->done, true);
    ebp_wakeup_signal(&lookup->c->client.wakeup);
    return NULL;
}

struct kf_lookup *kf_lookup_start(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    struct kf_lookup *lookup = calloc(1, sizeof *lookup);

    if (!lookup)
        return NULL;
    lookup->c = c;
    lookup->list = list ? rd_kafka_topic_partition_list_copy(list) : NULL;
    if (pthread_create(&lookup->thread, NULL, run_lookup, lookup) == 0)
        return lookup;
    kf_topic_list_free(lookup->list);
    free(lookup);
    return NULL;
}

bool kf_lookup_done(const struct kf_lookup *lookup) {
    return atomic_load(&lookup->done);
}

const rd_kafka_topic_partition_list_t *kf_lookup_topics(const struct kf_lookup *lookup) {
    return lookup->found;
}

const rd_kafka_topic_partition_list_t *kf_lookup_offsets(const struct kf_lookup *lookup) {
    return lookup->list;
}

void kf_lookup_free(struct kf_lookup *lookup) {
    if (!lookup)
        return;
    atomic_store(&lookup->cancelled, true);
    pthread_join(lookup->thread, NULL);
    kf_topic_list_free(lookup->list);
    kf_topic_list_free(lookup->found);
    free(lookup);
}
