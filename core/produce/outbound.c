/* core/produce/outbound.c - see outbound.h. */
#include "produce/outbound.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/error.h"

enum { NO_MEMORY_WAIT_MS = 100, MOST_SPARES = 2730 }; /* spare blocks of the usual size: 4 MiB */

/* ---- Epochs ---- */

static struct ebi_epoch *epoch_new(uint64_t id) {
    struct ebi_epoch *epoch = calloc(1, sizeof *epoch);

    if (epoch)
        epoch->id = id;
    return epoch;
}

enum eb_status ebi_outbound_end_epoch(struct ebi_outbound *outbound, uint64_t *id, struct eb_error *err) {
    if (outbound->youngest->open == 0) { /* nothing to end: flushes in a row make no epochs */
        *id = outbound->youngest->id - 1;
        return EB_OK;
    }
    struct ebi_epoch *next = epoch_new(outbound->youngest->id + 1);

    if (!next)
        return ebi_error_memory(err);
    *id = outbound->youngest->id;
    outbound->youngest->next = next;
    outbound->youngest = next;
    return EB_OK;
}

bool ebi_outbound_flushed(const struct ebi_outbound *outbound, uint64_t id) {
    for (const struct ebi_epoch *epoch = outbound->oldest; epoch && epoch->id <= id; epoch = epoch->next)
        if (epoch->open > 0)
            return false;
    return true;
}

static void free_oldest_epoch(struct ebi_outbound *outbound) {
    struct ebi_epoch *old = outbound->oldest;

    outbound->oldest = old->next;
    free(old);
}

static void free_done_epochs(struct ebi_outbound *outbound) {
    while (outbound->oldest != outbound->youngest && outbound->oldest->open == 0)
        free_oldest_epoch(outbound);
}

/* ---- The queue ---- */

enum eb_status ebi_outbound_init(struct ebi_outbound *outbound, const struct ebi_sender_limits *limits, bool plugin_orders,
                                 struct eb_error *err) {
    *outbound = (struct ebi_outbound){
        .limits = *limits,
        .backoff = { .first_ms = 100, .max_ms = 10000, .jitter = 0.2 },
        .plugin_orders = plugin_orders,
    };
    ebi_send_id_prefix(outbound->send_id_prefix);
    outbound->oldest = outbound->youngest = epoch_new(1);
    return outbound->oldest ? EB_OK : ebi_error_memory(err);
}

void ebi_outbound_free(struct ebi_outbound *outbound) {
    struct ebi_topic_queue *topic, *next;

    HASH_ITER(hh, outbound->topics, topic, next) {
        HASH_DEL(outbound->topics, topic);
        free(topic);
    }
    while (outbound->oldest)
        free_oldest_epoch(outbound);
    while (outbound->spares)
        free(ebi_outbound_spare(outbound, 0));
}

struct ebi_outbound_message *ebi_outbound_spare(struct ebi_outbound *outbound, size_t size) {
    struct ebi_outbound_message *spare = size <= EBI_OUTBOUND_USUAL_SIZE ? outbound->spares : NULL;

    if (spare) {
        LL_DELETE(outbound->spares, spare);
        outbound->n_spares--;
    }
    return spare;
}

bool ebi_outbound_has_room(const struct ebi_outbound *outbound, const struct ebi_outbound_message *out) {
    if (outbound->limits.takes_any_size && outbound->messages == 0)
        return true;
    return outbound->messages < outbound->limits.messages && outbound->bytes + out->bytes <= outbound->limits.bytes;
}

bool ebi_outbound_ever_fits(const struct ebi_outbound *outbound, const struct ebi_outbound_message *out) {
    return outbound->limits.takes_any_size || out->bytes <= outbound->limits.bytes;
}

/* ---- The ring of topics whose first message may go ---- */

static bool has_key_to_order(const struct ebi_outbound *outbound, const struct ebi_outbound_message *out) {
    return !outbound->plugin_orders && out->message.key.data;
}

