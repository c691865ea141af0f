/* plugins/sqlite/producer/producer.c - the producer: poll stores what submit took, many messages in one transaction. */
#include "producer/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/ring.h>

#include "format/envelope.h"
#include "format/slots.h"
#include "options.h"
#include "producer/topic_table.h"
#include "retention/retention.h"
#include "store/disk_space.h"
#include "store/futex.h"
#include "topic/schemas.h"
#include "topic/topics.h"

enum {
    BATCH_MESSAGES = 1000, /* stored in one transaction at most */
    BATCH_BYTES = 4 << 20,
    ENVELOPE_BYTES = 300, /* bytes of a message beside key and payload, as a rule */
    TURN_MS = 50,         /* one try waits in the queue of writers so long at most, so that wake is noticed */
    LEAST_MS = 2          /* and so long at least, or a busy file would never be written to with a timeout of 0 */
};

/* Where a message of the batch is stored. */
struct placed {
    bool fit; /* false: it can never be stored */
    struct sq_topic *topic;
    int64_t seq;
    int64_t note; /* of its slot, and of those of the messages behind it: see slots.h */
};

/* One instance. All but the wakeup belongs to the thread that calls the ops. */
struct producer {
    const struct eb_host *host;
    struct sq_store store;
    struct sq_wakeup wakeup;
    struct sq_topic_table topics;
    struct sq_schemas schemas;
    struct sq_retention retention;
    uint64_t connection; /* the store's connection that topics and schemas were read through */
    struct ebp_bytes envelope;
    size_t batch_bytes;  /* at most in one transaction; fewer on a full disk, where the log cannot grow */
    struct eb_error why; /* of the last try that failed; status 0: all tries since have worked */
    struct ebp_submit_ring queue;
    struct placed placed[BATCH_MESSAGES];
};

/* ---- open, submit, wake ---- */

/* Returns what can never work; poll tries again what may pass, like a lock. */
int32_t sq_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    const struct sq_settings *set = settings;
    struct producer *p = calloc(1, sizeof *p);
    int32_t status;

    if (!p)
        return ebp_no_memory(err);
    p->host = host;
    p->batch_bytes = BATCH_BYTES;
    sq_retention_init(&p->retention, set);
    sq_store_init(&p->store, host, set->path, SQ_WRITE, set->durability == SQ_POWER);
    status = sq_store_connect(&p->store, TURN_MS, err);
    if (status < 0 && status != EB_RETRIABLE) {
        sq_store_close(&p->store);
        free(p);
        return status;
    }
    *self = p;
    return EB_OK;
}

int64_t sq_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;

    (void)err;
    return (int64_t)ebp_submit_take(&p->queue, batch, n);
}

void sq_producer_wake(void *self) {
    struct producer *p = self;

    sq_wakeup_signal(&p->wakeup);
}

/* ---- storing ---- */

/* NULL, or why the message can never be stored. */
static const char *data_error(const struct eb_message *message) {
    if ((uint64_t)message->payload.len + message->key.len + message->key_avro.len > 500000000)
        return "it is larger than 500 MB";
    return sq_topic_name_error(message->topic);
}

static int32_t bind_envelope(struct producer *p, sqlite3_stmt *add, const struct eb_message *message, struct eb_error *err) {
    uint64_t schema, key_schema, transaction = p->topics.transaction;
    int32_t status = sq_schemas_put(&p->schemas, &p->store, message->schema, transaction, &schema, err);

    if (status == EB_OK)
        status = sq_schemas_put(&p->schemas, &p->store, message->key_schema, transaction, &key_schema, err);
    if (status != EB_OK)
        return status;
    p->envelope.len = 0;
    if (!sq_envelope_write(&p->envelope, message, schema, key_schema))
        return ebp_no_memory(err);
    sq_bind(add, 5, (struct eb_text){ (const char *)p->envelope.data, p->envelope.len });
    return EB_OK;
}

static int32_t place(struct producer *p, const struct eb_message *message, struct placed *placed, struct eb_error *err) {
    int32_t status = sq_topic_table_find(&p->topics, &p->store, message->topic, &placed->topic, err);

    if (status != EB_OK)
        return status;
    if (placed->topic->seq == SQ_SEQ_MAX)
        return ebp_error(err, EB_FATAL, 0, "topic %s has no positions left", placed->topic->name);
    placed->seq = ++placed->topic->seq;
    placed->note = sq_note(sq_slot_of(sq_key_hash(message->key), placed->seq), -1);
    return EB_OK;
}

/* Goes from the last message to the first: each learns the slots of those behind it in its topic. */
static void look_behind(struct producer *p, size_t n) {
    for (size_t i = n; i-- > 0;) {
        struct placed *placed = &p->placed[i];
        if (!placed->fit)
            continue;
        if (placed->topic->noted == p->topics.transaction)
            placed->note = sq_note(sq_note_slot(placed->note), placed->topic->note);
        placed->topic->noted = p->topics.transaction;
        placed->topic->note = placed->note;
    }
}

