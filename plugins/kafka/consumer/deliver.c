/* plugins/kafka/consumer/deliver.c - reads the partitions' queues and delivers each record to the host as a message. */
#include "state.h"

#include <stdio.h>
#include <eventbus/plugin-help/log.h>

enum {
    BURST = 128, /* messages of one partition before the next one has its turn */
    MANY = 64,   /* messages that may have been all that a queue had room for */
    SHARE = 4    /* what one partition may hold, in multiples of the room that is left to the others */
};

enum step { DELIVERED, QUEUE_EMPTY, BLOCKED, HOST_FULL }; /* BLOCKED: a schema or memory is missing */

/* Handles an error that comes through a partition's queue. */
static void handle_error(struct kf_consumer *c, struct kf_partition *partition, const rd_kafka_message_t *message) {
    char line[600];

    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        partition->next_offset = message->offset;
        return;
    }
    snprintf(line, sizeof line, "topic %s partition %d: %s", partition->topic->text, (int)partition->number,
             rd_kafka_message_errstr(message));
    if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        kf_topic_denied(c, line);
    else
        ebp_log(c->client.host, EBP_LOG_WARNING, "%s", line);
}

static enum step deliver_one(struct kf_consumer *c, struct kf_partition *partition) {
    const struct eb_host *host = c->client.host;
    struct eb_message message;

    if (!partition->pending && !(partition->pending = rd_kafka_consume_queue(partition->queue, 0)))
        return QUEUE_EMPTY;
    rd_kafka_message_t *record = partition->pending;
    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        handle_error(c, partition, record);
    } else {
        int32_t status = kf_reader_read(&c->reader, record, partition->topic->text, &message);
        if (status != EB_OK || !kf_window_reserve(&partition->window))
            return BLOCKED;
        message.partition = partition->slot;
        message.token = kf_token(partition, partition->window.next);
        status = host->received(host, &message);
        if (status != EB_OK)
            return HOST_FULL;
        size_t bytes = message.payload.len;
        kf_window_add(&partition->window, record->offset, bytes);
        c->n_inflight++;
        c->bytes_inflight += bytes;
        partition->next_offset = record->offset + 1;
    }
    partition->pending = NULL;
    enum step step = record->err == RD_KAFKA_RESP_ERR_NO_ERROR ? DELIVERED : QUEUE_EMPTY;
    rd_kafka_message_destroy(record);
    return step == DELIVERED ? DELIVERED : deliver_one(c, partition);
}

/* The subscription's bounds hold for messages without a verdict. The message that reaches max_bytes is still delivered. */
static bool has_room(const struct kf_consumer *c) {
    return c->n_inflight < c->subscription->max_messages && c->bytes_inflight < c->subscription->max_bytes;
}

/* Messages that are not settled, which is what the host counts. */
struct load {
    size_t partitions, n, bytes;
};

static size_t n_unsettled(const struct kf_partition *partition) {
    return partition->window.n_inflight + partition->window.n_acked;
}

static size_t bytes_unsettled(const struct kf_partition *partition) {
    return partition->window.bytes_inflight + partition->window.bytes_acked;
}

static struct load count_load(const struct kf_consumer *c) {
    struct load load = { 0 };

    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i]) {
            load.partitions++;
            load.n += n_unsettled(c->slots[i]);
            load.bytes += bytes_unsettled(c->slots[i]);
        }
    return load;
}

/* Whether a partition may hold one more message. A partition whose receiver hangs or waits for a retry must not fill all
 * the room there is. The more partitions stand still, the less each may hold; some room is always left to the others, if
 * there is enough for all. */
static bool has_share(const struct kf_consumer *c, const struct kf_partition *partition, const struct load *load) {
    const struct eb_subscription *sub = c->subscription;
    size_t n = n_unsettled(partition), n_left = load->n < sub->max_messages ? sub->max_messages - load->n : 0;
    size_t bytes_left = load->bytes < sub->max_bytes ? (size_t)(sub->max_bytes - load->bytes) : 0;

    return load->partitions == 1 || n == 0 ||
           (n_left > 1 && n < SHARE * (n_left - 1) && bytes_unsettled(partition) / SHARE < bytes_left);
}

static bool is_readable(struct kf_partition *partition) {
    if (partition->paused || partition->revoking)
        return false;
    if (atomic_exchange(&partition->arrived, false))
        partition->unread = true;
    return partition->unread || partition->pending;
}

/* Delivers up to BURST messages of one partition. Returns false if the host accepts no more. */
static bool deliver_some(struct kf_consumer *c, struct kf_partition *partition, uint32_t max, struct load *load,
                         uint32_t *delivered) {
    for (int i = 0; i < BURST && *delivered < max && has_room(c) && has_share(c, partition, load); i++) {
        size_t bytes = c->bytes_inflight;

        switch (deliver_one(c, partition)) {
        case DELIVERED:
            ++*delivered;
            load->n++;
            load->bytes += c->bytes_inflight - bytes;
            break;
        case QUEUE_EMPTY:
            partition->unread = false;
            return true;
        case BLOCKED:
            return true;
        case HOST_FULL:
            c->host_full = true;
            return false;
        }
    }
    return true;
}

uint32_t kf_deliver(struct kf_consumer *c, uint32_t max) {
    struct load load = count_load(c);
    uint32_t delivered = 0;
    bool more = false;

    for (size_t i = 0; i < c->n_slots && delivered < max && has_room(c); i++) {
        struct kf_partition *partition = c->slots[(c->first_slot + i) % c->n_slots];
        if (partition && is_readable(partition) && !deliver_some(c, partition, max, &load, &delivered))
            break;
        more = more || (partition && partition->unread);
    }
    if (delivered >= MANY || (delivered > 0 && more))
        kf_fetch_wakeup_consumed(&c->fetch_wakeup, ebp_monotonic_ms());
    c->first_slot++;
    return delivered;
}