static bool key_is_in_flight(const struct ebi_outbound *outbound, const struct ebi_topic_queue *topic,
                             const struct ebi_outbound_message *out) {
    struct ebi_outbound_message *other = NULL;

    if (has_key_to_order(outbound, out))
        HASH_FIND(hh, topic->keys_in_flight, out->message.key.data, out->message.key.len, other);
    return other != NULL;
}

static void enter_ring(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    if (topic->in_ring || topic->backoff.set || !topic->waiting || topic->failed ||
        key_is_in_flight(outbound, topic, topic->waiting))
        return;
    topic->in_ring = true;
    CDL_APPEND(outbound->ring, topic); /* last in turn */
}

static void leave_ring(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    if (!topic->in_ring)
        return;
    topic->in_ring = false;
    CDL_DELETE(outbound->ring, topic);
}

/* A message with this deadline now waits in the topic. */
static void expect_expiry(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, int64_t deadline_ms) {
    if (topic->expiry.set && topic->expiry.at_ms <= deadline_ms)
        return;
    ebi_timers_remove(&outbound->expiring, &topic->expiry);
    ebi_timers_add(&outbound->expiring, &topic->expiry, deadline_ms);
}

/* The last message that waited in the topic is gone. */
static void leave_waiting(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    leave_ring(outbound, topic);
    ebi_timers_remove(&outbound->backing_off, &topic->backoff);
    ebi_timers_remove(&outbound->expiring, &topic->expiry);
}

/* ---- Putting ---- */

static struct ebi_topic_queue *topic_of(struct ebi_outbound *outbound, struct eb_text name) {
    struct ebi_topic_queue *topic;

    HASH_FIND(hh, outbound->topics, name.data, name.len, topic);
    if (topic)
        return topic;
    topic = calloc(1, sizeof *topic + name.len + 1);
    if (!topic)
        return NULL;
    memcpy(topic->name, name.data, name.len);
    HASH_ADD(hh, outbound->topics, name, name.len, topic);
    if (EBI_HASHED(topic))
        return topic;
    free(topic);
    return NULL;
}

enum eb_status ebi_outbound_put(struct ebi_outbound *outbound, struct ebi_outbound_message *out, int64_t now_ms,
                                struct eb_error *err) {
    struct ebi_topic_queue *topic = topic_of(outbound, out->message.topic);

    if (!topic)
        return ebi_error_memory(err);
    out->topic = topic;
    out->seq = ++outbound->seq;
    if (!out->message.send_id.data)
        out->message.send_id = (struct eb_text){ out->send_id,
                                                 ebi_send_id_write(out->send_id, outbound->send_id_prefix, out->seq) };
    out->put_ms = now_ms;
    out->deadline_ms = now_ms + outbound->limits.delivery_timeout_ms;
    out->epoch = outbound->youngest;
    out->epoch->open++;
    outbound->messages++;
    outbound->waiting++;
    outbound->bytes += out->bytes;
    DL_APPEND(topic->waiting, out);
    expect_expiry(outbound, topic, out->deadline_ms);
    enter_ring(outbound, topic);
    return EB_OK;
}

/* ---- To the plugin and back ---- */

/* Moves the first message of a topic to those at the plugin. */
static struct ebi_outbound_message *submit_first(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    struct ebi_outbound_message *out = topic->waiting;

    DL_DELETE(topic->waiting, out);
    DL_APPEND(outbound->submitted, out);
    outbound->at_plugin++;
    outbound->waiting--;
    topic->at_plugin++;
    return out;
}

/* Where the plugin keeps no order: notes that a message of this key is there. False: no memory. */
static bool note_key_in_flight(const struct ebi_outbound *outbound, struct ebi_topic_queue *topic,
                               struct ebi_outbound_message *out) {
    if (!has_key_to_order(outbound, out))
        return true;
    HASH_ADD_KEYPTR(hh, topic->keys_in_flight, out->message.key.data, out->message.key.len, out);
    return EBI_HASHED(out);
}

