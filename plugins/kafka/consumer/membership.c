/* plugins/kafka/consumer/membership.c - partitions are assigned to this member and revoked from it.
 *
 * librdkafka reports a rebalance by an event, and goes on once it is answered by assign or unassign. The event is kept while
 * receivers finish the messages in flight. Meanwhile heartbeats go on, and the other partitions are delivered from. */
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"

enum { BATCH = 256 };

/* ---- Slots ---- */

struct kf_partition *kf_partition_find(const struct kf_consumer *c, const char *topic, int32_t number) {
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i] && c->slots[i]->number == number && strcmp(c->slots[i]->topic->text, topic) == 0)
            return c->slots[i];
    return NULL;
}

/* Finds a free slot, or makes more. Returns false without memory, or if all KF_SLOTS are in use. */
static bool find_free_slot(struct kf_consumer *c, uint16_t *slot) {
    size_t i = 0, n = c->n_slots ? 2 * c->n_slots : 16;

    while (i < c->n_slots && c->slots[i])
        i++;
    *slot = (uint16_t)i;
    if (i < c->n_slots)
        return true;
    if (n > KF_SLOTS)
        return false;
    struct kf_partition **slots = realloc(c->slots, n * sizeof(struct kf_partition *));
    if (slots)
        c->slots = slots;
    uint16_t *generations = slots ? realloc(c->generations, n * sizeof *generations) : NULL;
    if (!generations)
        return false;
    c->generations = generations;
    memset(c->slots + c->n_slots, 0, (n - c->n_slots) * sizeof *c->slots);
    memset(c->generations + c->n_slots, 0, (n - c->n_slots) * sizeof *c->generations);
    c->n_slots = n;
    return true;
}

/* Runs in a thread of librdkafka's. */
static void on_arrival(rd_kafka_t *rk, void *arg) {
    struct kf_partition *partition = arg;

    (void)rk;
    atomic_store(&partition->arrived, true);
    ebp_wakeup_signal(partition->wakeup);
}

/* Detaches the partition's queue from librdkafka's common queue before anything is fetched. Returns false without memory. */
static bool add_partition(struct kf_consumer *c, const rd_kafka_topic_partition_t *named) {
    struct kf_topic_name *topic = kf_topic_name_get(c, named->topic);
    struct kf_partition *partition = topic ? calloc(1, sizeof *partition) : NULL;
    uint16_t slot;

    if (!partition || !find_free_slot(c, &slot)) {
        free(partition);
        return false;
    }
    /* It starts as unread: the queue may hold messages that were fetched when the partition was here last. librdkafka drops
     * these when the queue is read, and signals new messages only after it has been read empty. */
    *partition = (struct kf_partition){ .slot = slot,
                                        .generation = ++c->generations[slot],
                                        .topic = topic,
                                        .number = named->partition,
                                        .wakeup = &c->client.wakeup,
                                        .unread = true,
                                        .next_offset = -1,
                                        .end_offset = -1,
                                        .start_offset = named->offset >= 0 ? named->offset : -1 };
    partition->queue = rd_kafka_queue_get_partition(c->client.rk, named->topic, named->partition);
    if (!partition->queue) {
        free(partition);
        return false;
    }
    rd_kafka_queue_forward(partition->queue, NULL);
    rd_kafka_queue_cb_event_enable(partition->queue, on_arrival, partition);
    c->slots[slot] = partition;
    if (partition->start_offset >= 0)
        c->commit_ms = 0;
    return true;
}

/* A message without a verdict is confirmed as EB_GONE when its verdict comes, because its token's generation matches no partition
 * any more. */
static void drop_partition(struct kf_consumer *c, struct kf_partition *partition) {
    kf_settle_gone(c, partition);
    c->n_inflight -= partition->window.n_inflight;
    c->bytes_inflight -= partition->window.bytes_inflight;
    rd_kafka_queue_cb_event_enable(partition->queue, NULL, NULL);
    if (partition->pending)
        rd_kafka_message_destroy(partition->pending);
    rd_kafka_queue_destroy(partition->queue);
    kf_window_free(&partition->window);
    c->slots[partition->slot] = NULL;
    free(partition);
}

void kf_drop_partitions(struct kf_consumer *c) {
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i])
            drop_partition(c, c->slots[i]);
}

/* ---- Answering librdkafka ---- */

