/* core/produce/outbound.c - see outbound.h. */
#include "produce/outbound.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plugin/message.h"

enum { NO_MEMORY_WAIT_MS = 100 };

/* ---- Epochs ---- */

static struct ebi_epoch *epoch_new(uint64_t id) {
    struct ebi_epoch *epoch = calloc(1, sizeof *epoch);

    if (epoch)
        epoch->id = id;
    return epoch;
}

enum eb_status ebi_outbound_mark(struct ebi_outbound *outbound, uint64_t *id, struct eb_error *err) {
    if (outbound->youngest->open == 0) {                /* nothing to end: flushes in a row make no epochs */
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

static void drop_old_epochs(struct ebi_outbound *outbound) {
    while (outbound->oldest != outbound->youngest && outbound->oldest->open == 0) {
        struct ebi_epoch *old = outbound->oldest;

        outbound->oldest = old->next;
        free(old);
    }
}

/* ---- Messages ---- */

/* Blocks up to that size are made of that size, and so many are kept: 4 MiB. */
enum { USUAL_SIZE = 1536, MOST_SPARES = 2730 };

static size_t head_size(void) {
    return (sizeof(struct ebi_out) + 15) & ~(size_t)15;
}

size_t ebi_out_size(const struct eb_message *message, struct eb_error *err) {
    size_t room = ebi_message_room(message);

    if (!room) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "a message with more than 4096 headers cannot be sent");
        return 0;
    }
    return head_size() + room;
}

struct ebi_out *ebi_outbound_spare(struct ebi_outbound *outbound, size_t size) {
    struct ebi_out *spare = size <= USUAL_SIZE ? outbound->spares : NULL;

    if (spare) {
        outbound->spares = spare->next;
        outbound->n_spares--;
    }
    return spare;
}

struct ebi_out *ebi_out_new(const struct eb_message *message, size_t size, struct ebi_out *spare, struct eb_error *err) {
    struct ebi_out *out = spare ? spare : malloc(size < USUAL_SIZE ? USUAL_SIZE : size);

    if (!out) {
        ebi_error_memory(err);
        return NULL;
    }
    memset(&out->topic, 0, offsetof(struct ebi_out, near) - offsetof(struct ebi_out, topic));
    ebi_message_copy(&out->message, message, (char *)out + head_size());
    out->message.token = (uint64_t)(uintptr_t)out;
    out->bytes = size;
    return out;
}

/* What an earlier attempt left in it. */
static void forget_report(struct ebi_out *out) {
    free(out->error);
    out->error = NULL;
    if (out->position != out->near)
        free(out->position);
    out->position = NULL;
}

void ebi_out_free(struct ebi_out *out) {
    if (!out)
        return;
    forget_report(out);
    free(out);
}

static void keep_position(struct ebi_out *out, struct eb_text position) {
    if (!position.data)
        return;
    out->position = position.len < sizeof out->near ? out->near : malloc(position.len + 1);
    if (!out->position)
        return;                         /* delivered all the same: it is told as unknown */
    memcpy(out->position, position.data, position.len);
    out->position[position.len] = '\0';
}

static enum eb_status known_status(int32_t status) {
    if (status >= EB_OK)
        return EB_OK;
    return status == EB_RETRIABLE || status == EB_PERMANENT ? (enum eb_status)status : EB_RETRIABLE;
}

void ebi_out_report(struct ebi_out *out, const struct eb_delivery *delivery) {
    forget_report(out);
    out->status = known_status(delivery->status);
    out->maybe_stored = delivery->maybe_stored != 0;
    if (out->status == EB_OK)
        keep_position(out, delivery->position);
    else
        out->error = malloc(sizeof *out->error);
    if (out->error && delivery->error) {
        const struct eb_error *why = delivery->error;       /* a plugin's text may be any; callbacks get a line */
        ebi_error(out->error, (enum eb_status)why->status, (enum eb_kind)why->kind, "%.*s", EB_ERROR_ROOM - 1, why->text);
        out->error->native = why->native;
    } else if (out->error) {
        ebi_error(out->error, out->status, EB_KIND_BROKER, "the plugin gave no reason");
    }
}

/* ---- The whole ---- */

enum eb_status ebi_outbound_init(struct ebi_outbound *outbound, const struct ebi_sender_limits *limits,
                                 bool plugin_orders, struct eb_error *err) {
    *outbound = (struct ebi_outbound){
        .limits = *limits,
        .backoff = {.first_ms = 100, .max_ms = 10000, .jitter = 0.2},
        .plugin_orders = plugin_orders,
    };
    outbound->oldest = outbound->youngest = epoch_new(1);
    return outbound->oldest ? EB_OK : ebi_error_memory(err);
}