/* Times never go back within a topic, whatever the clock does, so that a point in time can be searched for. */
static int32_t store_one(struct producer *p, const struct eb_message *message, const struct placed *placed, int64_t now_ms,
                         struct eb_error *err) {
    sqlite3_stmt *add = sq_sql(&p->store, SQ_MSG_ADD);
    int32_t status = bind_envelope(p, add, message, err);

    if (status != EB_OK)
        return status;
    if (placed->topic->time < now_ms)
        placed->topic->time = now_ms;
    sqlite3_bind_int64(add, 1, sq_id(placed->topic->id, placed->seq));
    sqlite3_bind_int64(add, 2, placed->note);
    sqlite3_bind_int64(add, 3, placed->topic->time);
    sq_bind(add, 4, message->key);
    sq_bind(add, 6, message->payload);
    return sq_run(&p->store, add, err);
}

/* Counts the messages of the next transaction, and their bytes, roughly. */
static size_t choose_batch(struct producer *p, size_t *bytes) {
    size_t i = 0;

    for (*bytes = 0; i < p->queue.n && i < BATCH_MESSAGES && *bytes < p->batch_bytes; i++) {
        const struct eb_message *message = ebp_submit_at(&p->queue, i);
        p->placed[i] = (struct placed){ .fit = !data_error(message) };
        if (p->placed[i].fit)
            *bytes += message->payload.len + message->key.len + message->key_avro.len + ENVELOPE_BYTES;
    }
    return i;
}

static int32_t store_batch(struct producer *p, size_t *count, struct eb_error *err) {
    int64_t now_ms = ebp_wall_ms();
    size_t bytes, n = choose_batch(p, &bytes);
    int32_t status = sq_disk_space_reserve(&p->store, bytes, err);

    for (size_t i = 0; i < n && status == EB_OK; i++)
        if (p->placed[i].fit)
            status = place(p, ebp_submit_at(&p->queue, i), &p->placed[i], err);
    if (status == EB_OK)
        look_behind(p, n);
    for (size_t i = 0; i < n && status == EB_OK; i++)
        if (p->placed[i].fit)
            status = store_one(p, ebp_submit_at(&p->queue, i), &p->placed[i], now_ms, err);
    if (status == EB_OK)
        *count = n;
    return status;
}

/* What is remembered of the file belongs to the connection it was read through. */
static void begin_memory(struct producer *p) {
    if (p->connection != p->store.connections) {
        sq_topic_table_free(&p->topics);
        sq_schemas_free(&p->schemas);
        p->connection = p->store.connections;
    }
    p->topics.transaction++;
}

static int32_t transact(struct producer *p, int64_t until_ms, size_t *count, struct eb_error *err) {
    int32_t status = sq_store_connect(&p->store, until_ms - ebp_monotonic_ms(), err);

    if (status == EB_OK && (p->queue.n > 0 || ebp_link_state(&p->store.link) == EBP_LINK_DOWN))
        status = sq_begin(&p->store, until_ms, err);
    else
        return status;
    if (status != EB_OK)
        return status;
    begin_memory(p);
    status = sq_end(&p->store, store_batch(p, count, err), err);
    if (status == EB_OK && *count > 0 && !sq_store_is_in_place(&p->store))
        status = sq_store_replaced(&p->store, err); /* stored in a file that nobody will open again: not stored */
    if (status == EB_OK)
        sq_disk_space_committed(&p->store);
    if (status != EB_OK) {
        sq_topic_table_undo(&p->topics);
        sq_schemas_undo(&p->schemas, p->topics.transaction);
        *count = 0;
    }
    return status;
}

/* ---- reporting ---- */

static void report_stored(const struct producer *p, const struct eb_message *message, int64_t seq) {
    char position[24];
    struct eb_delivery report = { .size = sizeof report, .token = message->token, .status = EB_OK };

    report.position.len = (size_t)snprintf(position, sizeof position, "%" PRId64, seq);
    report.position.data = position;
    p->host->delivered(p->host, &report);
}

static void report_failed(const struct producer *p, const struct eb_message *message, const struct eb_error *why) {
    struct eb_delivery report = { .size = sizeof report, .token = message->token, .status = why->status, .error = why };

    p->host->delivered(p->host, &report);
}

static void report_data_error(const struct producer *p, const struct eb_message *message) {
    struct eb_error why;

    ebp_error(&why, EB_PERMANENT, 0, "cannot be stored: %s", data_error(message));
    why.kind = EB_KIND_DATA;
    report_failed(p, message, &why);
}

