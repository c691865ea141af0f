/* eventbus/plugin-help/wakeup.h - ends a wait from another thread: what `wake` signals and what `poll` and `receive` wait on.
 *
 * A signal is remembered until it is taken, so none is lost between a look at what there is to do and the wait. An op that
 * `wake` must end looks like this:
 *
 *     for (;;) {
 *         do what there is to do;
 *         if (something was reported || ebp_wakeup_take(&self->wakeup) || the time is over)
 *             return ...;
 *         ebp_wakeup_wait(&self->wakeup, sockets, n, the time that is left);
 *     }
 *
 * There are two forms. struct ebp_wakeup has a descriptor, for a plugin that waits for sockets too; only the first signal
 * since the last take costs a system call. struct ebp_cond_wakeup has a condition variable, for a plugin that waits for
 * threads alone. No function of either waits for the other threads' work, so wake may be called at any time between open and
 * close. */
#ifndef EBP_WAKEUP_H
#define EBP_WAKEUP_H

#include <eventbus/plugin-help/base.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>

/* ---- With a descriptor ---- */

enum { EBP_WAKEUP_OTHERS = 2 }; /* how many descriptors a wait takes beside it */

struct ebp_wakeup {
    int fd; /* readable once it is signalled; -1: closed */
    bool signalled;
};

/* Returns false without a descriptor; errno says why. The descriptor is close-on-exec. */
static inline bool ebp_wakeup_open(struct ebp_wakeup *wakeup) {
    wakeup->signalled = false;
    wakeup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wakeup->fd >= 0;
}

/* One whose fd is -1 may be closed again. */
static inline void ebp_wakeup_close(struct ebp_wakeup *wakeup) {
    if (wakeup->fd >= 0)
        close(wakeup->fd);
    wakeup->fd = -1;
}

/* Any thread. Never waits. */
static inline void ebp_wakeup_signal(struct ebp_wakeup *wakeup) {
    if (!__atomic_exchange_n(&wakeup->signalled, true, __ATOMIC_SEQ_CST))
        eventfd_write(wakeup->fd, 1); /* fails only when its counter is full: it is readable then */
}

/* The owner's thread. Returns whether it was signalled since the last take. A signal that comes between a take and the wait
 * is seen by the wait, which looks at `signalled` first. If the signalling thread has not written yet, its late write makes
 * one wait too short, and that wait reads it. */
static inline bool ebp_wakeup_take(struct ebp_wakeup *wakeup) {
    bool signalled = __atomic_exchange_n(&wakeup->signalled, false, __ATOMIC_SEQ_CST);
    eventfd_t count;

    if (signalled)
        eventfd_read(wakeup->fd, &count);
    return signalled;
}

/* The owner's thread. Waits until it is signalled, one of `others` (fd -1: none) is ready, or the timeout is over; may
 * return early. It takes nothing, and the caller finds out which descriptor it was. */
static inline void ebp_wakeup_wait(struct ebp_wakeup *wakeup, const struct pollfd *others, unsigned n, int64_t timeout_ms) {
    struct pollfd all[EBP_WAKEUP_OTHERS + 1];
    eventfd_t count;

    assert(n <= EBP_WAKEUP_OTHERS);
    all[0].fd = wakeup->fd;
    all[0].events = POLLIN;
    all[0].revents = 0;
    for (unsigned i = 0; i < n; i++)
        all[i + 1] = others[i];
    if (timeout_ms <= 0 || __atomic_load_n(&wakeup->signalled, __ATOMIC_SEQ_CST) ||
        poll(all, n + 1, ebp_poll_timeout(timeout_ms)) <= 0)
        return;
    /* A late write (see ebp_wakeup_take) would make every wait from here on too short. A thread that signals just now has
     * set `signalled`, at which the next wait looks. */
    if (all[0].revents && !__atomic_load_n(&wakeup->signalled, __ATOMIC_SEQ_CST))
        eventfd_read(wakeup->fd, &count);
}

/* ---- With a condition variable ---- */

struct ebp_cond_wakeup {
    pthread_mutex_t mutex; /* guards `signalled`; nothing else is called while it is held */
    pthread_cond_t cond;
    bool signalled;
};

/* Initializes a condition variable whose timed waits go by the monotonic clock. Returns 0, or an errno. */
static inline int ebp_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);

    if (failed)
        return failed;
    failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!failed)
        failed = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return failed;
}

/* Returns false if the system has no more of them; errno says why. */
static inline bool ebp_cond_wakeup_open(struct ebp_cond_wakeup *wakeup) {
    int failed = pthread_mutex_init(&wakeup->mutex, NULL);

    wakeup->signalled = false;
    if (!failed && (failed = ebp_cond_init(&wakeup->cond)) != 0)
        pthread_mutex_destroy(&wakeup->mutex);
    errno = failed;
    return failed == 0;
}

/* Once, after a successful open, when no other thread uses it any more. */
static inline void ebp_cond_wakeup_close(struct ebp_cond_wakeup *wakeup) {
    pthread_cond_destroy(&wakeup->cond);
    pthread_mutex_destroy(&wakeup->mutex);
}

/* Any thread. Waits for no more than the owner's look at a flag. */
static inline void ebp_cond_wakeup_signal(struct ebp_cond_wakeup *wakeup) {
    pthread_mutex_lock(&wakeup->mutex);
    wakeup->signalled = true;
    pthread_cond_signal(&wakeup->cond);
    pthread_mutex_unlock(&wakeup->mutex);
}

/* The owner's thread. Returns whether it was signalled since the last take. */
static inline bool ebp_cond_wakeup_take(struct ebp_cond_wakeup *wakeup) {
    bool signalled;

    pthread_mutex_lock(&wakeup->mutex);
    signalled = wakeup->signalled;
    wakeup->signalled = false;
    pthread_mutex_unlock(&wakeup->mutex);
    return signalled;
}

/* The owner's thread. Waits until it is signalled or the timeout is over. It takes nothing. */
static inline void ebp_cond_wakeup_wait(struct ebp_cond_wakeup *wakeup, int64_t timeout_ms) {
    struct timespec until = ebp_timespec(ebp_monotonic_ms() + ebp_poll_timeout(timeout_ms));

    pthread_mutex_lock(&wakeup->mutex);
    while (timeout_ms > 0 && !wakeup->signalled && pthread_cond_timedwait(&wakeup->cond, &wakeup->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&wakeup->mutex);
}

#endif
