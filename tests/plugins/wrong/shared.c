/* tests/plugins/wrong/shared.c - the broker's file: one lock, memory that only grows, and waiting across processes. */
#include "wrong.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS ((void *)0x7e9000000000) /* free with and without sanitizers; pointers in the file count from here */
#define ROOM ((size_t)1 << 30)           /* the file is sparse */
#define MAGIC UINT64_C(0x77726f6e67000001)

struct broker *broker;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

int32_t wrong_error(struct eb_error *err, int32_t status, const char *format, ...) {
    va_list args;

    if (!err)
        return status;
    *err = (struct eb_error){ .status = status, .kind = EB_KIND_BROKER };
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

static void begin(struct broker *fresh) {
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&fresh->lock, &attr);
    fresh->unused = (char *)fresh + 4096;
    fresh->magic = MAGIC;
}

static int32_t map_file(const char *path, struct eb_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct broker *map = MAP_FAILED;

    if (fd >= 0 && flock(fd, LOCK_EX) == 0 && ftruncate(fd, (off_t)ROOM) == 0)
        map = mmap(ADDRESS, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
    if (map != MAP_FAILED && map->magic != MAGIC)
        begin(map);
    if (map != MAP_FAILED)
        broker = map;
    else
        wrong_error(err, EB_PERMANENT, "cannot map %s: %s", path, strerror(errno));
    if (fd >= 0) {
        flock(fd, LOCK_UN); /* the mapping would keep it */
        close(fd);
    }
    return map != MAP_FAILED ? EB_OK : EB_PERMANENT;
}

int32_t wrong_open(const struct settings *settings, struct eb_error *err) {
    int32_t status = EB_OK;

    pthread_mutex_lock(&opening);
    if (!broker)
        status = map_file(settings->path, err);
    pthread_mutex_unlock(&opening);
    return status;
}

void wrong_lock(void) {
    if (pthread_mutex_lock(&broker->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&broker->lock); /* each change is one that may end anywhere */
}

void wrong_unlock(void) {
    pthread_mutex_unlock(&broker->lock);
}

void *wrong_alloc(size_t size) {
    char *memory = broker->unused;

    broker->unused += (size + 15) / 16 * 16;
    if (broker->unused > (char *)broker + ROOM)
        abort(); /* more than a test of the kit stores */
    return memory;
}

int64_t wrong_now_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* ---- waiting, and what ends it ---- */

void wrong_notify(void) {
    broker->changed++;
    syscall(SYS_futex, &broker->changed, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void wrong_wake(struct waiter *waiter) {
    wrong_lock();
    waiter->woken = !is("loses-wake") || waiter->waiting;
    waiter->ever = true;
    if (!is("wakes-the-next-only"))
        wrong_notify();
    wrong_unlock();
}

bool wrong_wait(struct waiter *waiter, int64_t end_ms) {
    uint32_t seen = broker->changed;
    int64_t left_ms = end_ms - wrong_now_ms(CLOCK_MONOTONIC);
    struct timespec left = { left_ms / 1000, left_ms % 1000 * 1000000 };

    if (left_ms <= 0)
        return false;
    waiter->waiting = true;
    wrong_unlock();
    syscall(SYS_futex, &broker->changed, FUTEX_WAIT, seen, &left, NULL, 0);
    wrong_lock();
    waiter->waiting = false;
    return wrong_now_ms(CLOCK_MONOTONIC) < end_ms;
}
