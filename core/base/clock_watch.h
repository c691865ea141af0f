/* core/base/clock_watch.h - notices that the wall clock was set while the process runs. Nothing waits by that clock; the
 * operator is told because the times of events, and points in time that users give, follow it. */
#ifndef EBI_CLOCK_WATCH_H
#define EBI_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* How much the wall clock differs from the machine's time since its start: this changes only where the clock is set. */
struct ebi_clock_watch {
    _Atomic int64_t offset_us; /* 0: not known yet */
};

/* True: the clock was set by `by_us` (ahead: positive) since the last call; a slow correction does not count. Any thread; each change is
 * reported to one caller. */
bool ebi_clock_watch_look(struct ebi_clock_watch *, int64_t wall_us, int64_t boot_us, int64_t *by_us);

/* Looks at most once a second for the whole process, whoever asks, and logs a warning when the clock was set. Cheap enough for
 * every turn of a loop; now_ms: ebi_ticks_ms. Any thread. */
void ebi_clock_watch(struct ebi_log *, int64_t now_ms);

#endif
