/* plugins/sqlite/store/futex.h - waiting for words in memory to change: those of the side file, and one of this instance's own
 * that wake() changes from other threads. */
#ifndef SQ_FUTEX_H
#define SQ_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Rung from any thread, heard by the one at work. Remembered until taken. */
struct sq_wakeup {
    _Atomic uint32_t signalled;
};

void sq_wakeup_signal(struct sq_wakeup *);

/* Whether it was rung since the last time; forgets it. */
bool sq_wakeup_take(struct sq_wakeup *);

bool sq_wakeup_is_signalled(const struct sq_wakeup *);

/* Waits until the bell is rung or the time (ebp_monotonic_ms) has come. */
void sq_wakeup_wait(struct sq_wakeup *, int64_t until_ms);

enum { SQ_FUTEXES_MAX = 100 };            /* the kernel takes 128 at once */

/* Words shared between processes, each with the value that it had before we looked at what it stands for. */
struct sq_futex_set {
    unsigned n;
    _Atomic uint32_t *futex[SQ_FUTEXES_MAX];
    uint32_t value[SQ_FUTEXES_MAX];
};

/* Whether this kernel can wait for several words at once (Linux 5.16). */
bool sq_futex_set_supported(void);

/* Waits until one of the words has another value, the bell is rung, or the time has come; may return early. Where the
 * kernel cannot wait for several, it waits for `any` alone, which everybody then changes as well. */
void sq_futex_set_wait(const struct sq_futex_set *, _Atomic uint32_t *any, uint32_t any_value, struct sq_wakeup *, int64_t until_ms);

/* Waits for one word, for a short time at most; may return early. */
void sq_futex_wait(_Atomic uint32_t *, uint32_t value, int64_t until_ms);

/* Changes a word and wakes all that wait for it, in every process; or only one of them. The word may lie in a file that has
 * lost its end. */
void sq_futex_wake_all(_Atomic uint32_t *);
void sq_futex_wake_one(_Atomic uint32_t *);

#endif
