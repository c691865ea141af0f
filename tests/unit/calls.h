/* tests/unit/calls.h - system calls that fail when a test says so. For programs linked with $(calls_ldflags). */
#ifndef TEST_CALLS_H
#define TEST_CALLS_H

#include <stdbool.h>

/* The names of the calls that can fail, up to NULL. */
extern const char *const failing_calls[];

/* The n-th call of that name from now on (1: the next) fails with this errno, once; NULL: none does. Of one thread. */
void fail_call(const char *name, unsigned n, int error);

/* Whether that has happened; and no call fails from here on. */
bool call_failed(void);

#endif
