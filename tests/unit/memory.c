/* tests/unit/memory.c - memory that runs out when a test says so: see memory.h. The linker leads calls of malloc and
 * the like here (--wrap), those of the code under test included. */
#include "memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);

static atomic_uint left;
static atomic_bool failed;

void fail_allocation(unsigned n) {
    atomic_store(&failed, false);
    atomic_store(&left, n);
}

bool allocation_was_reached(void) {
    return atomic_load(&failed);
}

bool allocation_failed(void) {
    atomic_store(&left, 0);
    return allocation_was_reached();
}

static bool fails_now(void) {
    unsigned n = atomic_load(&left);

    while (n > 0 && !atomic_compare_exchange_weak(&left, &n, n - 1))
        ; /* n is read again by that */
    if (n != 1)
        return false;
    atomic_store(&failed, true);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails_now() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t n, size_t size) {
    return fails_now() ? NULL : __real_reallocarray(memory, n, size);
}
