/* core/base/arena.c - see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { FIRST_CHUNK = 1024, KEPT = 1 << 20, GRAIN = 8 };

/* Tells AddressSanitizer that what is not given out must not be touched, so that it sees a step from one piece into the
 * next. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { FENCE = GRAIN };

static void forbid(void *from, size_t size) {
    ASAN_POISON_MEMORY_REGION(from, size);
}

static void allow(void *from, size_t size) {
    ASAN_UNPOISON_MEMORY_REGION(from, size);
}
#else
enum { FENCE = 0 };

static void forbid(void *from, size_t size) {
    (void)from, (void)size;
}

static void allow(void *from, size_t size) {
    (void)from, (void)size;
}
#endif

struct ebi_chunk {
    struct ebi_chunk *older;
    size_t room, used;
    alignas(GRAIN) char data[];
};

static struct ebi_chunk *add_chunk(struct ebi_arena *arena, size_t size) {
    size_t room = arena->newest ? arena->newest->room * 2 : FIRST_CHUNK;
    struct ebi_chunk *chunk;

    if (room < size)
        room = size;
    chunk = malloc(sizeof *chunk + room);
    if (!chunk)
        return NULL;
    chunk->older = arena->newest;
    chunk->room = room;
    chunk->used = 0;
    arena->newest = chunk;
    forbid(chunk->data, room);
    return chunk;
}

void *ebi_arena_take(struct ebi_arena *arena, size_t size) {
    struct ebi_chunk *chunk = arena->newest;
    void *taken;

    if (size > SIZE_MAX / 4)
        return NULL;
    size = (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
    if (!chunk || chunk->room - chunk->used < size + FENCE)
        chunk = add_chunk(arena, size + FENCE);
    if (!chunk)
        return NULL;
    taken = chunk->data + chunk->used;
    chunk->used += size + FENCE;
    allow(taken, size);
    return taken;
}

static void free_chunks(struct ebi_chunk *chunk) {
    while (chunk) {
        struct ebi_chunk *older = chunk->older;

        allow(chunk->data, chunk->room);
        free(chunk);
        chunk = older;
    }
}

void ebi_arena_clear(struct ebi_arena *arena) {
    struct ebi_chunk *kept = arena->newest;

    if (!kept)
        return;
    free_chunks(kept->older);
    kept->older = NULL;
    kept->used = 0;
    forbid(kept->data, kept->room);
    if (kept->room > KEPT)
        ebi_arena_free(arena);
}

void ebi_arena_free(struct ebi_arena *arena) {
    free_chunks(arena->newest);
    arena->newest = NULL;
}
