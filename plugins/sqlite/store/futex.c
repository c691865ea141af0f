/* plugins/sqlite/store/futex.c - see futex.h. A wake costs some 300 ns, and none is missed, since the kernel compares the
 * value under its own lock. */
#include "store/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* for headers before Linux 5.16; the same on all machines but alpha */
#endif

/* As in <linux/futex.h> since 5.16. */
struct waiter {
    uint64_t value, address;
    uint32_t flags, reserved;
};

enum { WAIT_32_BITS = 2, WAIT_PRIVATE = 128 };

/* Without futex_waitv a wait for futexes cannot end with the wakeup, so the wakeup is checked this often. */
enum { LOOK_MS = 50 };

static long wait_for(_Atomic uint32_t *futex, uint32_t value, int scope, int64_t until_ms) {
    struct timespec at = ebp_timespec(until_ms);

    return syscall(SYS_futex, futex, FUTEX_WAIT_BITSET | scope, value, &at, NULL, FUTEX_BITSET_MATCH_ANY);
}

void sq_wakeup_signal(struct sq_wakeup *wakeup) {
    if (atomic_exchange(&wakeup->signalled, 1) == 0)
        syscall(SYS_futex, &wakeup->signalled, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

bool sq_wakeup_take(struct sq_wakeup *wakeup) {
    return atomic_exchange(&wakeup->signalled, 0) != 0;
}

bool sq_wakeup_is_signalled(const struct sq_wakeup *wakeup) {
    return atomic_load(&wakeup->signalled) != 0;
}

void sq_wakeup_wait(struct sq_wakeup *wakeup, int64_t until_ms) {
    wait_for(&wakeup->signalled, 0, FUTEX_PRIVATE_FLAG, until_ms);
}

bool sq_futex_set_supported(void) {
    return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, CLOCK_MONOTONIC) < 0 && errno == EINVAL;
}

/* EFAULT: the file behind a futex was truncated, or a disk is full. Nobody can be woken by it until the file is mended. */
static bool is_out_of_order(long result) {
    return result < 0 && errno != ETIMEDOUT && errno != EAGAIN && errno != EINTR;
}

void sq_futex_set_wait(const struct sq_futex_set *set, _Atomic uint32_t *any, uint32_t any_value, struct sq_wakeup *wakeup,
                       int64_t until_ms) {
    struct waiter waiters[SQ_FUTEXES_MAX + 1];
    struct {
        int64_t sec, nsec;
    } until; /* 64 bits each, on every machine */
    int64_t look_ms = ebp_monotonic_ms() + LOOK_MS;
    struct timespec at;
    long result = 0;

    look_ms = until_ms < look_ms ? until_ms : look_ms;
    if (any) {
        if (!sq_wakeup_is_signalled(wakeup))
            result = wait_for(any, any_value, 0, look_ms);
    } else {
        for (unsigned i = 0; i < set->n; i++)
            waiters[i] = (struct waiter){ set->value[i], (uintptr_t)set->futex[i], WAIT_32_BITS, 0 };
        waiters[set->n] = (struct waiter){ 0, (uintptr_t)&wakeup->signalled, WAIT_32_BITS | WAIT_PRIVATE, 0 };
        at = ebp_timespec(until_ms);
        until.sec = at.tv_sec;
        until.nsec = at.tv_nsec;
        result = syscall(SYS_futex_waitv, waiters, set->n + 1, 0, &until, CLOCK_MONOTONIC);
    }
    if (is_out_of_order(result))
        sq_wakeup_wait(wakeup, look_ms);
}

void sq_futex_wait(_Atomic uint32_t *futex, uint32_t value, int64_t until_ms) {
    int64_t look_ms = ebp_monotonic_ms() + LOOK_MS;
    _Atomic uint32_t immutable = 0; /* nobody changes it */

    if (is_out_of_order(wait_for(futex, value, 0, until_ms < look_ms ? until_ms : look_ms)))
        wait_for(&immutable, 0, FUTEX_PRIVATE_FLAG, until_ms < look_ms ? until_ms : look_ms);
}

/* The kernel changes it and wakes: it returns EFAULT where a store of this process would be SIGBUS. */
static void change(_Atomic uint32_t *futex, int most) {
    syscall(SYS_futex, futex, FUTEX_WAKE_OP, most, NULL, futex, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0));
}

void sq_futex_wake_all(_Atomic uint32_t *futex) {
    change(futex, INT_MAX);
}

void sq_futex_wake_one(_Atomic uint32_t *futex) {
    change(futex, 1);
}
