/* plugins/kafka/consumer/until_end.c - until_end: whether everything up to the end is settled. The end of a partition is
 * where it was when the partition was assigned. What other members have is theirs to settle. A member without any partition waits
 * until it gets one, or until the group has settled everything: else all members could end while a partition is nobody's. */
#include "state.h"

enum { PAUSE_MS = 200 };

/* The first fetch response says where the partition ends. */
static bool knows_end(struct kf_consumer *c, struct kf_partition *partition) {
    int64_t low, high;

    if (partition->end_offset < 0 &&
        rd_kafka_get_watermark_offsets(c->client.rk, partition->topic->text, partition->number, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0)
        partition->end_offset = high;
    return partition->end_offset >= 0;
}

/* Between the last message and the end there may be markers of transactions, which are no messages. librdkafka's event for
 * the partition's end moves next_offset past them. */
static bool is_at_end(struct kf_consumer *c, struct kf_partition *partition) {
    return knows_end(c, partition) && partition->next_offset >= partition->end_offset &&
           kf_window_is_empty(&partition->window) && !partition->pending;
}

/* Looks whether the group is at the end, every PAUSE_MS, and does not wait for the answer. */
static bool group_is_at_end(struct kf_consumer *c) {
    bool settled = false;

    if (c->group_lookup && kf_group_lookup_done(c->group_lookup)) {
        settled = kf_group_lookup_all_settled(c->group_lookup);
        kf_group_lookup_free(c->group_lookup);
        c->group_lookup = NULL;
        c->group_lookup_ms = ebp_monotonic_ms() + PAUSE_MS;
    }
    if (!settled && !c->group_lookup && ebp_monotonic_ms() >= c->group_lookup_ms)
        c->group_lookup = kf_group_lookup_start(c);
    return settled;
}

bool kf_at_end(struct kf_consumer *c) {
    bool has_any = false;

    if (!c->subscription->until_end || c->rebalance)
        return false;
    if (c->topics_known && c->no_topic_exists)
        return true;
    if (!c->is_member)
        return false;
    for (size_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i] && !is_at_end(c, c->slots[i]))
            return false;
        has_any = has_any || c->slots[i];
    }
    return has_any || (c->topics_known && group_is_at_end(c));
}
