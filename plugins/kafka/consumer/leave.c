/* plugins/kafka/consumer/leave.c - close: commits what is acknowledged, leaves the group and ends the client. */
#include "consumer.h"

#include <stdlib.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"
#include "state.h"
#include "topic_list.h"

enum { LEAVE_MS = 500, COMMIT_STEP_MS = 50, GROUP_STEP_MS = 20 };
enum leave_result { LEFT, STILL_JOINING, STILL_LEAVING };

/* ---- What is acknowledged ---- */

static bool all_committed(const struct kf_consumer *c) {
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i] && !kf_all_committed(c->slots[i]))
            return false;
    return !c->committing;
}

/* Commits until all is committed or the time is over; the rest is settled as EB_GONE afterwards. */
static void commit_all(struct kf_consumer *c, int64_t until) {
    for (int64_t now = ebp_monotonic_ms(); !all_committed(c) && now < until && c->client.status == EB_OK;
         now = ebp_monotonic_ms()) {
        kf_client_take_wakeup(&c->client);
        kf_client_poll(&c->client);
        kf_handle_events(c);
        if (c->commit_ms <= now || c->commit_ms == INT64_MAX)
            kf_commit_now(c);
        if (!all_committed(c))
            kf_client_wait(&c->client, ebp_earlier(now + COMMIT_STEP_MS, until));
    }
}

/* ---- The group ---- */

/* librdkafka before 2.3.0 aborts the process when a member of a cooperative group is destroyed between the group's first
 * response and its first assignment. That is a moment, unless other members take long to give partitions up. */
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

/* librdkafka forgets to leave between a join that failed and the next one, and a LeaveGroup that is sent behind a JoinGroup
 * waits as long as that one. The broker would keep this member's partitions for it until session.timeout.ms is over. */
static bool is_joining(const struct kf_consumer *c) {
    const struct kf_link *link = &c->client.link;

    return kf_join_tracker_joining(c->client.join_tracker) && link->reached && !link->doubted && c->client.status == EB_OK;
}

static void wait_for_group(struct kf_consumer *c, int64_t until) {
    int64_t now = ebp_monotonic_ms();

    kf_client_take_wakeup(&c->client);
    kf_handle_events(c);
    kf_rebalance_continue(c, now);
    ebp_wakeup_wait(&c->client.wakeup, NULL, 0, ebp_earlier(now + GROUP_STEP_MS, until) - ebp_monotonic_ms());
}

/* librdkafka's close does not tell the group about a member that has no partition, such as one that came last, or one more
 * than there are partitions. Unsubscribing does. */
static void unsubscribe_if_unassigned(struct kf_consumer *c) {
    rd_kafka_topic_partition_list_t *list = NULL;

    if (rd_kafka_assignment(c->client.rk, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt == 0)
        rd_kafka_unsubscribe(c->client.rk);
    kf_topic_list_free(list);
}

/* Leaves the group. A broker that cannot be reached finds out after session.timeout.ms. */
static enum leave_result leave(struct kf_consumer *c, int64_t until) {
    int64_t now = ebp_monotonic_ms(), join_by = until - ebp_earlier((until - now) / 2, LEAVE_MS);
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

static void end_client(struct kf_consumer *c, enum leave_result result) {
    if (result == LEFT) {
        kf_client_close(&c->client);
        return;
    }
    ebp_log(c->client.host, EBP_LOG_INFO, "%s",
            result == STILL_JOINING ? "the group is not ready to let this member leave; it leaves in the background"
                                    : "leaving the group takes longer than the time to close; it goes on in the background");
    kf_client_abandon(&c->client, result == STILL_LEAVING);
}

void kf_consumer_close(void *self, int32_t timeout_ms) {
    struct kf_consumer *c = self;
    int64_t now = ebp_monotonic_ms(), until = now + timeout_ms;

    commit_all(c, until);
    kf_drop_partitions(c);
    kf_rebalance_continue(c, now);
    int64_t leave_by = ebp_monotonic_ms() + LEAVE_MS;
    enum leave_result result = leave(c, until > leave_by ? until : leave_by);
    kf_drop_partitions(c);
    kf_lookup_free(c->offset_lookup);
    kf_group_lookup_free(c->group_lookup);
    kf_topic_list_free(c->ends);
    kf_subscription_free(c);
    if (c->rebalance)
        rd_kafka_event_destroy(c->rebalance);
    end_client(c, result);
    kf_reader_free(&c->reader);
    free(c->slots);
    free(c->generations);
    free(c);
}
