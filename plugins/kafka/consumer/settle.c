/* plugins/kafka/consumer/settle.c - takes verdicts, commits offsets, and reports to the host what is settled.
 *
 * One commit is under way at a time, for all partitions that have something to commit. The next commit covers what was
 * acknowledged meanwhile. */
#include "state.h"

#include <eventbus/plugin-help/log.h>

#include "error.h"

enum { BATCH = 512, RETRY_MS = 100 };

/* ---- Reports to the host, in batches of one status ---- */

struct batch {
    struct kf_consumer *c;
    int32_t status;
    size_t n;
    uint64_t tokens[BATCH];
};

static void flush(struct batch *batch) {
    const struct eb_host *host = batch->c->client.host;

    if (batch->n == 0)
        return;
    host->settled(host, batch->tokens, batch->n, batch->status);
    batch->c->settled_some = true;
    batch->n = 0;
}

static void report(struct batch *batch, int32_t status, uint64_t token) {
    if (batch->n == BATCH || batch->status != status)
        flush(batch);
    batch->status = status;
    batch->tokens[batch->n++] = token;
}

static void report_gone(struct batch *batch, struct kf_partition *partition, bool all) {
    uint32_t number;

    while (kf_window_take_gone(&partition->window, all, &number))
        report(batch, EB_GONE, kf_token(partition, number));
}

void kf_settle_gone(struct kf_consumer *c, struct kf_partition *partition) {
    struct batch batch = { .c = c };

    report_gone(&batch, partition, true);
    flush(&batch);
}

/* ---- Verdicts ---- */

static struct kf_partition *partition_of(const struct kf_consumer *c, uint64_t token) {
    size_t slot = (size_t)(token >> 48);
    struct kf_partition *partition = slot < c->n_slots ? c->slots[slot] : NULL;

    return partition && partition->generation == (uint16_t)(token >> 32) ? partition : NULL;
}

static void settle_one(struct kf_consumer *c, const struct eb_verdict *verdict, struct batch *batch) {
    struct kf_partition *partition = partition_of(c, verdict->token);
    uint32_t number = (uint32_t)verdict->token;

    if (verdict->kind == EB_EXTEND)
        return; /* there is no lease: a member that lives keeps its partitions */
    if (!partition || !kf_window_is_inflight(&partition->window, number)) {
        report(batch, EB_GONE, verdict->token);
        return;
    }
    size_t bytes = partition->window.bytes_inflight;
    if (verdict->kind == EB_ACK) {
        if (kf_window_ack(&partition->window, number) == KF_ACK_GONE)
            report(batch, EB_GONE, verdict->token);
    } else {
        kf_window_return(&partition->window, number);
        report(batch, EB_OK, verdict->token);
        report_gone(batch, partition, false);
    }
    c->n_inflight--;
    c->bytes_inflight -= bytes - partition->window.bytes_inflight;
}

int32_t kf_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct kf_consumer *c = self;
    struct batch batch = { .c = c };

    (void)err;
    for (size_t i = 0; i < n; i++)
        settle_one(c, &verdicts[i], &batch);
    flush(&batch);
    if (n && c->commit_ms == INT64_MAX)
        c->commit_ms = ebp_monotonic_ms() + c->client.set->commit_interval_ms;
    return EB_OK;
}

/* ---- Committing ---- */

bool kf_all_committed(const struct kf_partition *partition) {
    return partition->window.safe == partition->window.base && partition->start_offset < 0;
}

/* The offsets of all partitions that have something to commit. NULL: none has. */
static rd_kafka_topic_partition_list_t *offsets_to_commit(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list = NULL;
    int64_t offset;

    for (size_t i = 0; i < c->n_slots; i++) {
        struct kf_partition *partition = c->slots[i];
        if (!partition)
            continue;
        partition->upto = partition->window.base;
        partition->committing = kf_window_commit_offset(&partition->window, &offset, &partition->upto);
        if (!partition->committing && partition->start_offset >= 0) {
            partition->committing = true;
            offset = partition->start_offset;
        }
        if (!partition->committing)
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_add(list, partition->topic->text, partition->number)->offset = offset;
    }
    return list;
}