static bool is_cooperative(const struct kf_consumer *c) {
    const char *protocol = rd_kafka_rebalance_protocol(c->client.rk);

    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void fail(struct kf_consumer *c, int32_t status, struct eb_error *why) {
    if (status != EB_OK)
        kf_client_fail(&c->client, EB_FATAL, why);
}

static void assign(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    struct eb_error why;
    int32_t status;

    if (is_cooperative(c))
        status = kf_failed_with(&why, rd_kafka_incremental_assign(c->client.rk, list), "taking partitions");
    else
        status = kf_failed(&why, rd_kafka_assign(c->client.rk, list), "taking partitions");
    fail(c, status, &why);
}

static void unassign(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    struct eb_error why;
    int32_t status;

    kf_join_tracker_will_join(c->client.join_tracker, ebp_monotonic_ms());
    if (is_cooperative(c))
        status = kf_failed_with(&why, rd_kafka_incremental_unassign(c->client.rk, list), "giving partitions up");
    else
        status = kf_failed(&why, rd_kafka_assign(c->client.rk, NULL), "giving partitions up");
    fail(c, status, &why);
}

static void end_rebalance(struct kf_consumer *c) {
    kf_lookup_free(c->offset_lookup);
    rd_kafka_event_destroy(c->rebalance);
    c->offset_lookup = NULL;
    c->rebalance = NULL;
    c->revoking = false;
}

/* ---- Assigning ---- */

static void log_presence(const struct kf_consumer *c, const char *topic) {
    ebp_log(c->client.host, EBP_LOG_INFO, "topic %.300s is there now", topic);
}

static void take_assigned(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    struct eb_error why;

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *named = &list->elems[i];
        if (!kf_partition_find(c, named->topic, named->partition) && !add_partition(c, named)) {
            ebp_no_memory(&why);
            kf_client_fail(&c->client, EB_FATAL, &why);
            return;
        }
    }
    for (int i = 0; i < list->cnt; i++) {
        struct kf_topic_name *topic = kf_topic_name_get(c, list->elems[i].topic);
        if (!c->assigned && topic && topic->partitions <= list->elems[i].partition)
            topic->partitions = list->elems[i].partition + 1;
        if (topic && atomic_exchange(&topic->absent, false))
            log_presence(c, topic->text);
    }
    kf_join_tracker_joined(c->client.join_tracker);
    assign(c, list);
    c->assigned = c->is_member = true;
    kf_link_reached(&c->client.link);
}

/* ---- Revoking ---- */

/* Tells the host which of its messages in flight are taken away. */
static void warn_host(struct kf_consumer *c, struct kf_partition *partition, uint32_t grace_ms) {
    const struct eb_host *host = c->client.host;
    struct kf_window *window = &partition->window;
    uint64_t tokens[BATCH];
    size_t n = 0;

    for (uint32_t number = window->base; number != window->next; number++) {
        if (kf_window_is_inflight(window, number))
            tokens[n++] = kf_token(partition, number);
        if (n == BATCH || (n > 0 && number + 1 == window->next)) {
            host->revoke(host, tokens, n, grace_ms);
            n = 0;
        }
    }
}

static void begin_revoke(struct kf_consumer *c, const rd_kafka_topic_partition_list_t *list) {
    bool lost = rd_kafka_assignment_lost(c->client.rk);
    int64_t grace = lost ? 0 : c->grace_ms;

    c->revoking = true;
    c->is_member = false;
    c->generation_over = false; /* a late result of a commit of the old generation may have set it */
    c->revoke_by_ms = ebp_monotonic_ms() + grace;
    for (int i = 0; i < list->cnt; i++) {
        struct kf_partition *partition = kf_partition_find(c, list->elems[i].topic, list->elems[i].partition);
        if (!partition)
            continue;
        partition->revoking = true;
        warn_host(c, partition, (uint32_t)grace);
    }
    kf_commit_now(c);
}

static bool is_settled(const struct kf_partition *partition) {
    return partition->window.n_inflight == 0 && kf_all_committed(partition) && !partition->committing;
}

static void continue_revoke(struct kf_consumer *c, int64_t now_ms) {
    bool all_settled = true;

    for (size_t i = 0; i < c->n_slots; i++)
        all_settled = all_settled && (!c->slots[i] || !c->slots[i]->revoking || is_settled(c->slots[i]));
    if (!all_settled && now_ms < c->revoke_by_ms && !c->generation_over && !rd_kafka_assignment_lost(c->client.rk)) {
        if (c->commit_ms == INT64_MAX || now_ms >= c->commit_ms) /* a commit that failed waits before its retry */
            kf_commit_now(c);
        return;
    }
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i] && c->slots[i]->revoking)
            drop_partition(c, c->slots[i]);
    unassign(c, rd_kafka_event_topic_partition_list(c->rebalance));
    end_rebalance(c);
}

/* ---- One rebalance ---- */

void kf_rebalance_begin(struct kf_consumer *c, rd_kafka_event_t *event) {
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);

    if (c->rebalance) /* librdkafka waits for an answer, so this cannot happen; the newer event counts */
        end_rebalance(c);
    c->rebalance = event;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        begin_revoke(c, list);
        continue_revoke(c, ebp_monotonic_ms());
        return;
    }
    if (list->cnt > 0 && c->subscription->start->kind != EB_EARLIEST)
        c->offset_lookup = kf_lookup_start(c, list);
    if (!c->offset_lookup) {
        take_assigned(c, list);
        end_rebalance(c);
    }
}

void kf_rebalance_continue(struct kf_consumer *c, int64_t now_ms) {
    if (!c->rebalance)
        return;
    if (c->revoking) {
        continue_revoke(c, now_ms);
    } else if (kf_lookup_done(c->offset_lookup)) {
        take_assigned(c, kf_lookup_offsets(c->offset_lookup));
        end_rebalance(c);
    }
}
