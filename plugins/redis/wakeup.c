/* plugins/redis/wakeup.c - see wakeup.h. */
#include "wakeup.h"

#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

enum { OTHERS = 2 };

bool rd_bell_open(struct rd_bell *bell) {
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell->fd >= 0;
}

void rd_bell_close(struct rd_bell *bell) {
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
}

/* It cannot fail but when it has been rung 2^64 times. */
void rd_bell_ring(struct rd_bell *bell) {
    eventfd_write(bell->fd, 1);
}

bool rd_bell_take(struct rd_bell *bell) {
    eventfd_t times;

    return eventfd_read(bell->fd, &times) == 0;
}

void rd_bell_wait(struct rd_bell *bell, const struct pollfd *others, unsigned n, int64_t until_ms) {
    struct pollfd all[OTHERS + 1] = { { .fd = bell->fd, .events = POLLIN } };
    int64_t left_ms = until_ms - rd_ticks_ms();

    for (unsigned i = 0; i < n && i < OTHERS; i++)
        all[i + 1] = others[i];
    poll(all, n + 1, left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms);
}
