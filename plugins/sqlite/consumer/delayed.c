/* plugins/sqlite/consumer/delayed.c - see delayed.h. */
#include "consumer/delayed.h"

#include <stdlib.h>
#include <utlist.h>

enum { FIRST_BITS = 6 };

/* ---- lines ---- */

static uint64_t queue_key(const struct sq_delayed *delayed, uint64_t key) {
    return delayed->strict ? 1 : key;
}

static size_t bucket_number(const struct sq_delayed *delayed, uint64_t key) {
    uint64_t odd = ((uint64_t)(uintptr_t)delayed * 0x9e3779b97f4a7c15u) | 1;

    return (size_t)((key ^ key >> 32) * odd >> (64 - delayed->bits));
}

static struct sq_key_queue **bucket_of(struct sq_delayed *delayed, uint64_t key) {
    return &delayed->buckets[bucket_number(delayed, key)];
}

static struct sq_key_queue *find_queue(const struct sq_delayed *delayed, uint64_t key) {
    struct sq_key_queue *queue = key && delayed->buckets ? delayed->buckets[bucket_number(delayed, key)] : NULL;

    while (queue && queue->key != key)
        queue = queue->next_in_bucket;
    return queue;
}

static void put_in_bucket(struct sq_delayed *delayed, struct sq_key_queue *queue) {
    struct sq_key_queue **bucket = bucket_of(delayed, queue->key);

    queue->next_in_bucket = *bucket;
    *bucket = queue;
}

/* Makes as many buckets as queues, or more. False: there are none, and no memory for any. */
static bool make_buckets(struct sq_delayed *delayed) {
    unsigned bits = delayed->buckets ? delayed->bits + 1 : FIRST_BITS;
    struct sq_key_queue **buckets;

    if (delayed->buckets && delayed->n_queues < (size_t)1 << delayed->bits)
        return true;
    buckets = calloc((size_t)1 << bits, sizeof(struct sq_key_queue *));
    if (!buckets)
        return delayed->buckets != NULL;
    free(delayed->buckets);
    delayed->buckets = buckets;
    delayed->bits = bits;
    for (struct sq_key_queue *queue = delayed->queues; queue; queue = queue->next)
        if (queue->key)
            put_in_bucket(delayed, queue);
    return true;
}

static struct sq_key_queue *add_queue(struct sq_delayed *delayed, uint64_t key) {
    struct sq_key_queue *queue = make_buckets(delayed) ? calloc(1, sizeof *queue) : NULL;

    if (!queue)
        return NULL;
    queue->key = key;
    DL_APPEND(delayed->queues, queue);
    delayed->n_queues++;
    if (key)
        put_in_bucket(delayed, queue);
    return queue;
}

static void remove_queue(struct sq_delayed *delayed, struct sq_key_queue *queue) {
    struct sq_key_queue **at = bucket_of(delayed, queue->key);

    DL_DELETE(delayed->queues, queue);
    while (queue->key && *at != queue)
        at = &(*at)->next_in_bucket;
    if (queue->key)
        *at = queue->next_in_bucket;
    delayed->n_queues--;
    free(queue);
}

/* ---- one held ---- */

/* Most messages come in order. */
static void put_in_queue(struct sq_key_queue *queue, struct sq_delayed_message *msg) {
    bool is_newest = queue->newest && queue->newest->seq < msg->seq;
    struct sq_delayed_message **at = is_newest ? &queue->newest->next : &queue->first;

    while (*at && (*at)->seq < msg->seq)
        at = &(*at)->next;
    msg->next = *at;
    msg->queue = queue;
    *at = msg;
    if (!msg->next)
        queue->newest = msg;
}

static void take_out_of_queue(struct sq_delayed *delayed, struct sq_delayed_message *msg) {
    struct sq_key_queue *queue = msg->queue;
    struct sq_delayed_message **at = &queue->first, *older = NULL;

    for (; *at != msg; at = &older->next)
        older = *at;
    *at = msg->next;
    if (queue->newest == msg)
        queue->newest = older;
    if (!queue->first)
        remove_queue(delayed, queue);
    msg->queue = NULL;
    delayed->in_slot[msg->slot]--;
    delayed->n--;
}

struct sq_delayed_message *sq_delayed_add(struct sq_delayed *delayed, const struct sq_delayed_message *what) {
    uint64_t key = queue_key(delayed, what->key);
    struct sq_delayed_message *msg = malloc(sizeof *msg);
    struct sq_key_queue *queue = find_queue(delayed, key);

    if (msg && !queue)
        queue = add_queue(delayed, key);
    if (!msg || !queue) {
        free(msg);
        return NULL;
    }
    *msg = *what;
    msg->change = SQ_CLEAN;
    msg->next_dirty = NULL;
    put_in_queue(queue, msg);
    delayed->in_slot[msg->slot]++;
    delayed->n++;
    return msg;
}

