/* tests/process/moved_clock.c - LD_PRELOAD this, and the process's wall clock is off by as many ms as the first 8 bytes of
 * the file $MOVED_CLOCK say, at every moment anew, in waits of C11's condition variables too; no other clock is. Not libfaketime: that moves other clocks too unless
 * told otherwise, wraps waits and locks of its own, and would be one more package that `make check` needs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *by_ms;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MOVED_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *by_ms, PROT_READ, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        abort(); /* a test that silently tests nothing is worse */
    by_ms = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int64_t ns;

    if (syscall(SYS_clock_gettime, clock, now) != 0)
        return -1;
    if ((clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || !by_ms)
        return 0;
    ns = now->tv_nsec + *by_ms % 1000 * 1000000;
    now->tv_sec += *by_ms / 1000 + (ns >= 1000000000) - (ns < 0);
    now->tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec at;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (into)
        *into = at.tv_sec;
    return at.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

/* These wait by the wall clock (librdkafka does), so a clock that is set makes a wait longer or shorter. */
int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
    int (*wait)(cnd_t *, mtx_t *, const struct timespec *) = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(
        RTLD_NEXT, "cnd_timedwait");

    for (;;) {
        struct timespec real, now;
        int64_t left_ns;
        int result;

        clock_gettime(CLOCK_REALTIME, &now);
        left_ns = (int64_t)(until->tv_sec - now.tv_sec) * 1000000000 + until->tv_nsec - now.tv_nsec;
        if (left_ns > 20000000)
            left_ns = 20000000;
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
        real.tv_nsec += left_ns > 0 ? left_ns : 0;
        real.tv_sec += real.tv_nsec / 1000000000;
        real.tv_nsec %= 1000000000;
        result = wait(cond, mutex, &real);
        if (result != thrd_timedout || left_ns <= 0)
            return result;
        clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec))
            return result;
    }
}
