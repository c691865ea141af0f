/* plugins/common/wakeup.h - ends a wait from another thread: what `wake` signals and what `poll` and `receive` wait on.
 *
 * A signal is remembered until it is taken, so none is lost between a look at what there is to do and the wait. Only the
 * first signal since the last take costs a system call. */
#ifndef EBP_WAKEUP_H
#define EBP_WAKEUP_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { EBP_WAKEUP_OTHERS = 2 }; /* how many descriptors a wait takes beside it */

struct ebp_wakeup {
    int fd; /* readable once it is signalled; -1: closed */
    atomic_bool signalled;
};

/* Returns false without a descriptor; errno says why. */
bool ebp_wakeup_open(struct ebp_wakeup *);

/* One whose fd is -1 may be closed again. */
void ebp_wakeup_close(struct ebp_wakeup *);

/* Any thread. Never waits. */
void ebp_wakeup_signal(struct ebp_wakeup *);

/* The owner's thread. Returns whether it was signalled since the last take. Take before looking at what to do. */
bool ebp_wakeup_take(struct ebp_wakeup *);

/* The owner's thread. Waits until it is signalled, one of `others` (fd -1: none) is ready, or the timeout is over; may
 * return early. It takes nothing, and the caller finds out which descriptor it was. */
void ebp_wakeup_wait(struct ebp_wakeup *, const struct pollfd *others, unsigned n, int64_t timeout_ms);

#endif
