/* plugins/redis/clock.h - the clock of waits, leases and deadlines. */
#ifndef RD_CLOCK_H
#define RD_CLOCK_H

#include <stdint.h>

/* ms since the machine started, also while it slept: a lease runs on at the server meanwhile. */
int64_t rd_ticks_ms(void);

static inline int64_t rd_earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

#endif
