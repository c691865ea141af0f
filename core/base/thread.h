/* core/base/thread.h - starts threads, waits, and asserts who holds a lock. */
#ifndef EBI_THREAD_H
#define EBI_THREAD_H

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#include <eventbus/error.h>

/* Starts a thread with all signals blocked, except for those that a fault of its own raises (SIGSEGV and the like), so that crash
 * handlers still get them. name (15 characters, the rest is cut) shows in ps and gdb. The caller joins the thread. */
enum eb_status ebi_thread_start(pthread_t *, const char *name, void *(*run)(void *), void *arg, struct eb_error *);

/* Blocks in the calling thread the signals that ebi_thread_start blocks, for calls of other code that may start threads. The caller gives
 * `before` to pthread_sigmask(SIG_SETMASK) afterwards. */
void ebi_thread_block_signals(sigset_t *before);

/* A condition variable on the monotonic clock. */
void ebi_cond_init(pthread_cond_t *);

/* Waits for a signal until ticks_ms (ebi_ticks_ms time; INT64_MAX: for ever). False: that time has come. */
bool ebi_cond_wait_until(pthread_cond_t *, pthread_mutex_t *, int64_t ticks_ms);

/* Assert that the calling thread holds a lock (a pthread_mutex_t *), or does not; NULL is held by nobody. Where the C library
 * does not tell whose a lock is, they assert nothing. */
#ifdef __GLIBC__
#define EBI_ASSERT_HELD(lock) assert((lock)->__data.__owner == gettid())
#define EBI_ASSERT_NOT_HELD(lock) assert(!(lock) || (lock)->__data.__owner != gettid())
#else
#define EBI_ASSERT_HELD(lock) ((void)(lock))
#define EBI_ASSERT_NOT_HELD(lock) ((void)(lock))
#endif

#endif
