/* core/base/arena.h - memory that is given out piece by piece and taken back all at once. */
#ifndef EBI_ARENA_H
#define EBI_ARENA_H

#include <stddef.h>

struct ebi_chunk;

/* All zero is an empty arena. It belongs to one thread at a time. */
struct ebi_arena {
    struct ebi_chunk *newest; /* also the largest: each is at least twice as large as the one before */
};

/* Gives `size` bytes, not zeroed, aligned for any number or pointer; they stay where they are. NULL: no memory. */
void *ebi_arena_take(struct ebi_arena *, size_t size);

/* Takes everything back, and keeps up to 1 MiB for the next use. */
void ebi_arena_clear(struct ebi_arena *);
void ebi_arena_free(struct ebi_arena *);

#endif