static void note(struct sq_delayed *delayed, struct sq_delayed_message *msg, enum sq_delayed_change change) {
    if (msg->change == SQ_CLEAN) {
        msg->next_dirty = delayed->dirty;
        delayed->dirty = msg;
    }
    msg->change = change;
}

void sq_delayed_write(struct sq_delayed *delayed, struct sq_delayed_message *msg) {
    note(delayed, msg, SQ_TO_WRITE);
}

void sq_delayed_delete(struct sq_delayed *delayed, struct sq_delayed_message *msg) {
    take_out_of_queue(delayed, msg);
    note(delayed, msg, SQ_TO_DELETE);
}

void sq_delayed_saved(struct sq_delayed *delayed) {
    for (struct sq_delayed_message *msg = delayed->dirty, *next; msg; msg = next) {
        next = msg->next_dirty;
        msg->next_dirty = NULL;
        if (msg->change == SQ_TO_DELETE) {
            free(msg);
            continue;
        }
        msg->stored = true;
        msg->change = SQ_CLEAN;
    }
    delayed->dirty = NULL;
}

void sq_delayed_forget(struct sq_delayed *delayed, uint64_t slots) {
    for (struct sq_key_queue *queue = delayed->queues, *next_queue; queue; queue = next_queue) {
        next_queue = queue->next;
        for (struct sq_delayed_message *msg = queue->first, *next; msg; msg = next) {
            next = msg->next;
            if (!(slots >> msg->slot & 1) || msg->change != SQ_CLEAN)
                continue;
            take_out_of_queue(delayed, msg); /* frees the queue with its last message */
            free(msg);
        }
    }
}

void sq_delayed_free(struct sq_delayed *delayed) {
    for (struct sq_delayed_message *msg = delayed->dirty, *next; msg; msg = next) {
        next = msg->next_dirty;
        if (msg->change == SQ_TO_DELETE)
            free(msg);
        else
            msg->change = SQ_CLEAN;
    }
    sq_delayed_forget(delayed, SQ_ALL_SLOTS);
    free(delayed->buckets);
    *delayed = (struct sq_delayed){ .strict = delayed->strict };
}

/* ---- who may go ---- */

/* Whether a message from `msg` on and before `end` has to be settled before anything behind it may be delivered. */
static bool any_blocks(const struct sq_delayed_message *msg, const struct sq_delayed_message *end) {
    for (; msg != end; msg = msg->next)
        if (!msg->in_flight || msg->attempts > 0)
            return true;
    return false;
}

bool sq_delayed_blocks(const struct sq_delayed *delayed, uint64_t key) {
    const struct sq_key_queue *queue = delayed->n > 0 ? find_queue(delayed, queue_key(delayed, key)) : NULL;

    return queue && any_blocks(queue->first, NULL);
}

bool sq_delayed_is_blocked(const struct sq_delayed_message *msg) {
    return any_blocks(msg->queue->first, msg);
}

/* In order. A message that failed before is delivered alone, so that its followers need not come back when it fails again. */
static int64_t ready_in_queue(const struct sq_key_queue *queue, int64_t now_ms, uint64_t slots,
                              bool (*each)(void *arg, struct sq_delayed_message *), void *arg, bool *go_on) {
    for (struct sq_delayed_message *msg = queue->first; msg; msg = msg->next) {
        if (msg->attempts > 0 && (msg->in_flight || msg != queue->first))
            break;
        if (msg->in_flight)
            continue;
        if (!(slots >> msg->slot & 1))
            break;
        if (msg->due_ms > now_ms)
            return msg->due_ms;
        if (!(*go_on = each(arg, msg)) || msg->attempts > 0)
            break;
    }
    return INT64_MAX;
}

int64_t sq_delayed_ready(const struct sq_delayed *delayed, int64_t now_ms, uint64_t slots,
                         bool (*each)(void *arg, struct sq_delayed_message *), void *arg) {
    int64_t next_ms = INT64_MAX;
    bool go_on = true;

    for (struct sq_key_queue *queue = delayed->queues, *next; queue && go_on; queue = next) {
        next = queue->next;
        int64_t due_ms = ready_in_queue(queue, now_ms, slots, each, arg, &go_on);
        if (due_ms < next_ms)
            next_ms = due_ms;
    }
    return next_ms;
}

int64_t sq_delayed_lowest(const struct sq_delayed *delayed) {
    int64_t lowest = INT64_MAX;

    for (const struct sq_key_queue *queue = delayed->queues; queue; queue = queue->next)
        if (queue->first->seq < lowest)
            lowest = queue->first->seq;
    return lowest;
}

uint64_t sq_delayed_full_slots(const struct sq_delayed *delayed) {
    uint64_t full = 0;

    for (unsigned slot = 0; delayed->n >= SQ_DELAYED_MAX_IN_SLOT && slot < SQ_SLOTS; slot++)
        if (delayed->in_slot[slot] >= SQ_DELAYED_MAX_IN_SLOT)
            full |= (uint64_t)1 << slot;
    return full;
}