/* Returns once librdkafka's main thread, which answers calls in turn, has handled all that came before. Its threads may have
 * stood still for a while. */
static void sync_with_main_thread(const struct kf_consumer *c) {
    char *member = rd_kafka_memberid(c->client.rk);

    if (member)
        rd_kafka_mem_free(c->client.rk, member);
}

/* When a commit may be sent, or if that is not known yet, when to look again; see client/join_tracker.h. */
static int64_t commit_allowed_ms(const struct kf_consumer *c) {
    struct kf_join_tracker *tracker = c->client.join_tracker;

    if (kf_join_tracker_take_response(tracker)) {
        sync_with_main_thread(c);
        kf_join_tracker_may_join(tracker, ebp_monotonic_ms());
    }
    int64_t joined_ms = kf_join_tracker_over_ms(tracker);
    if (joined_ms == INT64_MAX)
        joined_ms = ebp_monotonic_ms() + RETRY_MS;
    return joined_ms > c->retry_ms ? joined_ms : c->retry_ms;
}

void kf_commit_now(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (c->committing)
        return;
    int64_t may = commit_allowed_ms(c), now = ebp_monotonic_ms();
    if (now < may) {
        c->commit_ms = may;
        return;
    }
    c->commit_ms = INT64_MAX;
    list = offsets_to_commit(c);
    if (!list)
        return;
    code = rd_kafka_commit_queue(c->client.rk, list, c->client.queue, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(list);
    c->committing = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!c->committing)
        c->commit_ms = c->retry_ms = now + RETRY_MS;
}

/* Whether so much is acknowledged that a commit is due early: half of what the host lets be in flight, so that delivery
 * does not have to stop. */
static bool many_uncommitted(const struct kf_consumer *c) {
    size_t n = 0;

    for (size_t i = 0; i < c->n_slots; i++)
        n += c->slots[i] ? c->slots[i]->window.safe - c->slots[i]->window.base : 0;
    return n >= c->subscription->max_messages / 2;
}

void kf_commit_due(struct kf_consumer *c, int64_t now_ms) {
    if (!c->committing && c->commit_ms != INT64_MAX && (now_ms >= c->commit_ms || many_uncommitted(c)))
        kf_commit_now(c);
}

/* Ends the commit for one partition. A commit that failed is retried; if its group generation is over, then in the next
 * generation. If the partition is another member's by now, librdkafka reports that by a rebalance. */
static void commit_done_for(struct kf_consumer *c, struct kf_partition *partition, rd_kafka_resp_err_t code,
                            struct batch *batch) {
    uint32_t number;

    partition->committing = false;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        partition->start_offset = -1;
        while (kf_window_take_committed(&partition->window, partition->upto, &number))
            report(batch, EB_OK, kf_token(partition, number));
    }
    if (code)
        c->retry_ms = ebp_monotonic_ms() + RETRY_MS;
    if (!kf_all_committed(partition) && c->commit_ms == INT64_MAX)
        c->commit_ms = code ? c->retry_ms : ebp_monotonic_ms() + c->client.set->commit_interval_ms;
}

static bool is_generation_over(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

/* Whether the broker has returned errors for single partitions. If not, the error of the whole commit holds for each. */
static bool has_partition_errors(const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; list && i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    return false;
}

void kf_commit_done(struct kf_consumer *c, rd_kafka_event_t *event) {
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    bool each = has_partition_errors(list);
    struct batch batch = { .c = c };

    c->committing = false;
    c->generation_over = is_generation_over(code);
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        struct kf_partition *partition = kf_partition_find(c, one->topic, one->partition);
        if (partition && partition->committing)
            commit_done_for(c, partition, each ? one->err : code, &batch);
    }
    for (size_t i = 0; i < c->n_slots; i++) /* partitions that the result does not list */
        if (c->slots[i] && c->slots[i]->committing)
            commit_done_for(c, c->slots[i], code ? code : RD_KAFKA_RESP_ERR__FAIL, &batch);
    flush(&batch);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kf_link_reached(&c->client.link);
        return;
    }
    ebp_log(c->client.host, EBP_LOG_INFO, "group %s: committing: %s", c->subscription->group, rd_kafka_err2str(code));
}
