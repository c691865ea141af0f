/* plugins/redis/connection/reply.c - see reply.h. */
#include "connection/reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

enum { CHUNK = 128 << 10 };

struct rd_chunk {
    struct rd_chunk *next;
    size_t used, room;
    _Alignas(struct rd_node) char bytes[];
};

/* ---- arena ---- */

static struct rd_chunk *add_chunk(struct rd_arena *arena, size_t size) {
    size_t room = size > CHUNK ? size : CHUNK;
    struct rd_chunk *chunk;

    if (room > arena->limit || arena->held > arena->limit - room)
        return NULL;
    chunk = malloc(sizeof *chunk + room);
    if (!chunk)
        return NULL;
    *chunk = (struct rd_chunk){ .room = room };
    if (arena->now)
        arena->now->next = chunk;
    else
        arena->first = chunk;
    arena->now = chunk;
    arena->held += room;
    return chunk;
}

void *rd_arena_get(struct rd_arena *arena, size_t size) {
    size_t align = _Alignof(struct rd_node);
    struct rd_chunk *chunk = arena->now;
    void *got;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    if ((!chunk || size > chunk->room - chunk->used) && !(chunk = add_chunk(arena, size)))
        return NULL;
    got = chunk->bytes + chunk->used;
    chunk->used += size;
    return got;
}

static void free_chunks(struct rd_chunk *chunk) {
    while (chunk) {
        struct rd_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

/* Keeps the first chunk, so that small replies cost no allocation. */
void rd_arena_reset(struct rd_arena *arena) {
    if (!arena->first)
        return;
    free_chunks(arena->first->next);
    arena->first->next = NULL;
    arena->first->used = 0;
    arena->now = arena->first;
    arena->held = arena->first->room;
}

void rd_arena_free(struct rd_arena *arena) {
    free_chunks(arena->first);
    *arena = (struct rd_arena){ .limit = arena->limit };
}

/* ---- what hiredis calls ---- */

static struct rd_reader *reader_of(const redisReadTask *task) {
    return task->privdata;
}

/* An element lies in its array, which was made before it. */
static struct rd_node *place(const redisReadTask *task) {
    struct rd_node *node = task->parent ? &((struct rd_node *)task->parent->obj)->items[task->idx]
                                        : rd_arena_get(reader_of(task)->arena, sizeof *node);

    if (node)
        *node = (struct rd_node){ .type = task->type };
    else
        reader_of(task)->too_large = true;
    return node;
}

static void *make_string(const redisReadTask *task, char *text, size_t len) {
    struct rd_node *node = place(task);
    char *copy = node ? rd_arena_get(reader_of(task)->arena, len + 1) : NULL;

    if (!copy) {
        reader_of(task)->too_large = true;
        return NULL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    node->text = copy;
    node->n = len;
    return node;
}

#if HIREDIS_MAJOR >= 1
typedef size_t count;
#else
typedef int count;
#endif

static void *make_array(const redisReadTask *task, count elements) {
    struct rd_node *node = place(task);
    size_t n = (size_t)elements;

    if (!node)
        return NULL;
    node->type = REDIS_REPLY_ARRAY;
    node->n = n;
    node->items = n > SIZE_MAX / 2 / sizeof *node ? NULL : rd_arena_get(reader_of(task)->arena, n * sizeof *node);
    if (!node->items)
        reader_of(task)->too_large = true;
    return node->items ? node : NULL;
}

static void *make_integer(const redisReadTask *task, long long value) {
    struct rd_node *node = place(task);

    if (node)
        node->number = value;
    return node;
}

static void *make_nil(const redisReadTask *task) {
    struct rd_node *node = place(task);

    if (node)
        node->type = REDIS_REPLY_NIL;
    return node;
}

/* The arena is freed as a whole. */
static void free_nothing(void *node) {
    (void)node;
}

static redisReplyObjectFunctions makers = {
    .createString = make_string,
    .createArray = make_array,
    .createInteger = make_integer,
    .createNil = make_nil,
    .freeObject = free_nothing,
};

/* ---- reader ---- */

bool rd_reader_open(struct rd_reader *reader, struct rd_arena *arena, size_t limit) {
    *reader = (struct rd_reader){ .arena = arena, .limit = limit };
    arena->limit = 2 * limit;
    reader->hiredis = redisReaderCreateWithFunctions(&makers);
    if (reader->hiredis)
        reader->hiredis->privdata = reader; /* the macro for it casts a pointer to int */
    return reader->hiredis != NULL;
}

void rd_reader_close(struct rd_reader *reader) {
    if (reader->hiredis)
        redisReaderFree(reader->hiredis);
    *reader = (struct rd_reader){ 0 };
}

static int32_t too_large(struct rd_reader *reader, struct eb_error *err) {
    reader->too_large = true;
    return ebp_error(err, EB_RETRIABLE, 0, "a reply is larger than reply_limit (%zu bytes)", reader->limit);
}

int32_t rd_reader_feed(struct rd_reader *reader, const char *bytes, size_t n, struct eb_error *err) {
    reader->fed += n;
    if (reader->fed > reader->limit + ((size_t)1 << 20)) /* bytes of the next reply may have come with this one */
        return too_large(reader, err);
    if (redisReaderFeed(reader->hiredis, bytes, n) != REDIS_OK)
        return ebp_no_memory(err);
    return EB_OK;
}

/* The error text of hiredis quotes at most one byte of a malformed reply. */
int32_t rd_reader_next(struct rd_reader *reader, struct rd_node **node, struct eb_error *err) {
    void *got = NULL;

    *node = NULL;
    if (redisReaderGetReply(reader->hiredis, &got) != REDIS_OK) {
        if (reader->too_large)
            return too_large(reader, err);
        return ebp_error(err, EB_RETRIABLE, reader->hiredis->err, "the server sent something that is not a reply of Redis: %s",
                         reader->hiredis->errstr);
    }
    if (got)
        reader->fed = reader->hiredis->len - reader->hiredis->pos;
    else if (reader->fed > reader->limit)
        return too_large(reader, err);
    *node = got;
    return EB_OK;
}

const struct rd_node *rd_value_of(const struct rd_node *pairs, const char *name) {
    if (pairs->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < pairs->n; i += 2)
        if (rd_is_text(&pairs->items[i]) && strcmp(pairs->items[i].text, name) == 0)
            return &pairs->items[i + 1];
    return NULL;
}

bool rd_consumer_info(const struct rd_node *row, struct rd_consumer_info *info) {
    const struct rd_node *name = rd_value_of(row, "name"), *idle = rd_value_of(row, "idle");
    const struct rd_node *pending = rd_value_of(row, "pending");

    if (!name || !idle || !pending || !rd_is_text(name) || !rd_is_integer(idle) || !rd_is_integer(pending))
        return false;
    *info = (struct rd_consumer_info){ name->text, idle->number, pending->number };
    return true;
}
