/* core/base/arena.h - memory that is given out piece by piece and taken back all at once. */
#ifndef EBI_ARENA_H
#define EBI_ARENA_H

#include <stddef.h>

struct ebi_chunk;

/* All zero is an empty one. One thread at a time. */
struct ebi_arena {
    struct ebi_chunk *newest;   /* the largest one, too: each is at least twice as large as the one before it */
};

/* `size` bytes, not zeroed, aligned for any number or pointer; they stay where they are. NULL: no memory. */
void *ebi_arena_take(struct ebi_arena *, size_t size);

/* Takes everything back; up to 1 MiB is kept for the next use. */
void ebi_arena_clear(struct ebi_arena *);
void ebi_arena_free(struct ebi_arena *);

#endif
