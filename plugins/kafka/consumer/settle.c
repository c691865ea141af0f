/* plugins/kafka/consumer/settle.c - verdicts, and the commits that follow from them.
 *
 * One commit is under way at a time, for all partitions that have got on; the next one takes what has gathered meanwhile. */
#include "state.h"

#include <stdio.h>

#include "error.h"

enum { ANSWERS = 512, AGAIN_MS = 100 };

/* ---- Answers, gathered ---- */

struct answers {
    struct kf_consumer *c;
    int32_t status;
    size_t n;
    uint64_t tokens[ANSWERS];
};

static void flush(struct answers *answers) {
    const struct eb_host *host = answers->c->client.host;

    if (answers->n == 0)
        return;
    host->settled(host, answers->tokens, answers->n, answers->status);
    answers->c->answered = true;
    answers->n = 0;
}

static void answer(struct answers *answers, int32_t status, uint64_t token) {
    if (answers->n == ANSWERS || answers->status != status)
        flush(answers);
    answers->status = status;
    answers->tokens[answers->n++] = token;
}

static void answer_gone(struct answers *answers, struct kf_partition *partition, bool all) {
    uint32_t number;

    while (kf_window_drop(&partition->window, all, &number))
        answer(answers, EB_GONE, kf_token(partition, number));
}

void kf_answer_gone(struct kf_consumer *c, struct kf_partition *partition) {
    struct answers answers = { .c = c };

    answer_gone(&answers, partition, true);
    flush(&answers);
}

/* ---- Verdicts ---- */

static struct kf_partition *partition_of(const struct kf_consumer *c, uint64_t token) {
    size_t slot = (size_t)(token >> 48);
    struct kf_partition *partition = slot < c->n_slots ? c->slots[slot] : NULL;

    return partition && partition->generation == (uint16_t)(token >> 32) ? partition : NULL;
}

static void settle_one(struct kf_consumer *c, const struct eb_verdict *verdict, struct answers *answers) {
    struct kf_partition *partition = partition_of(c, verdict->token);
    uint32_t number = (uint32_t)verdict->token;

    if (verdict->kind == EB_EXTEND)
        return;                                         /* there is no lease: a member that lives keeps its partitions */
    if (!partition || !kf_window_is_out(&partition->window, number)) {
        answer(answers, EB_GONE, verdict->token);
        return;
    }
    size_t bytes = partition->window.bytes_out;
    if (verdict->kind == EB_ACK) {
        if (kf_window_ack(&partition->window, number) == KF_GONE_NOW)
            answer(answers, EB_GONE, verdict->token);
    } else {
        kf_window_return(&partition->window, number);
        answer(answers, EB_OK, verdict->token);
        answer_gone(answers, partition, false);
    }
    c->n_out--;
    c->bytes_out -= bytes - partition->window.bytes_out;
}

int32_t kf_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct kf_consumer *c = self;
    struct answers answers = { .c = c };

    (void)err;
    for (size_t i = 0; i < n; i++)
        settle_one(c, &verdicts[i], &answers);
    flush(&answers);
    if (n && c->commit_ms == INT64_MAX)
        c->commit_ms = kf_ticks_ms() + c->client.set->commit_interval_ms;
    return EB_OK;
}

/* ---- Committing ---- */

bool kf_is_stored(const struct kf_partition *partition) {
    return partition->window.safe == partition->window.base && partition->start < 0;
}

/* The places of all partitions that have got on. NULL: none has, or no memory. */
static rd_kafka_topic_partition_list_t *gather(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list = NULL;
    int64_t offset;

    for (size_t i = 0; i < c->n_slots; i++) {
        struct kf_partition *partition = c->slots[i];
        if (!partition)
            continue;
        partition->upto = partition->window.base;
        partition->committing = kf_window_place(&partition->window, &offset, &partition->upto);
        if (!partition->committing && partition->start >= 0) {
            partition->committing = true;
            offset = partition->start;
        }
        if (!partition->committing)
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_add(list, partition->topic->text, partition->number)->offset = offset;
    }
    return list;
}

