/* plugins/sqlite/store/clock.c - see clock.h. */
#include "store/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t read_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sq_ticks_ms(void) {
    return read_ms(CLOCK_MONOTONIC);
}

int64_t sq_wall_ms(void) {
    return read_ms(CLOCK_REALTIME);
}

void sq_boot_name(char name[SQ_BOOT_ROOM]) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char id[40] = "";
    struct stat space;
    ssize_t len = fd < 0 ? 0 : read(fd, id, sizeof id - 1);

    if (fd >= 0)
        close(fd);
    id[len < 0 ? 0 : len] = '\0';
    id[strcspn(id, "\n")] = '\0';
    if (stat("/proc/self/ns/time", &space) != 0)
        space.st_ino = 0;                               /* a kernel before 5.6 has none but the one */
    snprintf(name, SQ_BOOT_ROOM, "%s%s%.20ju", id, *id ? "/" : "", (uintmax_t)space.st_ino);
    if (!*id)
        *name = '\0';
}
