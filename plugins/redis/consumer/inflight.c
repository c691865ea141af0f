/* plugins/redis/consumer/inflight.c - the entries that are under way, and the answers they lie in. */
#include "consumer/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { SPARE_BATCHES = 8 };

/* ---- lines ---- */

void rd_line_append(struct rd_line_of *line, struct rd_item *item) {
    item->next = NULL;
    if (line->first)
        *line->end = item;
    else
        line->first = item;
    line->end = &item->next;
    line->n++;
}

struct rd_item *rd_line_take(struct rd_line_of *line) {
    struct rd_item *item = line->first;

    if (item) {
        line->first = item->next;
        line->n--;
    }
    return item;
}

/* ---- items ---- */

/* Ids are whatever a sender likes: nobody outside knows where the consumer lies. room_items is a power of two. */
static struct rd_item **bucket_of(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    uint64_t odd = ((uint64_t)(uintptr_t)c * 0x9e3779b97f4a7c15u) | 1;
    uint64_t hash = ((id.ms + (uint64_t)(uintptr_t)stream) * odd ^ id.seq) * odd;

    return &c->buckets[(hash ^ hash >> 32) * odd >> 20 & (c->room_items - 1)];
}

static void put_in_bucket(struct rd_consumer *c, struct rd_item *item) {
    struct rd_item **bucket = bucket_of(c, item->stream, item->id);

    item->same = *bucket;
    *bucket = item;
}

static bool extend_table(struct rd_consumer *c) {
    size_t room = c->room_items ? 2 * c->room_items : 256;
    struct rd_item **items = realloc(c->items, room * sizeof(struct rd_item *)), **buckets;

    if (items)
        c->items = items;
    buckets = items ? calloc(room, sizeof(struct rd_item *)) : NULL;
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
    struct rd_item *item;

    if (c->n_items == c->room_items && !extend_table(c))
        return false;
    item = calloc(1, sizeof *item);
    if (!item)
        return false;
    item->number = (uint32_t)c->n_items;
    item->generation = 1;
    c->items[c->n_items++] = item;
    item->next = c->free_items;
    c->free_items = item;
    return true;
}

struct rd_item *rd_item_new(struct rd_consumer *c, struct rd_stream *stream, struct rd_id id) {
    struct rd_item *item;

    if (!c->free_items && !add_item(c))
        return NULL;
    item = c->free_items;
    c->free_items = item->next;
    *item = (struct rd_item){ .number = item->number, .generation = item->generation, .stream = stream, .id = id };
    put_in_bucket(c, item);
    return item;
}

void rd_item_free(struct rd_consumer *c, struct rd_item *item) {
    struct rd_item **at = bucket_of(c, item->stream, item->id);

    while (*at != item)
        at = &(*at)->same;
    *at = item->same;
    item->state = RD_FREE;
    item->generation++;
    item->next = c->free_items;
    c->free_items = item;
}

uint64_t rd_token(const struct rd_item *item) {
    return (uint64_t)item->generation << 32 | item->number;
}

struct rd_item *rd_item_of(const struct rd_consumer *c, uint64_t token) {
    uint32_t number = (uint32_t)token;
    struct rd_item *item = number < c->n_items ? c->items[number] : NULL;

    return item && item->generation == token >> 32 ? item : NULL;
}

bool rd_is_under_way(const struct rd_consumer *c, const struct rd_stream *stream, struct rd_id id) {
    const struct rd_item *item = c->buckets ? *bucket_of(c, stream, id) : NULL;

    while (item && (item->lost || item->stream != stream || rd_id_compare(item->id, id) != 0))
        item = item->same;
    return item;
}

/* ---- room ---- */

size_t rd_room(const struct rd_consumer *c) {
    size_t taken = c->open + c->reserved, room = c->sub->max_messages, usual = c->usual_bytes ? c->usual_bytes : 256;
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

struct rd_batch *rd_batch_take(struct rd_consumer *c, struct rd_conn *conn) {
    struct rd_batch *batch = c->spare;
    struct rd_arena empty;

    if (batch) {
        c->spare = batch->next;
        c->n_spare--;
    } else if (!(batch = calloc(1, sizeof *batch))) {
        return NULL;
    }
    empty = batch->arena;
    batch->arena = conn->arena;
    empty.limit = conn->arena.limit;
    conn->arena = empty;
    batch->users = 1;                   /* who takes it apart */
    return batch;
}

void rd_batch_let_go(struct rd_consumer *c, struct rd_batch *batch) {
    if (--batch->users > 0)
        return;
    rd_arena_reset(&batch->arena);
    if (c->n_spare < SPARE_BATCHES) {
        batch->next = c->spare;
        c->spare = batch;
        c->n_spare++;
        return;
    }
    rd_arena_free(&batch->arena);
    free(batch);
}

void rd_table_free(struct rd_consumer *c) {
    while (c->spare) {
        struct rd_batch *batch = c->spare;
        c->spare = batch->next;
        rd_arena_free(&batch->arena);
        free(batch);
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

int32_t rd_fetch(struct rd_consumer *c, struct rd_stream *stream, struct rd_batch *batch, const struct rd_node *entry,
                 uint32_t deliveries, int64_t alive_ms, struct rd_id *id, struct eb_error *err) {
    struct rd_item *item;

    if (!rd_is_array(entry, 2) || !rd_is_text(&entry->items[0]) || !rd_id_parse(entry->items[0].text, id))
        return rd_error(err, EB_RETRIABLE, 0, "topic %s: an entry came that is none", stream->name);
    item = rd_item_new(c, stream, *id);
    if (!item)
        return rd_no_memory(err);
    item->state = RD_FETCHED;
    item->deliveries = deliveries;
    item->births = stream->births;
    item->alive_ms = alive_ms;
    item->fields = &entry->items[1];
    item->bytes = payload_bytes(item->fields);
    item->batch = batch;
    batch->users++;
    c->open++;
    c->bytes += item->bytes;
    c->usual_bytes = c->usual_bytes ? (7 * c->usual_bytes + item->bytes) / 8 : item->bytes;
    rd_line_append(&c->fetched, item);
    return EB_OK;
}

void rd_tell_trimmed(struct rd_consumer *c, const struct rd_stream *stream, size_t n, struct rd_id first) {
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
