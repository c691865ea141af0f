/* tests/threads/tap.h - the few lines of TAP that plain test programs need. */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdlib.h>

/* Says how many results come. */
void tap_plan(int n);

/* One result; a failed one makes tap_end answer 1. */
void tap_ok(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

int tap_end(void);

/* A size: the small one, or the large one when EB_SOAK is set. */
static inline long tap_size(long small, long large) {
    return getenv("EB_SOAK") ? large : small;
}

#endif