static void remove_submitted(struct ebi_outbound *outbound, struct ebi_outbound_message *out) {
    DL_DELETE(outbound->submitted, out);
    outbound->at_plugin--;
    out->topic->at_plugin--;
    if (has_key_to_order(outbound, out))
        HASH_DEL(out->topic->keys_in_flight, out);
}

static void lower(int64_t *due_ms, int64_t to) {
    if (to < *due_ms)
        *due_ms = to;
}

/* Whether a topic of the ring waits for more messages, to send them in one batch; *due_ms is lowered to the end of that wait. As
 * many topics linger at most as a batch has messages. */
static bool lingers(const struct ebi_outbound *outbound, const struct ebi_topic_queue *topic, int64_t now_ms, bool hurry,
                    int64_t *due_ms) {
    int64_t full_by = topic->waiting->put_ms + outbound->limits.linger_ms;

    if (hurry || full_by <= now_ms || outbound->waiting >= outbound->limits.batch_messages)
        return false;
    lower(due_ms, full_by);
    return true;
}

/* Topics whose backoff is over are served again; *due_ms is lowered to the time when the next one will be. */
static void end_backoffs(struct ebi_outbound *outbound, int64_t now_ms, int64_t *due_ms) {
    struct ebi_timer *timer;

    while ((timer = ebi_timers_take_due(&outbound->backing_off, now_ms)))
        enter_ring(outbound, EBI_TIMER_OF(timer, struct ebi_topic_queue, backoff));
    if (outbound->backing_off.first)
        lower(due_ms, outbound->backing_off.first->at_ms);
}

struct picking {
    struct ebi_outbound_message **batch;
    size_t n, max, bytes;
    bool full; /* with the next message it would be more than batch_bytes */
};

/* False: there was no memory to note a key. */
static bool pick_from(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, struct picking *picking) {
    while (picking->n < picking->max && topic->waiting && !key_is_in_flight(outbound, topic, topic->waiting)) {
        if (picking->n > 0 && picking->bytes + topic->waiting->bytes > outbound->limits.batch_bytes) {
            picking->full = true;
            return true;
        }
        if (!note_key_in_flight(outbound, topic, topic->waiting))
            return false;
        struct ebi_outbound_message *out = submit_first(outbound, topic);
        picking->bytes += out->bytes;
        picking->batch[picking->n++] = out;
    }
    return true;
}

size_t ebi_outbound_pick(struct ebi_outbound *outbound, int64_t now_ms, bool hurry, struct ebi_outbound_message **batch,
                         size_t max, int64_t *due_ms) {
    struct picking picking = { batch, 0, max < outbound->limits.batch_messages ? max : outbound->limits.batch_messages, 0,
                               false };

    end_backoffs(outbound, now_ms, due_ms);
    struct ebi_topic_queue *topic = outbound->ring, *last = topic ? topic->prev : NULL;
    while (topic && picking.n < picking.max) {
        struct ebi_topic_queue *next = topic == last ? NULL : topic->next;

        if (!lingers(outbound, topic, now_ms, hurry, due_ms)) {
            if (!pick_from(outbound, topic, &picking))
                lower(due_ms, now_ms + NO_MEMORY_WAIT_MS);
            outbound->ring = picking.full ? topic : topic->next; /* the others come first next time */
            if (!topic->waiting)
                leave_waiting(outbound, topic);
            else if (key_is_in_flight(outbound, topic, topic->waiting))
                leave_ring(outbound, topic); /* a report brings it back */
            if (picking.full)
                break;
        }
        topic = next;
    }
    return picking.n;
}

void ebi_outbound_put_back(struct ebi_outbound *outbound, struct ebi_outbound_message **batch, size_t n) {
    while (n-- > 0) {
        struct ebi_outbound_message *out = batch[n];

        remove_submitted(outbound, out);
        outbound->waiting++;
        DL_PREPEND(out->topic->waiting, out);
        expect_expiry(outbound, out->topic, out->deadline_ms);
        enter_ring(outbound, out->topic);
    }
}

