/* core/base/fork.c - see fork.h. */
#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint forks = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void) {
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch(void) {
    pthread_atfork(NULL, NULL, in_child);
}

void ebi_leave_behind(struct ebi_left *object) {
    static _Atomic(struct ebi_left *) all;

    object->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &object->next, object))
        continue;                       /* next is read again by that */
}

unsigned ebi_forks(void) {
    pthread_once(&once, watch);
    return atomic_load_explicit(&forks, memory_order_relaxed);
}