void ebi_outbound_free(struct ebi_outbound *outbound) {
    struct ebi_topic_queue *topic, *next;

    HASH_ITER(hh, outbound->topics, topic, next) {
        HASH_DEL(outbound->topics, topic);
        free(topic);
    }
    while (outbound->oldest) {
        struct ebi_epoch *old = outbound->oldest;

        outbound->oldest = old->next;
        free(old);
    }
    while (outbound->spares)
        free(ebi_outbound_spare(outbound, 0));
}

bool ebi_outbound_has_room(const struct ebi_outbound *outbound, const struct ebi_out *out) {
    if (outbound->limits.takes_any_size && outbound->messages == 0)
        return true;
    return outbound->messages < outbound->limits.messages && outbound->bytes + out->bytes <= outbound->limits.bytes;
}

bool ebi_outbound_ever_fits(const struct ebi_outbound *outbound, const struct ebi_out *out) {
    return outbound->limits.takes_any_size || out->bytes <= outbound->limits.bytes;
}

/* ---- The ring of topics whose head may go ---- */

static bool key_is_out(const struct ebi_outbound *outbound, const struct ebi_topic_queue *topic,
                       const struct ebi_out *out) {
    struct ebi_out *other = NULL;

    if (!outbound->plugin_orders && out->message.key.data)
        HASH_FIND(hh, topic->busy, out->message.key.data, out->message.key.len, other);
    return other != NULL;
}

static void enter_ring(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    struct ebi_topic_queue *ring = outbound->ring;

    if (topic->in_ring || topic->rest.set || !topic->head || topic->failed || key_is_out(outbound, topic, topic->head))
        return;
    topic->in_ring = true;
    if (!ring) {
        topic->prev = topic->next = topic;
        outbound->ring = topic;
        return;
    }
    topic->next = ring;                 /* last in turn */
    topic->prev = ring->prev;
    ring->prev->next = topic;
    ring->prev = topic;
}

static void leave_ring(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    if (!topic->in_ring)
        return;
    topic->in_ring = false;
    if (topic->next == topic)
        outbound->ring = NULL;
    else if (outbound->ring == topic)
        outbound->ring = topic->next;
    topic->prev->next = topic->next;
    topic->next->prev = topic->prev;
}

/* Something waits in the topic now, whose time is up then. */
static void expect_expiry(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, int64_t deadline_ms) {
    if (topic->expiry.set && topic->expiry.at_ms <= deadline_ms)
        return;
    ebi_timers_remove(&outbound->expiring, &topic->expiry);
    ebi_timers_add(&outbound->expiring, &topic->expiry, deadline_ms);
}

