/* cli/notify.c - see notify.h. */
#include "cli/notify.h"

#include "base/clock.h"

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

/* The time between two signs of life may be twice as long. */
void cli_notify_begin(struct cli_notify *notify) {
    uint64_t watchdog_us = 0;

    *notify = (struct cli_notify){ 0 };
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        notify->alive_every_ms = (int64_t)(watchdog_us / 2000);
}

static const char *message_of(struct cli_notify *notify, enum ebi_worker_state state) {
    if (state == EBI_WORKER_CONNECTING)
        return "STATUS=The broker is not reached.";
    if (state == EBI_WORKER_DRAINING)
        return "STOPPING=1\nSTATUS=The worker finishes the events at work.";
    if (notify->ready)
        return "STATUS=The worker receives events.";
    notify->ready = true;
    return "READY=1\nSTATUS=The worker receives events.";
}

void cli_notify_state(void *arg, enum ebi_worker_state state) {
    struct cli_notify *notify = arg;
    int64_t now = ebi_ticks_ms();

    if (!notify->told || state != notify->state)
        sd_notify(0, message_of(notify, state));
    notify->told = true;
    notify->state = state;
    if (notify->alive_every_ms == 0 || now < notify->alive_at_ms)
        return;
    sd_notify(0, "WATCHDOG=1");
    notify->alive_at_ms = now + notify->alive_every_ms;
}

#else

void cli_notify_begin(struct cli_notify *notify) {
    *notify = (struct cli_notify){ 0 };
}

void cli_notify_state(void *arg, enum ebi_worker_state state) {
    (void)arg;
    (void)state;
}

#endif
