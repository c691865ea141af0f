/* plugins/redis/connection/reply.h - the server's answers, read by hiredis into memory that is given back as a whole: no
 * allocation for each element, and bounds on what a hostile server can make us hold. */
#ifndef RD_CONNECTION_REPLY_H
#define RD_CONNECTION_REPLY_H

#include <eventbus/plugin.h>
#include <hiredis/read.h>
#include <stdbool.h>

/* An answer, or an element of one. Texts end with a NUL that is not counted. */
struct rd_node {
    int32_t type;                       /* REDIS_REPLY_STRING, _ARRAY, _INTEGER, _NIL, _STATUS, _ERROR */
    size_t n;                           /* bytes of a text, elements of an array */
    union {
        const char *text;
        struct rd_node *items;
        int64_t number;
    };
};

struct rd_chunk;

/* Memory that grows, and is reset at once. Zeroed, but for limit: empty. */
struct rd_arena {
    struct rd_chunk *first, *now;
    size_t held, limit;                 /* bytes that may be held in all */
};

/* NULL: no memory, or the limit. Aligned for a node. */
void *rd_arena_get(struct rd_arena *, size_t size);
void rd_arena_reset(struct rd_arena *);
void rd_arena_free(struct rd_arena *);

struct rd_reader {
    redisReader *hiredis;
    struct rd_arena *arena;             /* that the answer under way is read into */
    size_t limit, fed;                  /* bytes of one answer at most; of the one under way so far */
    bool too_large;
};

/* The arena's limit becomes twice that of an answer's bytes. False: no memory. */
bool rd_reader_open(struct rd_reader *, struct rd_arena *, size_t limit);
void rd_reader_close(struct rd_reader *);

/* Takes over bytes from the server. EB_OK, or negative: nothing more can be read. */
int32_t rd_reader_feed(struct rd_reader *, const char *bytes, size_t n, struct eb_error *);

/* The next whole answer, in the arena until that is reset; NULL: none yet. EB_OK or negative. */
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

/* The value behind a name in a flat array of names and values; NULL: none. */
const struct rd_node *rd_value_of(const struct rd_node *pairs, const char *name);

#endif
