/* plugins/redis/consumer/inflight.c - the entries in flight: found by token and by place in the stream; and the replies
 * whose memory they lie in. */
#include "consumer/state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

enum { SPARE_REPLIES = 8, BUCKETS_FIRST = 256, BYTES_GUESSED = 256 };

/* ---- queues ---- */

void rd_queue_append(struct rd_queue *queue, struct rd_inflight *inflight) {
    inflight->next = NULL;
    if (queue->first)
        *queue->end = inflight;
    else
        queue->first = inflight;
    queue->end = &inflight->next;
    queue->n++;
}

struct rd_inflight *rd_queue_take(struct rd_queue *queue) {
    struct rd_inflight *inflight = queue->first;

    if (inflight) {
        queue->first = inflight->next;
        queue->n--;
    }
    return inflight;
}

/* ---- entries in flight ---- */

/* Senders choose ids as they like; the consumer's address, which no sender knows, keeps them from choosing the
 * bucket. */
static struct rd_inflight **bucket_of(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    uint64_t odd = ((uint64_t)(uintptr_t)c * 0x9e3779b97f4a7c15u) | 1;
    uint64_t hash = ((id.ms + (uint64_t)(uintptr_t)stream) * odd ^ id.seq) * odd;

    return &c->buckets[(hash ^ hash >> 32) * odd >> 20 & (c->n_buckets - 1)];
}

static void put_in_bucket(struct rd_consumer *c, struct rd_inflight *inflight) {
    struct rd_inflight **bucket = bucket_of(c, inflight->stream, inflight->id);

    LL_PREPEND2(*bucket, inflight, same_bucket);
}

/* Doubles the buckets before there are more records than buckets. All records are in use then: one that is not would
 * have been taken instead of a new one. */
static bool reserve_buckets(struct rd_consumer *c) {
    size_t n = c->n_buckets ? 2 * c->n_buckets : BUCKETS_FIRST;
    struct rd_inflight **buckets;

    if (c->records.free || c->records.n < c->n_buckets)
        return true;
    buckets = calloc(n, sizeof(struct rd_inflight *));
    if (!buckets)
        return false;
    free(c->buckets);
    c->buckets = buckets;
    c->n_buckets = n;
    for (size_t i = 0; i < c->records.n; i++)
        put_in_bucket(c, (struct rd_inflight *)c->records.slots[i]);
    return true;
}

struct rd_inflight *rd_inflight_add(struct rd_consumer *c, struct rd_stream *stream, struct rd_id id) {
    struct rd_inflight *inflight;

    if (!reserve_buckets(c) || !(inflight = (struct rd_inflight *)ebp_token_slot_new(&c->records, sizeof *inflight)))
        return NULL;
    *inflight = (struct rd_inflight){ .slot = inflight->slot, .stream = stream, .id = id };
    put_in_bucket(c, inflight);
    return inflight;
}

void rd_inflight_remove(struct rd_consumer *c, struct rd_inflight *inflight) {
    struct rd_inflight **bucket = bucket_of(c, inflight->stream, inflight->id);

    assert(inflight->state != RD_UNUSED && !inflight->reply);
    LL_DELETE2(*bucket, inflight, same_bucket);
    inflight->state = RD_UNUSED;
    ebp_token_slot_free(&c->records, &inflight->slot);
}

bool rd_is_inflight(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    const struct rd_inflight *inflight = c->buckets ? *bucket_of(c, stream, id) : NULL;

    while (inflight && (inflight->lost || inflight->stream != stream || rd_id_compare(inflight->id, id) != 0))
        inflight = inflight->same_bucket;
    return inflight;
}

/* ---- capacity ---- */

size_t rd_receive_capacity(const struct rd_consumer *c) {
    size_t used = c->open + c->reserved, most = c->sub->max_messages;
    size_t average = c->average_bytes ? c->average_bytes : BYTES_GUESSED;
    uint64_t bytes = c->bytes + (uint64_t)c->reserved * average, fit;

    if (used >= most || bytes >= c->sub->max_bytes)
        return 0;
    most -= used;
    fit = (c->sub->max_bytes - bytes) / average + 1;
    if (fit < most)
        most = (size_t)fit;
    return most < c->count_cap ? most : c->count_cap;
}