/* The last one that waited in the topic is gone. */
static void leave_waiting(struct ebi_outbound *outbound, struct ebi_topic_queue *topic) {
    leave_ring(outbound, topic);
    ebi_timers_remove(&outbound->resting, &topic->rest);
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

static void push_tail(struct ebi_topic_queue *topic, struct ebi_out *out) {
    out->next = NULL;
    if (topic->tail)
        topic->tail->next = out;
    else
        topic->head = out;
    topic->tail = out;
}

static void push_head(struct ebi_topic_queue *topic, struct ebi_out *out) {
    out->next = topic->head;
    topic->head = out;
    if (!topic->tail)
        topic->tail = out;
}

static struct ebi_out *pop_head(struct ebi_topic_queue *topic) {
    struct ebi_out *out = topic->head;

    topic->head = out->next;
    if (!topic->head)
        topic->tail = NULL;
    out->next = NULL;
    return out;
}

enum eb_status ebi_outbound_put(struct ebi_outbound *outbound, struct ebi_out *out, int64_t now_ms,
                                struct eb_error *err) {
    struct ebi_topic_queue *topic = topic_of(outbound, out->message.topic);

    if (!topic)
        return ebi_error_memory(err);
    out->topic = topic;
    out->seq = ++outbound->seq;
    out->put_ms = now_ms;
    out->deadline_ms = now_ms + outbound->limits.delivery_timeout_ms;
    out->epoch = outbound->youngest;
    out->epoch->open++;
    outbound->messages++;
    outbound->waiting++;
    outbound->bytes += out->bytes;
    push_tail(topic, out);
    expect_expiry(outbound, topic, out->deadline_ms);
    enter_ring(outbound, topic);
    return EB_OK;
}

/* ---- To the plugin and back ---- */

static void mark_out(struct ebi_outbound *outbound, struct ebi_out *out) {
    out->out_prev = outbound->out_last;
    out->out_next = NULL;
    if (outbound->out_last)
        outbound->out_last->out_next = out;
    else
        outbound->out_first = out;
    outbound->out_last = out;
    outbound->at_plugin++;
    outbound->waiting--;
    out->topic->at_plugin++;
}

/* Where the plugin keeps no order: notes that a message of this key is there. False: no memory. */
static bool hold_key(const struct ebi_outbound *outbound, struct ebi_topic_queue *topic, struct ebi_out *out) {
    if (outbound->plugin_orders || !out->message.key.data)
        return true;
    HASH_ADD_KEYPTR(hh, topic->busy, out->message.key.data, out->message.key.len, out);
    return EBI_HASHED(out);
}

static void mark_back(struct ebi_outbound *outbound, struct ebi_out *out) {
    if (out->out_prev)
        out->out_prev->out_next = out->out_next;
    else
        outbound->out_first = out->out_next;
    if (out->out_next)
        out->out_next->out_prev = out->out_prev;
    else
        outbound->out_last = out->out_prev;
    outbound->at_plugin--;
    out->topic->at_plugin--;
    if (!outbound->plugin_orders && out->message.key.data)
        HASH_DEL(out->topic->busy, out);
}

static void lower(int64_t *due_ms, int64_t to) {
    if (to < *due_ms)
        *due_ms = to;
}

/* Does a topic of the ring wait for more to send in one batch? *due_ms learns until when. So many linger at most as a batch
 * has messages. */
static bool lingers(const struct ebi_outbound *outbound, const struct ebi_topic_queue *topic, int64_t now_ms, bool hurry,
                    int64_t *due_ms) {
    int64_t full_by = topic->head->put_ms + outbound->limits.linger_ms;

    if (hurry || full_by <= now_ms || outbound->waiting >= outbound->limits.batch_messages)
        return false;
    lower(due_ms, full_by);
    return true;
}

/* Topics whose wait is over are served again; *due_ms learns when the next will be. */
static void end_rests(struct ebi_outbound *outbound, int64_t now_ms, int64_t *due_ms) {
    struct ebi_timer *timer;

    while ((timer = ebi_timers_take_due(&outbound->resting, now_ms)))
        enter_ring(outbound, EBI_TIMER_OF(timer, struct ebi_topic_queue, rest));
    if (outbound->resting.first)
        lower(due_ms, outbound->resting.first->at_ms);
}

struct picking {
    struct ebi_out **batch;
    size_t n, max, bytes;
    bool full;                          /* the next one would be more than batch_bytes */
};

/* False: there was no memory to note a key. */
static bool pick_from(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, struct picking *picking) {
    while (picking->n < picking->max && topic->head && !key_is_out(outbound, topic, topic->head)) {
        if (picking->n > 0 && picking->bytes + topic->head->bytes > outbound->limits.batch_bytes) {
            picking->full = true;
            return true;
        }
        if (!hold_key(outbound, topic, topic->head))
            return false;
        struct ebi_out *out = pop_head(topic);
        picking->bytes += out->bytes;
        picking->batch[picking->n++] = out;
        mark_out(outbound, out);
    }
    return true;
}

size_t ebi_outbound_pick(struct ebi_outbound *outbound, int64_t now_ms, bool hurry, struct ebi_out **batch, size_t max,
                         int64_t *due_ms) {
    struct picking picking = {batch, 0, max < outbound->limits.batch_messages ? max : outbound->limits.batch_messages, 0, false};

    end_rests(outbound, now_ms, due_ms);
    struct ebi_topic_queue *topic = outbound->ring, *last = topic ? topic->prev : NULL;
    while (topic && picking.n < picking.max) {
        struct ebi_topic_queue *next = topic == last ? NULL : topic->next;

        if (!lingers(outbound, topic, now_ms, hurry, due_ms)) {
            if (!pick_from(outbound, topic, &picking))
                lower(due_ms, now_ms + NO_MEMORY_WAIT_MS);
            outbound->ring = picking.full ? topic : topic->next;        /* the others come first next time */
            if (!topic->head)
                leave_waiting(outbound, topic);
            else if (key_is_out(outbound, topic, topic->head))
                leave_ring(outbound, topic);            /* a report brings it back */
            if (picking.full)
                break;
        }
        topic = next;
    }
    return picking.n;
}

void ebi_outbound_unpick(struct ebi_outbound *outbound, struct ebi_out **batch, size_t n) {
    while (n-- > 0) {
        struct ebi_out *out = batch[n];

        mark_back(outbound, out);
        outbound->waiting++;
        push_head(out->topic, out);
        expect_expiry(outbound, out->topic, out->deadline_ms);
        enter_ring(outbound, out->topic);
    }
}

/* ---- Failures ---- */

static void add_failed(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, struct ebi_out *out) {
    outbound->failed++;
    out->next = NULL;
    if (topic->failed) {
        topic->failed_mixed |= topic->last_failed->seq > out->seq;
        topic->last_failed->next = out;
    } else {
        topic->failed = out;
        topic->failed_mixed = false;
        leave_ring(outbound, topic);
    }
    topic->last_failed = out;
}

static struct ebi_out *merge(struct ebi_out *a, struct ebi_out *b) {
    struct ebi_out *merged = NULL, **end = &merged;

    while (a && b) {
        struct ebi_out **first = a->seq < b->seq ? &a : &b;

        *end = *first;
        end = &(*first)->next;
        *first = *end;
    }
    *end = a ? a : b;
    return merged;
}

/* Sorts by seq. parts[i] is a sorted list of 2 to the power of i messages, or of none. */
static struct ebi_out *sorted(struct ebi_out *list) {
    enum { MOST_PARTS = 64 };
    struct ebi_out *parts[MOST_PARTS] = {0}, *all = NULL;

    while (list) {
        struct ebi_out *part = list;
        size_t i = 0;

        list = list->next;
        part->next = NULL;
        for (; parts[i]; i++) {
            part = merge(parts[i], part);
            parts[i] = NULL;
        }
        parts[i] = part;
    }
    for (size_t i = 0; i < MOST_PARTS; i++)
        all = merge(all, parts[i]);
    return all;
}

/* None of the topic is at the plugin: those that failed go back in front of those that wait, which are all younger. */
static void requeue_failed(struct ebi_outbound *outbound, struct ebi_topic_queue *topic, int64_t now_ms,
                           uint64_t chance) {
    struct ebi_out *first = topic->failed_mixed ? sorted(topic->failed) : topic->failed, *last = first;
    size_t n = 1;

    for (; last->next; last = last->next)
        n++;
    last->next = topic->head;
    topic->head = first;
    if (!topic->tail)
        topic->tail = last;
    topic->failed = topic->last_failed = NULL;
    outbound->waiting += n;
    outbound->failed -= n;
    leave_ring(outbound, topic);
    ebi_timers_remove(&outbound->resting, &topic->rest);
    ebi_timers_add(&outbound->resting, &topic->rest,
                   now_ms + ebi_backoff_wait(&outbound->backoff, ++topic->retries, chance));
    expect_expiry(outbound, topic, first->deadline_ms);
}

bool ebi_outbound_reported(struct ebi_outbound *outbound, struct ebi_out *out, bool final, int64_t now_ms,
                           uint64_t chance) {
    struct ebi_topic_queue *topic = out->topic;
    bool again = out->status == EB_RETRIABLE && !final && now_ms < out->deadline_ms;

    mark_back(outbound, out);
    if (out->status == EB_OK)
        topic->retries = 0;
    if (again)
        add_failed(outbound, topic, out);
    if (topic->failed && topic->at_plugin == 0)
        requeue_failed(outbound, topic, now_ms, chance);
    else
        enter_ring(outbound, topic);    /* where its head waited for this report */
    return !again;
}

struct ebi_out *ebi_outbound_expired(struct ebi_outbound *outbound, int64_t now_ms, bool everything) {
    struct ebi_timer *timer;

    while ((timer = ebi_timers_take_due(&outbound->expiring, everything ? INT64_MAX : now_ms))) {
        struct ebi_topic_queue *topic = EBI_TIMER_OF(timer, struct ebi_topic_queue, expiry);
        bool expired = everything || topic->head->deadline_ms <= now_ms;
        struct ebi_out *out = expired ? pop_head(topic) : NULL;

        if (!topic->head)
            leave_waiting(outbound, topic);
        else
            expect_expiry(outbound, topic, topic->head->deadline_ms);
        if (out) {
            outbound->waiting--;
            return out;
        }
    }
    return NULL;
}

bool ebi_outbound_overdue(const struct ebi_outbound *outbound, int64_t now_ms) {
    return outbound->out_first && outbound->out_first->deadline_ms <= now_ms;
}

void ebi_outbound_settle(struct ebi_outbound *outbound, struct ebi_out *out) {
    outbound->messages--;
    outbound->bytes -= out->bytes;
    out->epoch->open--;
    drop_old_epochs(outbound);
    if (out->bytes > USUAL_SIZE || outbound->n_spares == MOST_SPARES) {
        ebi_out_free(out);
        return;
    }
    forget_report(out);
    out->next = outbound->spares;
    outbound->spares = out;
    outbound->n_spares++;
}