/* ---- Failures ---- */

static void add_failed(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, struct ebi_outbound_message *out) {
    outbound->failed++;
    if (topic->failed) {
        topic->failed_mixed |= topic->failed->prev->seq > out->seq;
    } else {
        topic->failed_mixed = false;
        leave_ring(outbound, topic);
    }
    DL_APPEND(topic->failed, out);
}

static int by_seq(const struct ebi_outbound_message *a, const struct ebi_outbound_message *b) {
    return a->seq < b->seq ? -1 : 1;
}

/* None of the topic is at the plugin: its failed messages go back in front of the waiting ones, which are all younger. */
static void requeue_failed(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, int64_t now_ms, uint64_t chance) {
    struct ebi_outbound_message *out;
    size_t n;

    if (topic->failed_mixed)
        DL_SORT(topic->failed, by_seq);
    DL_COUNT(topic->failed, out, n);
    DL_CONCAT(topic->failed, topic->waiting);
    topic->waiting = topic->failed;
    topic->failed = NULL;
    outbound->waiting += n;
    outbound->failed -= n;
    leave_ring(outbound, topic);
    ebi_timers_remove(&outbound->backing_off, &topic->backoff);
    ebi_timers_add(&outbound->backing_off, &topic->backoff,
                   now_ms + ebi_backoff_wait(&outbound->backoff, ++topic->retries, chance));
    expect_expiry(outbound, topic, topic->waiting->deadline_ms);
}

bool ebi_outbound_reported(struct ebi_outbound *outbound, struct ebi_outbound_message *out, bool final, int64_t now_ms,
                           uint64_t chance) {
    struct ebi_topic_queue *topic = out->topic;
    bool again = out->status == EB_RETRIABLE && !final && now_ms < out->deadline_ms;

    remove_submitted(outbound, out);
    if (out->status == EB_OK)
        topic->retries = 0;
    if (again)
        add_failed(outbound, topic, out);
    if (topic->failed && topic->at_plugin == 0)
        requeue_failed(outbound, topic, now_ms, chance);
    else
        enter_ring(outbound, topic); /* where its first message waited for this report */
    return !again;
}

struct ebi_outbound_message *ebi_outbound_expired(struct ebi_outbound *outbound, int64_t now_ms, bool everything) {
    struct ebi_timer *timer;

    while ((timer = ebi_timers_take_due(&outbound->expiring, everything ? INT64_MAX : now_ms))) {
        struct ebi_topic_queue *topic = EBI_TIMER_OF(timer, struct ebi_topic_queue, expiry);
        struct ebi_outbound_message *first = topic->waiting, *out = NULL;

        if (everything || first->deadline_ms <= now_ms) {
            out = first;
            DL_DELETE(topic->waiting, out);
        }
        if (!topic->waiting)
            leave_waiting(outbound, topic);
        else
            expect_expiry(outbound, topic, topic->waiting->deadline_ms);
        if (out) {
            outbound->waiting--;
            return out;
        }
    }
    return NULL;
}

bool ebi_outbound_overdue(const struct ebi_outbound *outbound, int64_t now_ms) {
    return outbound->submitted && outbound->submitted->deadline_ms <= now_ms;
}

void ebi_outbound_release(struct ebi_outbound *outbound, struct ebi_outbound_message *out) {
    outbound->messages--;
    outbound->bytes -= out->bytes;
    out->epoch->open--;
    free_done_epochs(outbound);
    if (out->bytes > EBI_OUTBOUND_USUAL_SIZE || outbound->n_spares == MOST_SPARES) {
        ebi_outbound_message_free(out);
        return;
    }
    ebi_outbound_message_forget(out);
    LL_PREPEND(outbound->spares, out);
    outbound->n_spares++;
}