/* ---- replies that entries lie in ---- */

struct rd_shared_reply *rd_reply_share(struct rd_consumer *c, struct rd_conn *conn) {
    struct rd_shared_reply *reply = c->spare;
    struct rd_arena empty;

    if (reply) {
        c->spare = reply->next;
        c->n_spare--;
    } else if (!(reply = calloc(1, sizeof *reply))) {
        return NULL;
    }
    empty = reply->arena;
    reply->arena = conn->arena;
    empty.limit = conn->arena.limit;
    conn->arena = empty;
    reply->users = 1; /* the caller */
    return reply;
}

void rd_reply_release(struct rd_consumer *c, struct rd_shared_reply *reply) {
    assert(reply->users > 0);
    if (--reply->users > 0)
        return;
    rd_arena_reset(&reply->arena);
    if (c->n_spare < SPARE_REPLIES) {
        reply->next = c->spare;
        c->spare = reply;
        c->n_spare++;
        return;
    }
    rd_arena_free(&reply->arena);
    free(reply);
}

void rd_inflight_release_fields(struct rd_consumer *c, struct rd_inflight *inflight) {
    rd_reply_release(c, inflight->reply);
    inflight->reply = NULL;
    inflight->fields = NULL;
}

void rd_inflight_free_all(struct rd_consumer *c) {
    struct rd_shared_reply *reply, *next;

    LL_FOREACH_SAFE(c->spare, reply, next) {
        rd_arena_free(&reply->arena);
        free(reply);
    }
    ebp_token_table_free(&c->records);
    free(c->buckets);
    free(c->sent);
    free(c->extends);
}

/* ---- entries of a reply ---- */

static size_t payload_bytes(const struct rd_node *fields) {
    size_t bytes = 0;

    if (fields->type != REDIS_REPLY_ARRAY)
        return 0;
    for (size_t i = 1; i < fields->n; i += 2)
        if (rd_is_text(&fields->items[i - 1]) && rd_is_text(&fields->items[i]) &&
            strcmp(fields->items[i - 1].text, "event_data") == 0)
            bytes = fields->items[i].n;
    return bytes;
}

int32_t rd_fetch(struct rd_consumer *c, struct rd_stream *stream, struct rd_shared_reply *reply, const struct rd_node *entry,
                 uint32_t deliveries, int64_t alive_ms, struct rd_id *id, struct eb_error *err) {
    struct rd_inflight *inflight;

    if (!rd_is_array(entry, 2) || !rd_is_text(&entry->items[0]) || !rd_id_parse(entry->items[0].text, id))
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: the server sent a malformed stream entry", stream->name);
    inflight = rd_inflight_add(c, stream, *id);
    if (!inflight)
        return ebp_no_memory(err);
    inflight->state = RD_FETCHED;
    inflight->deliveries = deliveries;
    inflight->group_epoch = stream->group_epoch;
    inflight->alive_ms = alive_ms;
    inflight->fields = &entry->items[1];
    inflight->bytes = payload_bytes(inflight->fields);
    inflight->reply = reply;
    reply->users++;
    c->open++;
    c->bytes += inflight->bytes;
    c->average_bytes = c->average_bytes ? (7 * c->average_bytes + inflight->bytes) / 8 : inflight->bytes;
    rd_queue_append(&c->fetched, inflight);
    return EB_OK;
}

void rd_log_trimmed(struct rd_consumer *c, const struct rd_stream *stream, size_t n, struct rd_id first) {
    char position[RD_ID_ROOM];

    if (n == 0)
        return;
    rd_id_print(first, position);
    ebp_log(c->host, EBP_LOG_ERROR,
            "topic %s: %zu event(s) were trimmed away before group %s had settled them, the first at %s: "
            "they are lost to it; raise stream_max_len or use stream_trim = safe at every producer",
            stream->name, n, c->sub->group, position);
    c->host->metric(c->host, "redis_lost_to_trimming", (double)n);
}
