/* plugins/common/wakeup.c - see wakeup.h. */
#include "wakeup.h"

#include <assert.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

bool ebp_wakeup_open(struct ebp_wakeup *wakeup) {
    atomic_init(&wakeup->signalled, false);
    wakeup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wakeup->fd >= 0;
}

void ebp_wakeup_close(struct ebp_wakeup *wakeup) {
    if (wakeup->fd >= 0)
        close(wakeup->fd);
    wakeup->fd = -1;
}

void ebp_wakeup_signal(struct ebp_wakeup *wakeup) {
    if (!atomic_exchange(&wakeup->signalled, true))
        eventfd_write(wakeup->fd, 1); /* fails only when its counter is full: it is readable then */
}

/* A signal between the two steps is seen by the wait, which looks at `signalled` first. If the signalling thread has not
 * written yet, its late write makes one wait too short, and that wait reads it. */
bool ebp_wakeup_take(struct ebp_wakeup *wakeup) {
    eventfd_t count;
    bool signalled = atomic_exchange(&wakeup->signalled, false);

    if (signalled)
        eventfd_read(wakeup->fd, &count);
    return signalled;
}

void ebp_wakeup_wait(struct ebp_wakeup *wakeup, const struct pollfd *others, unsigned n, int64_t timeout_ms) {
    struct pollfd all[EBP_WAKEUP_OTHERS + 1] = { { .fd = wakeup->fd, .events = POLLIN } };
    eventfd_t count;

    assert(n <= EBP_WAKEUP_OTHERS);
    for (unsigned i = 0; i < n; i++)
        all[i + 1] = others[i];
    if (timeout_ms <= 0 || atomic_load(&wakeup->signalled) || poll(all, n + 1, ebp_poll_timeout(timeout_ms)) <= 0)
        return;
    /* A late write (see ebp_wakeup_take) would make every wait from here on too short. A thread that signals just now has
     * set `signalled`, at which the next wait looks. */
    if (all[0].revents && !atomic_load(&wakeup->signalled))
        eventfd_read(wakeup->fd, &count);
}
