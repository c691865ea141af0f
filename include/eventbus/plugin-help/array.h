/* eventbus/plugin-help/array.h - arrays that grow: a pointer, a count and a room, which stay fields of their owner's. */
#ifndef EBP_ARRAY_H
#define EBP_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `need` elements of `size` bytes in all. `array` points to the pointer to the first element (NULL while
 * *room is 0), which the owner frees. The room doubles, so that adding n elements one by one costs no more than copying 2 n.
 * New elements are not initialized. Returns false without memory; nothing has changed then. */
static inline bool ebp_array_grow(void *array, size_t *room, size_t need, size_t size) {
    const size_t first_bytes = 512, first_elements = 16;
    size_t bytes, more = *room ? *room : size > first_bytes / first_elements ? first_elements : first_bytes / size;
    void *elements;

    if (need <= *room)
        return true;
    while (more < need) {
        if (more > SIZE_MAX / 2)
            return false;
        more *= 2;
    }
    if (__builtin_mul_overflow(more, size, &bytes))
        return false;
    memcpy(&elements, array, sizeof elements); /* whatever type it points to */
    elements = realloc(elements, bytes);
    if (!elements)
        return false;
    memcpy(array, &elements, sizeof elements);
    *room = more;
    return true;
}

/* The same for an array expression; checks the room inline, so that a full one alone costs a call:
 *
 *     if (!EBP_RESERVE(names->list, names->room, names->n + 1))
 *         return ebp_no_memory(err);
 *     names->list[names->n++] = name; */
#define EBP_RESERVE(array, room, need) ((size_t)(need) <= (room) || ebp_array_grow(&(array), &(room), (need), sizeof *(array)))

#endif
