/* plugins/redis/consumer/inflight.c - the entries that are under way, and the answers they lie in. */
#include "consumer/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { SPARE_BATCHES = 8 };

/* ---- lines ---- */

void rd_queue_append(struct rd_queue *line, struct rd_inflight *inflight) {
    inflight->next = NULL;
    if (line->first)
        *line->end = inflight;
    else
        line->first = inflight;
    line->end = &inflight->next;
    line->n++;
}

struct rd_inflight *rd_queue_take(struct rd_queue *line) {
    struct rd_inflight *inflight = line->first;

    if (inflight) {
        line->first = inflight->next;
        line->n--;
    }
    return inflight;
}

/* ---- items ---- */

/* Ids are whatever a sender likes: nobody outside knows where the consumer lies. room_items is a power of two. */
static struct rd_inflight **bucket_of(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    uint64_t odd = ((uint64_t)(uintptr_t)c * 0x9e3779b97f4a7c15u) | 1;
    uint64_t hash = ((id.ms + (uint64_t)(uintptr_t)stream) * odd ^ id.seq) * odd;

    return &c->buckets[(hash ^ hash >> 32) * odd >> 20 & (c->room_items - 1)];
}

static void put_in_bucket(struct rd_consumer *c, struct rd_inflight *inflight) {
    struct rd_inflight **bucket = bucket_of(c, inflight->stream, inflight->id);

    inflight->same_bucket = *bucket;
    *bucket = inflight;
}

static bool extend_table(struct rd_consumer *c) {
    size_t room = c->room_items ? 2 * c->room_items : 256;
    struct rd_inflight **items = realloc(c->items, room * sizeof(struct rd_inflight *)), **buckets;

    if (items)
        c->items = items;
    buckets = items ? calloc(room, sizeof(struct rd_inflight *)) : NULL;
    if (!buckets)
        return false;
    free(c->buckets);
    c->buckets = buckets;
    c->room_items = room;
    for (size_t i = 0; i < c->n_items; i++)             /* none is free, or there were no need for more */
        put_in_bucket(c, c->items[i]);
    return true;
}

static bool add_item(struct rd_consumer *c) {
    struct rd_inflight *inflight;

    if (c->n_items == c->room_items && !extend_table(c))
        return false;
    inflight = calloc(1, sizeof *inflight);
    if (!inflight)
        return false;
    inflight->number = (uint32_t)c->n_items;
    inflight->generation = 1;
    c->items[c->n_items++] = inflight;
    inflight->next = c->free_items;
    c->free_items = inflight;
    return true;
}

struct rd_inflight *rd_inflight_add(struct rd_consumer *c, struct rd_stream *stream, struct rd_id id) {
    struct rd_inflight *inflight;

    if (!c->free_items && !add_item(c))
        return NULL;
    inflight = c->free_items;
    c->free_items = inflight->next;
    *inflight = (struct rd_inflight){ .number = inflight->number, .generation = inflight->generation, .stream = stream, .id = id };
    put_in_bucket(c, inflight);
    return inflight;
}

void rd_inflight_remove(struct rd_consumer *c, struct rd_inflight *inflight) {
    struct rd_inflight **at = bucket_of(c, inflight->stream, inflight->id);

    while (*at != inflight)
        at = &(*at)->same_bucket;
    *at = inflight->same_bucket;
    inflight->state = RD_UNUSED;
    inflight->generation++;
    inflight->next = c->free_items;
    c->free_items = inflight;
}

uint64_t rd_inflight_token(const struct rd_inflight *inflight) {
    return (uint64_t)inflight->generation << 32 | inflight->number;
}

struct rd_inflight *rd_inflight_find(const struct rd_consumer *c, uint64_t token) {
    uint32_t number = (uint32_t)token;
    struct rd_inflight *inflight = number < c->n_items ? c->items[number] : NULL;

    return inflight && inflight->generation == token >> 32 ? inflight : NULL;
}

bool rd_is_inflight(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    const struct rd_inflight *inflight = c->buckets ? *bucket_of(c, stream, id) : NULL;

    while (inflight && (inflight->lost || inflight->stream != stream || rd_id_compare(inflight->id, id) != 0))
        inflight = inflight->same_bucket;
    return inflight;
}

/* ---- room ---- */

size_t rd_receive_capacity(const struct rd_consumer *c) {
    size_t taken = c->open + c->reserved, room = c->sub->max_messages, usual = c->average_bytes ? c->average_bytes : 256;
    uint64_t bytes = c->bytes + (uint64_t)c->reserved * usual, fit;

    if (taken >= room || bytes >= c->sub->max_bytes)
        return 0;
    room -= taken;
    fit = (c->sub->max_bytes - bytes) / usual + 1;
    if (fit < room)
        room = (size_t)fit;
    return room < c->count_cap ? room : c->count_cap;
}

/* ---- answers ---- */

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
    reply->users = 1;                   /* who takes it apart */
    return reply;
}

void rd_reply_release(struct rd_consumer *c, struct rd_shared_reply *reply) {
    if (--reply->users > 0)
        return;
    rd_arena_reset(&reply->arena);
    if (c->n_spare < SPARE_BATCHES) {
        reply->next = c->spare;
        c->spare = reply;
        c->n_spare++;
        return;
    }
    rd_arena_free(&reply->arena);
    free(reply);
}

void rd_inflight_free_all(struct rd_consumer *c) {
    while (c->spare) {
        struct rd_shared_reply *reply = c->spare;
        c->spare = reply->next;
        rd_arena_free(&reply->arena);
        free(reply);
    }
    for (size_t i = 0; i < c->n_items; i++)
        free(c->items[i]);
    free(c->items);
    free(c->buckets);
    free(c->pipeline);
    free(c->extends);
    free(c->extends_generation);
}

/* ---- entries ---- */

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
        return rd_error(err, EB_RETRIABLE, 0, "topic %s: an entry came that is none", stream->name);
    inflight = rd_inflight_add(c, stream, *id);
    if (!inflight)
        return rd_no_memory(err);
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
    char position[RD_ID_ROOM], text[500];

    if (n == 0)
        return;
    rd_id_print(first, position);
    snprintf(text, sizeof text,
             "topic %s: %zu event(s) were trimmed away before group %s had settled them, the first at %s: "
             "they are lost to it; raise stream_max_len or use stream_trim = safe at every producer", stream->name, n,
             c->sub->group, position);
    c->host->log(c->host, 3, text);
    c->host->metric(c->host, "redis_lost_to_trimming", (double)n);
}
