/* eventbus/plugin-help/clock.h - clocks in ms, and what is computed from them. Any thread. */
#ifndef EBP_CLOCK_H
#define EBP_CLOCK_H

#include <eventbus/plugin-help/base.h>

#include <limits.h>
#include <stdint.h>

static inline int64_t ebp_clock_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The clock of waits and deadlines: nobody can set it, and it stands still while the machine sleeps. It is the same for
 * all processes of one machine. */
static inline int64_t ebp_monotonic_ms(void) {
    return ebp_clock_ms(CLOCK_MONOTONIC);
}

/* Like the monotonic clock, and runs on while the machine sleeps, as a lease does at a server elsewhere. */
static inline int64_t ebp_boottime_ms(void) {
    return ebp_clock_ms(CLOCK_BOOTTIME);
}

/* ms since 1970 by the machine's clock, right or wrong: for what people read, never for a wait. */
static inline int64_t ebp_wall_ms(void) {
    return ebp_clock_ms(CLOCK_REALTIME);
}

static inline int64_t ebp_earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A timeout for poll(2): 0 for one that is over, INT_MAX for one that is longer than poll can express. */
static inline int ebp_poll_timeout(int64_t timeout_ms) {
    return timeout_ms <= 0 ? 0 : timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
}

/* The timespec of a time in ms of any clock; one before its beginning counts as its beginning. */
static inline struct timespec ebp_timespec(int64_t ms) {
    struct timespec time;

    time.tv_sec = (time_t)((ms < 0 ? 0 : ms) / 1000);
    time.tv_nsec = (long)((ms < 0 ? 0 : ms) % 1000) * 1000000;
    return time;
}

#endif
