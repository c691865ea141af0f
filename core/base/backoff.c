/* core/base/backoff.c - how long to wait before the next try: see backoff.h. */
#include "base/backoff.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t doubled(int64_t first, uint32_t times, int64_t max) {
    if (first <= 0 || max <= 0)
        return 0;
    if (times >= 63 || first > max >> times) /* compared shifted down: nothing can overflow */
        return max;
    return first << times;
}

int64_t ebi_backoff_wait(const struct ebi_backoff *backoff, uint32_t retry, uint64_t chance) {
    int64_t wait = doubled(backoff->first_ms, retry ? retry - 1 : 0, backoff->max_ms);
    double off = (double)wait * backoff->jitter * ((double)chance / (double)UINT64_MAX);

    if (!(off > 0)) /* a jitter that is not a number counts as 0 */
        return wait;
    return off < (double)wait ? wait - (int64_t)off : 0;
}

/* Spreads the bits of a number over all of it (the finalizer of splitmix64). */
static uint64_t spread(uint64_t bits) {
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* A number for a machine whose kernel gives no random ones: it differs by process, by moment and by call. */
static uint64_t chance_of_the_moment(void) {
    static _Atomic uint64_t calls;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t moment = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;

    return spread(spread(moment) ^ spread((uint64_t)getpid() << 32) ^ ++calls);
}

/* Reads from the kernel each time: a generator in this process would give a forked child its parent's numbers. */
uint64_t ebi_chance(void) {
    uint64_t chance;

    if (getentropy(&chance, sizeof chance) == 0)
        return chance;
    return chance_of_the_moment();
}
