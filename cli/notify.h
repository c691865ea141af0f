/* cli/notify.h - tells the service manager, systemd, that a worker is ready, that it is alive, and that it stops; see
 * sd_notify(3). Outside of a service nothing happens. */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "consume/worker_deps.h"

/* Used by one thread, that of the worker's loop. */
struct cli_notify {
    int64_t alive_every_ms, alive_at_ms; /* ebi_ticks_ms; every 0: no watchdog */
    bool told, ready;
    enum ebi_worker_state state; /* the last that was told */
};

void cli_notify_begin(struct cli_notify *);

/* The observer of the worker: arg is the struct cli_notify. The worker is ready when it reaches its broker for the first time. */
void cli_notify_state(void *arg, enum ebi_worker_state);

#endif
