/* conform/runner/channels.c - what a process of the kit shares with the runner, and how this program is started again. */
#include "runner/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ABOVE_ALL_OF_A_CHILD = 20, PIPE_BYTES = 1 << 20 };

/* Moves a descriptor above all numbers that a child uses. */
static int moved_up(int fd) {
    int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_ALL_OF_A_CHILD);

    if (fd >= 0)
        close(fd);
    return up;
}

struct ebc_shared_page *ebc_page_map(int fd) {
    void *page = mmap(NULL, sizeof(struct ebc_shared_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return page == MAP_FAILED ? NULL : page;
}

bool ebc_channels_open(struct ebc_channels *channels) {
    int ends[2] = { -1, -1 };

    *channels = (struct ebc_channels){ .to_runner = -1, .from_case = -1 };
    channels->page_fd = moved_up(memfd_create("eventbus-conform", MFD_CLOEXEC));
    if (channels->page_fd < 0 || ftruncate(channels->page_fd, sizeof *channels->page) < 0)
        return false;
    channels->page = ebc_page_map(channels->page_fd);
    if (!channels->page || pipe2(ends, O_CLOEXEC) < 0)
        return false;
    channels->from_case = moved_up(ends[0]);
    channels->to_runner = moved_up(ends[1]);
    if (channels->to_runner >= 0)
        fcntl(channels->to_runner, F_SETPIPE_SZ, PIPE_BYTES); /* a case in this process writes all before any is read */
    return channels->from_case >= 0 && channels->to_runner >= 0;
}

void ebc_channels_close(struct ebc_channels *channels) {
    const int fds[] = { channels->to_runner, channels->from_case, channels->page_fd };

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (channels->page)
        munmap(channels->page, sizeof *channels->page);
}

/* ---- this program ---- */

/* The link leads a program under valgrind to the program, and not to valgrind. */
const char *ebc_program_path(void) {
    static char path[4096];
    ssize_t n = path[0] ? 0 : readlink("/proc/self/exe", path, sizeof path - 1);

    if (n < 0)
        path[0] = '\0';
    return path;
}

void ebc_program_exec(const char *path, char *const *argv) {
    execv(path, argv);
    execv("/proc/self/exe", argv); /* the file has been replaced or removed */
}
