/* core/base/thread.c - threads, waits and assertions about locks: see thread.h. */
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"

void ebi_thread_block_signals(sigset_t *before) {
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, before);
}

enum eb_status ebi_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct eb_error *err) {
    sigset_t before;
    char shown[16];
    int failed;

    ebi_thread_block_signals(&before); /* a new thread inherits that: there is no moment without it */
    failed = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        errno = failed;
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot start thread %s", name);
    }
    snprintf(shown, sizeof shown, "%.15s", name);
    pthread_setname_np(*thread, shown);
    return EB_OK;
}

void ebi_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool ebi_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ticks_ms) {
    struct timespec until;

    if (ticks_ms == INT64_MAX)
        return pthread_cond_wait(cond, mutex) == 0;
    if (ticks_ms < 0)
        ticks_ms = 0;
    until.tv_sec = (time_t)(ticks_ms / 1000);
    until.tv_nsec = (long)(ticks_ms % 1000) * 1000000;
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}
