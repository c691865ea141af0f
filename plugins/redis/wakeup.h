/* plugins/redis/wakeup.h - what wake rings from any thread, and polls wait for beside their sockets. */
#ifndef RD_WAKEUP_H
#define RD_WAKEUP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct rd_bell {
    int fd;
};

bool rd_bell_open(struct rd_bell *);
void rd_bell_close(struct rd_bell *);

/* From any thread; remembered until taken. */
void rd_bell_ring(struct rd_bell *);

/* Whether it was rung since the last time; forgets it. */
bool rd_bell_take(struct rd_bell *);

/* Waits for the bell or one of these descriptors (-1: none), until the time has come. */
void rd_bell_wait(struct rd_bell *, const struct pollfd *others, unsigned n, int64_t until_ms);

#endif
