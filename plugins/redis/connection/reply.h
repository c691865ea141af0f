/* plugins/redis/connection/reply.h - the server's replies. hiredis reads them into memory that is freed as a whole: no
 * element costs an allocation, and a hostile server cannot make us hold more than a limit. */
#ifndef RD_CONNECTION_REPLY_H
#define RD_CONNECTION_REPLY_H

#include <eventbus/plugin.h>
#include <hiredis/read.h>
#include <stdbool.h>

/* A reply, or an element of one. A text ends with a NUL that n does not count. */
struct rd_node {
    int32_t type; /* REDIS_REPLY_STRING, _ARRAY, _INTEGER, _NIL, _STATUS, _ERROR */
    size_t n;     /* the bytes of a text, the elements of an array */
    union {
        const char *text;
        struct rd_node *items;
        int64_t number;
    };
};

struct rd_chunk;

/* Memory that grows and is freed as a whole. Zeroed, with a limit: empty. */
struct rd_arena {
    struct rd_chunk *first, *now;
    size_t held, limit; /* bytes allocated; the most that may be */
};

/* Returns memory aligned for a node. NULL: no memory, or the limit is reached. */
void *rd_arena_get(struct rd_arena *, size_t size);
void rd_arena_reset(struct rd_arena *);
void rd_arena_free(struct rd_arena *);

struct rd_reader {
    redisReader *hiredis;
    struct rd_arena *arena; /* takes the reply being read */
    size_t limit, fed;      /* the most bytes of one reply; those of the reply being read so far */
    bool too_large;
};

/* Sets the arena's limit to twice the limit of a reply. False: no memory. */
bool rd_reader_open(struct rd_reader *, struct rd_arena *, size_t limit);
void rd_reader_close(struct rd_reader *);

/* Feeds bytes from the server. EB_OK, or negative: nothing more can be read. */
int32_t rd_reader_feed(struct rd_reader *, const char *bytes, size_t n, struct eb_error *);

/* Returns the next whole reply, in the arena until that is reset; NULL: there is none yet. EB_OK or negative. */
int32_t rd_reader_next(struct rd_reader *, struct rd_node **, struct eb_error *);

static inline bool rd_is_array(const struct rd_node *node, size_t least) {
    return node->type == REDIS_REPLY_ARRAY && node->n >= least;
}

static inline bool rd_is_text(const struct rd_node *node) {
    return node->type == REDIS_REPLY_STRING || node->type == REDIS_REPLY_STATUS;
}

static inline bool rd_is_integer(const struct rd_node *node) {
    return node->type == REDIS_REPLY_INTEGER;
}

static inline bool rd_is_error(const struct rd_node *node) {
    return node->type == REDIS_REPLY_ERROR;
}

/* Returns the value behind a name in a flat array of names and values; NULL: there is none. */
const struct rd_node *rd_value_of(const struct rd_node *pairs, const char *name);

/* A row of XINFO CONSUMERS. False: it is something else. */
struct rd_consumer_info {
    const char *name;
    int64_t idle_ms, pending;
};
bool rd_consumer_info(const struct rd_node *row, struct rd_consumer_info *);

#endif
