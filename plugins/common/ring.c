/* plugins/common/ring.c - see ring.h. */
#include "ring.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

bool ebp_ring_grow(struct ebp_ring *ring, void *elements, size_t more, size_t size) {
    size_t room = ring->room ? ring->room : FIRST_ROOM, bytes, end;
    char *old, *new;

    while (room - ring->n < more) {
        if (room > SIZE_MAX / 4)
            return false;
        room *= 2;
    }
    if (room == ring->room)
        return true;
    memcpy(&old, elements, sizeof old); /* whatever type it points to */
    new = __builtin_mul_overflow(room, size, &bytes) ? NULL : malloc(bytes);
    if (!new)
        return false;
    end = ring->room - ring->first < ring->n ? ring->room - ring->first : ring->n; /* those before the ring wraps */
    if (old) {
        memcpy(new, old + ring->first * size, end * size);
        memcpy(new + end *size, old, (ring->n - end) * size);
    }
    free(old);
    memcpy(elements, &new, sizeof new);
    ring->first = 0;
    ring->room = room;
    return true;
}
