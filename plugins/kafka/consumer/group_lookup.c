/* plugins/kafka/consumer/group_lookup.c - looks up whether the group has settled everything up to the end; for a member that has
 * no partition.
 *
 * Such a member cannot know who has the partitions. Others may have all of them, but in a cooperative group the one that it is to
 * get is nobody's at first: it gets none in its first assignment. librdkafka has only blocking calls here, so a thread makes
 * them, each for STEP_MS at most. */
#include "state.h"

#include <pthread.h>
#include <stdlib.h>

#include "topic_list.h"

enum { STEP_MS = 1000 };

struct kf_group_lookup {
    struct kf_consumer *c;
    pthread_t thread;
    atomic_bool done, cancelled;
    bool all_settled; /* valid once done */
};

/* Sets where the partitions end, each once: what is sent later is not waited for. 0: the partition is empty. Returns false if one
 * of them could not be read. */
static bool find_ends(const struct kf_group_lookup *lookup) {
    rd_kafka_topic_partition_list_t *ends = lookup->c->ends;
    int64_t low, high;

    for (int i = 0; i < ends->cnt; i++) {
        rd_kafka_topic_partition_t *one = &ends->elems[i];
        if (one->offset >= 0)
            continue;
        if (atomic_load(&lookup->cancelled) ||
            rd_kafka_query_watermark_offsets(lookup->c->client.rk, one->topic, one->partition, &low, &high, STEP_MS) !=
                RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
        one->offset = low < high ? high : 0;
    }
    return true;
}

static bool has_committed_all(const struct kf_group_lookup *lookup) {
    const rd_kafka_topic_partition_list_t *ends = lookup->c->ends;
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(ends);
    bool all = ends->cnt == 0 || rd_kafka_committed(lookup->c->client.rk, committed, STEP_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; all && i < ends->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &committed->elems[i];
        all = !one->err && (one->offset >= ends->elems[i].offset || ends->elems[i].offset == 0);
    }
    rd_kafka_topic_partition_list_destroy(committed);
    return all;
}

static void *run_lookup(void *arg) {
    struct kf_group_lookup *lookup = arg;

    lookup->all_settled = find_ends(lookup) && has_committed_all(lookup);
    atomic_store(&lookup->done, true);
    ebp_wakeup_signal(&lookup->c->client.wakeup);
    return NULL;
}

/* Lists the partitions that there were when the topics were looked up. */
static void list_partitions(struct kf_consumer *c) {
    if (c->ends)
        return;
    c->ends = rd_kafka_topic_partition_list_new(8);
    for (const struct kf_topic_name *topic = c->topics; topic; topic = topic->next)
        for (int32_t number = 0; number < topic->wanted; number++)
            rd_kafka_topic_partition_list_add(c->ends, topic->text, number)->offset = -1;
}

struct kf_group_lookup *kf_group_lookup_start(struct kf_consumer *c) {
    struct kf_group_lookup *lookup = calloc(1, sizeof *lookup);

    if (!lookup)
        return NULL;
    lookup->c = c;
    list_partitions(c);
    if (pthread_create(&lookup->thread, NULL, run_lookup, lookup) == 0)
        return lookup;
    free(lookup);
    return NULL;
}

bool kf_group_lookup_done(const struct kf_group_lookup *lookup) {
    return atomic_load(&lookup->done);
}

bool kf_group_lookup_all_settled(const struct kf_group_lookup *lookup) {
    return lookup->all_settled;
}

void kf_group_lookup_free(struct kf_group_lookup *lookup) {
    if (!lookup)
        return;
    atomic_store(&lookup->cancelled, true);
    pthread_join(lookup->thread, NULL);
    free(lookup);
}