/* librdkafka's main thread has looked at all that came before: it answers in turn. Its threads may have stood still. */
static void ask_main_thread(const struct kf_consumer *c) {
    char *answer = rd_kafka_memberid(c->client.rk);

    if (answer)
        rd_kafka_mem_free(c->client.rk, answer);
}

/* When a commit may be made; where that is not known yet, when to look again. */
static int64_t may_commit_ms(const struct kf_consumer *c) {
    struct kf_joins *joins = c->client.joins;

    if (kf_joins_heard(joins)) {
        ask_main_thread(c);
        kf_joins_may_come(joins, kf_ticks_ms());
    }
    int64_t joined_ms = kf_joins_over_ms(joins);
    if (joined_ms == INT64_MAX)
        joined_ms = kf_ticks_ms() + AGAIN_MS;
    return joined_ms > c->again_ms ? joined_ms : c->again_ms;
}

void kf_commit_now(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (c->committing)
        return;
    int64_t may = may_commit_ms(c), now = kf_ticks_ms();
    if (now < may) {
        c->commit_ms = may;
        return;
    }
    c->commit_ms = INT64_MAX;
    list = gather(c);
    if (!list)
        return;
    code = rd_kafka_commit_queue(c->client.rk, list, c->client.queue, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(list);
    c->committing = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!c->committing)
        c->commit_ms = c->again_ms = now + AGAIN_MS;
}

/* How much may gather before it is committed early: half of what the host lets out, so that it need not stand still. */
static bool much_gathered(const struct kf_consumer *c) {
    size_t n = 0;

    for (size_t i = 0; i < c->n_slots; i++)
        n += c->slots[i] ? c->slots[i]->window.safe - c->slots[i]->window.base : 0;
    return n >= c->subscription->max_messages / 2;
}

void kf_commit(struct kf_consumer *c, int64_t now_ms) {
    if (!c->committing && c->commit_ms != INT64_MAX && (now_ms >= c->commit_ms || much_gathered(c)))
        kf_commit_now(c);
}

/* A commit that failed is tried again: that of a generation of the group that is over, by the next one. Where the partition
 * is another member's by now, librdkafka tells of that by a rebalance. */
static void end_one(struct kf_consumer *c, struct kf_partition *partition, rd_kafka_resp_err_t code,
                    struct answers *answers) {
    uint32_t number;

    partition->committing = false;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        partition->start = -1;
        while (kf_window_committed(&partition->window, partition->upto, &number))
            answer(answers, EB_OK, kf_token(partition, number));
    }
    if (code)
        c->again_ms = kf_ticks_ms() + AGAIN_MS;
    if (!kf_is_stored(partition) && c->commit_ms == INT64_MAX)
        c->commit_ms = code ? c->again_ms : kf_ticks_ms() + c->client.set->commit_interval_ms;
}

static bool is_outdated(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

/* An error of the whole is what is known of each, unless the broker has told of them one by one. */
static bool tells_each(const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; list && i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    return false;
}

void kf_committed(struct kf_consumer *c, rd_kafka_event_t *event) {
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    bool each = tells_each(list);
    struct answers answers = { .c = c };
    char line[300];

    c->committing = false;
    c->outdated = is_outdated(code);
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        struct kf_partition *partition = kf_partition_find(c, one->topic, one->partition);
        if (partition && partition->committing)
            end_one(c, partition, each ? one->err : code, &answers);
    }
    for (size_t i = 0; i < c->n_slots; i++)             /* those it does not speak of */
        if (c->slots[i] && c->slots[i]->committing)
            end_one(c, c->slots[i], code ? code : RD_KAFKA_RESP_ERR__FAIL, &answers);
    flush(&answers);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kf_link_good(&c->client.link);
        return;
    }
    snprintf(line, sizeof line, "group %s: committing: %s", c->subscription->group, rd_kafka_err2str(code));
    c->client.host->log(c->client.host, 6, line);
}
