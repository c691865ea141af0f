/* core/base/backoff.h - how long to wait before the next attempt. */
#ifndef EBI_BACKOFF_H
#define EBI_BACKOFF_H

#include <stdint.h>

struct ebi_backoff {
    int64_t first_ms; /* the first wait */
    int64_t max_ms;   /* no wait is longer */
    double jitter;    /* 0..1: the largest share of a wait that is taken off at random */
};

/* The wait, in ms, before retry number `retry` (1 is the first): doubled each time up to max_ms.
 * `chance` is any 64-bit number of the caller's, uniformly drawn, so that a test can repeat it. */
int64_t ebi_backoff_wait(const struct ebi_backoff *, uint32_t retry, uint64_t chance);

/* A number to draw from; any thread. */
uint64_t ebi_chance(void);

#endif
