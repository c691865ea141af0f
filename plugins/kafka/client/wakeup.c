/* plugins/kafka/client/wakeup.c - see wakeup.h. */
#include "wakeup.h"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int64_t kf_ticks_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

bool kf_bell_open(struct kf_bell *bell) {
    atomic_init(&bell->rung, false);
    atomic_init(&bell->woken, false);
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell->fd >= 0;
}

void kf_bell_close(struct kf_bell *bell) {
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
}

/* Only the first ring since the last take costs a call of the kernel. */
void kf_bell_ring(struct kf_bell *bell) {
    uint64_t one = 1;

    if (!atomic_exchange(&bell->rung, true) && write(bell->fd, &one, sizeof one) < 0)
        return;                 /* its counter is full: it is readable */
}

void kf_bell_wake(struct kf_bell *bell) {
    atomic_store(&bell->woken, true);
    kf_bell_ring(bell);
}

/* A ring between the two steps is seen by the wait, which looks at `rung` first. */
void kf_bell_take(struct kf_bell *bell) {
    uint64_t count;

    if (atomic_exchange(&bell->rung, false) && read(bell->fd, &count, sizeof count) < 0)
        return;                 /* the ringer has not written yet: that comes as one wait too short, which takes it */
}

bool kf_bell_take_wake(struct kf_bell *bell) {
    return atomic_exchange(&bell->woken, false);
}

void kf_bell_wait(struct kf_bell *bell, int other, int64_t until_ms) {
    struct pollfd fds[2] = { { .fd = bell->fd, .events = POLLIN }, { .fd = other, .events = POLLIN } };
    int64_t left = until_ms - kf_ticks_ms();

    if (left <= 0 || atomic_load(&bell->rung) || poll(fds, 2, left < INT_MAX ? (int)left : INT_MAX) <= 0)
        return;
    /* Written late, by one whose ring was taken before: else all waits from here on would be too short. One that rings just
     * now has set `rung`, which the next wait looks at. */
    uint64_t count;
    if (fds[0].revents && !atomic_load(&bell->rung) && read(bell->fd, &count, sizeof count) < 0)
        return;
}
