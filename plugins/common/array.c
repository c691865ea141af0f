/* plugins/common/array.c - see array.h. */
#include "array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 512, FIRST_ELEMENTS = 16 };

bool ebp_array_grow(void *array, size_t *room, size_t need, size_t size) {
    size_t bytes, more = *room ? *room : size > FIRST_BYTES / FIRST_ELEMENTS ? FIRST_ELEMENTS : FIRST_BYTES / size;
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
