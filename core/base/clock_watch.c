/* core/base/clock_watch.c - see clock_watch.h. */
#include "base/clock_watch.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"

enum { EVERY_MS = 1000, TRIES = 3 };
static const int64_t SET_US = 2000000;    /* a smaller change is a correction: NTP makes slower steps */
static const int64_t TOGETHER_US = 10000; /* two clocks read within this time count as read at once */

bool ebi_clock_watch_look(struct ebi_clock_watch *watch, int64_t wall_us, int64_t boot_us, int64_t *by_us) {
    int64_t is = wall_us - boot_us, was = atomic_load(&watch->offset_us);

    is += is == 0; /* 0 stands for unknown */
    if (was == is || !atomic_compare_exchange_strong(&watch->offset_us, &was, is) || was == 0)
        return false;
    *by_us = is - was;
    return *by_us >= SET_US || *by_us <= -SET_US;
}

/* False: the thread was interrupted each time between the two clocks. */
static bool read_both(int64_t *wall_us, int64_t *boot_us) {
    for (int i = 0; i < TRIES; i++) {
        int64_t before = ebi_boot_us();

        *wall_us = ebi_now_us();
        *boot_us = ebi_boot_us();
        if (*boot_us - before < TOGETHER_US)
            return true;
    }
    return false;
}

void ebi_clock_watch(struct ebi_log *log, int64_t now_ms) {
    static struct ebi_clock_watch watch;
    static _Atomic int64_t next_ms;
    int64_t due = atomic_load_explicit(&next_ms, memory_order_relaxed), wall_us, boot_us, by_us;

    if (now_ms < due || !atomic_compare_exchange_strong(&next_ms, &due, now_ms + EVERY_MS) || !read_both(&wall_us, &boot_us))
        return;
    if (ebi_clock_watch_look(&watch, wall_us, boot_us, &by_us))
        ebi_log_line(
            log, EBI_WARNING,
            "the wall clock was set %" PRId64 ".%03" PRId64 " s %s; waits, retries and leases go by another clock, but "
            "the times of events sent from now on follow it",
            (by_us < 0 ? -by_us : by_us) / 1000000, (by_us < 0 ? -by_us : by_us) / 1000 % 1000, by_us < 0 ? "back" : "ahead");
}
