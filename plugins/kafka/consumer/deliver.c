/* plugins/kafka/consumer/deliver.c - reads the partitions' queues, takes each record apart, hands it over. */
#include "state.h"

#include <stdio.h>

enum {
    TURN = 128,                 /* of one partition, until it is the next one's turn */
    MUCH = 64,                  /* may have been all that a queue had room for */
    SHARE = 4                   /* what one partition may hold, in multiples of the room that is left to the others */
};

enum step { HANDED, NOTHING, STUCK, STOP };

/* What comes through a partition's queue beside messages. */
static void look_at_error(struct kf_consumer *c, struct kf_partition *partition, const rd_kafka_message_t *message) {
    char line[600];

    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        partition->position = message->offset;
        return;
    }
    snprintf(line, sizeof line, "topic %s partition %d: %s", partition->topic->text, (int)partition->number,
             rd_kafka_message_errstr(message));
    if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        kf_may_not_read(c, line);
    else
        c->client.host->log(c->client.host, 4, line);
}

static enum step hand_one(struct kf_consumer *c, struct kf_partition *partition) {
    const struct eb_host *host = c->client.host;
    struct eb_message message;

    if (!partition->held && !(partition->held = rd_kafka_consume_queue(partition->queue, 0)))
        return NOTHING;
    rd_kafka_message_t *record = partition->held;
    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        look_at_error(c, partition, record);
    } else {
        int32_t status = kf_read(&c->reader, record, partition->topic->text, &message);
        if (status != EB_OK || !kf_window_reserve(&partition->window))
            return STUCK;
        message.partition = partition->slot;
        message.token = kf_token(partition, partition->window.next);
        status = host->received(host, &message);
        if (status != EB_OK)
            return STOP;
        size_t bytes = message.payload.len;
        kf_window_add(&partition->window, record->offset, bytes);
        c->n_out++;
        c->bytes_out += bytes;
        partition->position = record->offset + 1;
    }
    partition->held = NULL;
    enum step step = record->err == RD_KAFKA_RESP_ERR_NO_ERROR ? HANDED : NOTHING;
    rd_kafka_message_destroy(record);
    return step == HANDED ? HANDED : hand_one(c, partition);
}

/* The bounds hold for what has no verdict; the message that reaches max_bytes still goes out. */
static bool has_room(const struct kf_consumer *c) {
    return c->n_out < c->subscription->max_messages && c->bytes_out < c->subscription->max_bytes;
}

/* What is not answered: that is what the host counts. */
struct held {
    size_t partitions, n, bytes;
};

static size_t n_held(const struct kf_partition *partition) {
    return partition->window.n_out + partition->window.n_waiting;
}

static size_t bytes_held(const struct kf_partition *partition) {
    return partition->window.bytes_out + partition->window.bytes_waiting;
}

static struct held count_held(const struct kf_consumer *c) {
    struct held held = {0};

    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i]) {
            held.partitions++;
            held.n += n_held(c->slots[i]);
            held.bytes += bytes_held(c->slots[i]);
        }
    return held;
}

/* A partition that stands still, since a receiver hangs or waits for its retry, must not fill all the room there is.
 * The more of them stand still, the less each may hold; some room is left to the others, if there is enough for all. */
static bool has_share(const struct kf_consumer *c, const struct kf_partition *partition, const struct held *held) {
    const struct eb_subscription *sub = c->subscription;
    size_t n = n_held(partition), n_left = held->n < sub->max_messages ? sub->max_messages - held->n : 0;
    size_t bytes_left = held->bytes < sub->max_bytes ? (size_t)(sub->max_bytes - held->bytes) : 0;

    return held->partitions == 1 || n == 0 ||
           (n_left > 1 && n < SHARE * (n_left - 1) && bytes_held(partition) / SHARE < bytes_left);
}

static bool is_readable(struct kf_partition *partition) {
    if (partition->paused || partition->going)
        return false;
    if (atomic_exchange(&partition->arrived, false))
        partition->more = true;
    return partition->more || partition->held;
}

/* Up to TURN of one partition. False: the host takes no more. */
static bool hand_some(struct kf_consumer *c, struct kf_partition *partition, uint32_t max, struct held *held,
                      uint32_t *handed) {
    for (int i = 0; i < TURN && *handed < max && has_room(c) && has_share(c, partition, held); i++) {
        size_t bytes = c->bytes_out;

        switch (hand_one(c, partition)) {
        case HANDED:
            ++*handed;
            held->n++;
            held->bytes += c->bytes_out - bytes;
            break;
        case NOTHING:
            partition->more = false;
            return true;
        case STUCK:
            return true;
        case STOP:
            c->refused = true;
            return false;
        }
    }
    return true;
}

uint32_t kf_hand_over(struct kf_consumer *c, uint32_t max) {
    struct held held = count_held(c);
    uint32_t handed = 0;
    bool more = false;

    for (size_t i = 0; i < c->n_slots && handed < max && has_room(c); i++) {
        struct kf_partition *partition = c->slots[(c->turn + i) % c->n_slots];
        if (partition && is_readable(partition) && !hand_some(c, partition, max, &held, &handed))
            break;
        more = more || (partition && partition->more);
    }
    if (handed >= MUCH || (handed > 0 && more))
        kf_refill_taken(&c->refill, kf_ticks_ms());
    c->turn++;
    return handed;
}