/* Wakes each topic's readers once. */
static void notify_readers(struct producer *p, size_t count) {
    uint64_t told = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t futex = p->placed[i].fit ? (uint64_t)1 << p->placed[i].topic->futex : 0;
        if (futex & ~told)
            sq_shm_notify(&p->store.shm, p->placed[i].topic->futex);
        told |= futex;
    }
}

static void report_batch(struct producer *p, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct eb_message *message = ebp_submit_at(&p->queue, i);
        if (p->placed[i].fit)
            report_stored(p, message, p->placed[i].seq);
        else
            report_data_error(p, message);
    }
    ebp_submit_drop(&p->queue, count);
}

/* ---- poll, close ---- */

static int32_t store_some(struct producer *p, int64_t until_ms, size_t *count, struct eb_error *err) {
    int32_t status;

    if (p->queue.n == 0 && p->store.db && ebp_link_state(&p->store.link) == EBP_LINK_UP)
        status = sq_store_connect(&p->store, 0, err); /* checks that the path still leads to the file */
    else
        status = transact(p, until_ms, count, err);
    sq_store_link(&p->store, status, err);
    return status;
}

/* The disk is full: the log has to do with the room it has, from its beginning, and retention may remove something. */
static void adapt_to_full_disk(struct producer *p) {
    p->batch_bytes = p->batch_bytes > 4 ? p->batch_bytes / 4 : 1;
    sq_store_checkpoint(&p->store, ebp_monotonic_ms() + LEAST_MS);
    sq_retention_hurry(&p->retention);
}

/* Stores and reports a batch, and counts it. Retention works at the same turn, so that the producer that does it has no
 * fewer turns than the others. */
static int32_t try_once(struct producer *p, int64_t until_ms, size_t *count, struct eb_error *err) {
    struct eb_error why;
    int32_t status;

    *count = 0;
    if (ebp_monotonic_ms() < p->store.retry_ms)
        return EB_OK;
    sq_keep_turn(&p->store);
    status = store_some(p, until_ms, count, &why);
    if (status < 0)
        p->why = why;
    else if (p->batch_bytes == BATCH_BYTES) /* on a full disk a smaller batch may still fit */
        p->why.status = 0;
    if (status == EB_RETRIABLE && why.native == SQLITE_FULL)
        adapt_to_full_disk(p);
    else if (status == EB_OK && p->batch_bytes < BATCH_BYTES)
        p->batch_bytes *= 2;
    if (*count > 0)
        notify_readers(p, *count);
    sq_retention_run(&p->retention, &p->store);
    sq_pass_turn(&p->store);
    if (*count > 0)
        report_batch(p, *count);
    if (status >= 0 || status == EB_RETRIABLE)
        return EB_OK;
    if (err) {
        *err = why;
        err->status = EB_FATAL;
    }
    return EB_FATAL;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : ebp_earlier(value, most);
}

/* When there is something to do although nobody calls. */
static int64_t next_ms(const struct producer *p, int64_t now) {
    return p->store.retry_ms > now ? p->store.retry_ms : sq_retention_next_ms(&p->retention);
}

int32_t sq_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t now = ebp_monotonic_ms(), until_ms = now + timeout_ms;
    size_t count;

    for (;;) {
        int32_t status = try_once(p, now + clamp(until_ms - now, LEAST_MS, TURN_MS), &count, err);
        if (status != EB_OK)
            return status;
        if (count > 0 || sq_wakeup_is_signalled(&p->wakeup) || (now = ebp_monotonic_ms()) >= until_ms)
            break;
        sq_wakeup_wait(&p->wakeup, ebp_earlier(until_ms, next_ms(p, now)));
        now = ebp_monotonic_ms();
    }
    sq_wakeup_take(&p->wakeup);
    return EB_OK;
}

static void return_rest(struct producer *p) {
    struct eb_error why = p->why;

    if (why.status == 0)
        ebp_error(&why, EB_RETRIABLE, 0, "not stored in %s before it was closed", p->store.path);
    why.status = EB_RETRIABLE;
    for (; p->queue.n > 0; ebp_submit_drop(&p->queue, 1))
        report_failed(p, ebp_submit_at(&p->queue, 0), &why);
}

void sq_producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;
    int64_t now = ebp_monotonic_ms(), until_ms = now + timeout_ms;
    size_t count;

    while (p->queue.n > 0 && now < until_ms && try_once(p, until_ms, &count, NULL) == EB_OK) {
        now = ebp_monotonic_ms();
        sq_wakeup_take(&p->wakeup);
        if (count == 0 && now < until_ms)
            sq_wakeup_wait(&p->wakeup, ebp_earlier(until_ms, p->store.retry_ms));
    }
    return_rest(p);
    sq_topic_table_free(&p->topics);
    sq_schemas_free(&p->schemas);
    sq_retention_free(&p->retention);
    ebp_bytes_free(&p->envelope);
    sq_store_close(&p->store);
    free(p);
}
