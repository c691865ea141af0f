/* plugins/sqlite/store/fork.c - see fork.h.
 *
 * SQLite has locks for the whole process, such as that of its allocator. A child that is forked while a thread of its parent
 * holds one waits for it for ever, in its first call of SQLite, be it the plugin's or the program's own. So the thread that
 * forks takes all of them before, and gives them back in both processes. */
#include "store/fork.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <pthread.h>
#include <sqlite3.h>

#include <eventbus/plugin-help/clock.h>

enum { PATIENCE_MS = 2000 }; /* a program may fork while it holds one of them itself: then the child has to do without it */

static const int ids[] = { SQLITE_MUTEX_STATIC_OPEN, SQLITE_MUTEX_STATIC_PRNG, SQLITE_MUTEX_STATIC_MAIN,
                           SQLITE_MUTEX_STATIC_VFS1, SQLITE_MUTEX_STATIC_LRU,  SQLITE_MUTEX_STATIC_PMEM,
                           SQLITE_MUTEX_STATIC_MEM };
enum { N_IDS = sizeof ids / sizeof *ids };

static _Thread_local bool held; /* by this thread, which forks; two may fork at a time */

static void leave(int n) {
    while (n-- > 0)
        sqlite3_mutex_leave(sqlite3_mutex_alloc(ids[n]));
}

/* Takes all, or none: SQLite does not say in which order it takes them, so none is waited for while others are held. */
static bool take(void) {
    for (int n = 0; n < N_IDS; n++)
        if (sqlite3_mutex_try(sqlite3_mutex_alloc(ids[n])) != SQLITE_OK) {
            leave(n);
            return false;
        }
    return true;
}

static atomic_int open_stores;
static atomic_bool inherited;

void sq_fork_opened(void) {
    atomic_fetch_add(&open_stores, 1);
}

void sq_fork_closed(void) {
    atomic_fetch_sub(&open_stores, 1);
}

bool sq_fork_inherited(void) {
    return atomic_load(&inherited);
}

static void before(void) {
    int64_t until = ebp_monotonic_ms() + PATIENCE_MS;

    while (!(held = take()) && ebp_monotonic_ms() < until)
        sched_yield();
}

static void after(void) {
    if (held)
        leave(N_IDS);
    held = false;
}

static void in_child(void) {
    after();
    if (atomic_load(&open_stores) > 0)
        atomic_store(&inherited, true);
}

__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(before, after, in_child);
}
