/* core/base/fork.c - see fork.h. */
#include "base/fork.h"

#include <pthread.h>

#include "base/error.h"

atomic_uint ebi_fork_count = 1;

static void in_child(void) {
    atomic_fetch_add_explicit(&ebi_fork_count, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void watch(void) {
    pthread_atfork(NULL, NULL, in_child);
}

bool ebi_is_parents(unsigned forks, const char *what, struct eb_error *err) {
    if (forks == ebi_forks())
        return false;
    ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "%s was opened before this process was forked; open it after the fork", what);
    return true;
}

void ebi_leave_behind(struct ebi_left *object) {
    static _Atomic(struct ebi_left *) all;

    object->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &object->next, object))
        continue; /* the failed exchange has read next again */
}
