/* core/base/fork.h - notices that this process is a forked child: no object of this library is used across a fork. */
#ifndef EBI_FORK_H
#define EBI_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/error.h>

/* How often this process was forked, seen from the child: read by ebi_forks. */
extern atomic_uint ebi_fork_count;

/* Changes when the process forks: the child has another number than what was read before the fork. Any thread, cheap. */
static inline unsigned ebi_forks(void) {
    return atomic_load_explicit(&ebi_fork_count, memory_order_relaxed);
}

/* Whether the process was forked since `forks` was read; then err says so: "the bus was opened before ...". Called before any lock is
 * taken: the parent's threads may hold it for ever. */
bool ebi_is_parents(unsigned forks, const char *what, struct eb_error *);

/* Part of an object that a child leaves as it is: its threads do not exist there, and its locks may be held for ever. */
struct ebi_left {
    struct ebi_left *next;
};

/* Keeps the object reachable, so that leak checkers do not report it. */
void ebi_leave_behind(struct ebi_left *);

#endif
