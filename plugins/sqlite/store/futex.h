/* plugins/sqlite/store/futex.h - waits until futexes change: those of the side file, which processes share, and the wakeup
 * of this instance, which `wake` signals from other threads. */
#ifndef SQ_FUTEX_H
#define SQ_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Any thread signals it; the thread that calls the ops waits for it and takes it. A signal is remembered until it is
 * taken. */
struct sq_wakeup {
    _Atomic uint32_t signalled;
};

void sq_wakeup_signal(struct sq_wakeup *);

/* Returns whether it was signalled since the last take. */
bool sq_wakeup_take(struct sq_wakeup *);

bool sq_wakeup_is_signalled(const struct sq_wakeup *);

/* Waits until it is signalled or the time (ebp_monotonic_ms) has come. */
void sq_wakeup_wait(struct sq_wakeup *, int64_t until_ms);

enum { SQ_FUTEXES_MAX = 100 }; /* the kernel takes 128 at once */

/* Futexes that processes share, each with the value it had before its reader looked at what it stands for. */
struct sq_futex_set {
    unsigned n;
    _Atomic uint32_t *futex[SQ_FUTEXES_MAX];
    uint32_t value[SQ_FUTEXES_MAX];
};

/* Whether this kernel can wait for several futexes at once (Linux 5.16). */
bool sq_futex_set_supported(void);

/* Waits until one of the futexes has another value, the wakeup is signalled, or the time has come; may return early. A
 * kernel that cannot wait for several waits for `any` alone, which every process then changes as well. */
void sq_futex_set_wait(const struct sq_futex_set *, _Atomic uint32_t *any, uint32_t any_value, struct sq_wakeup *,
                       int64_t until_ms);

/* Waits for one futex, for a short time at most; may return early. */
void sq_futex_wait(_Atomic uint32_t *, uint32_t value, int64_t until_ms);

/* Changes a futex and wakes all that wait for it, in every process; or wakes only one of them. The futex may lie in a file
 * that was truncated. */
void sq_futex_wake_all(_Atomic uint32_t *);
void sq_futex_wake_one(_Atomic uint32_t *);

#endif
