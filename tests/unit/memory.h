/* tests/unit/memory.h - memory that runs out when a test says so. For programs linked with $(memory_ldflags). */
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include <stdbool.h>

/* The n-th allocation from now on (1: the next) finds no memory, in any thread; 0: none does. */
void fail_allocation(unsigned n);

/* Whether that has happened; and no allocation fails from here on. */
bool allocation_failed(void);

/* Whether it has happened so far; others may fail later. */
bool allocation_was_reached(void);

#endif
