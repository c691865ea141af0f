/* plugins/kafka/client/cloexec.c - see cloexec.h. */
#include "cloexec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <eventbus/plugin-help/threads.h>

enum { MOST = 4096 };

struct end {
    ino_t pipe;
    int fd, mode;
};

/* Whether fd is the end of a pipe that does not block and that a child would inherit. */
static bool is_open_end(int fd, struct end *end) {
    struct stat about;
    int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);

    if (flags < 0 || flags & FD_CLOEXEC || mode < 0 || !(mode & O_NONBLOCK) || fstat(fd, &about) != 0 ||
        !S_ISFIFO(about.st_mode))
        return false;
    *end = (struct end){ about.st_ino, fd, mode & O_ACCMODE };
    return true;
}

static int by_pipe(const void *a, const void *b) {
    const struct end *one = a, *other = b;

    return (one->pipe > other->pipe) - (one->pipe < other->pipe);
}

void kf_set_cloexec_on_pipes(void) {
    struct end *ends = malloc(MOST * sizeof *ends);
    DIR *dir = ends ? opendir("/proc/self/fd") : NULL;
    struct dirent *entry;
    size_t n = 0;

    while (dir && n < MOST && (entry = readdir(dir)))
        n += entry->d_name[0] != '.' && is_open_end(atoi(entry->d_name), &ends[n]);
    if (dir)
        closedir(dir);
    if (n)
        qsort(ends, n, sizeof *ends, by_pipe);
    for (size_t i = 0; i + 1 < n; i++)
        if (ends[i].pipe == ends[i + 1].pipe && ends[i].mode != ends[i + 1].mode) {
            ebp_set_cloexec(ends[i].fd);
            ebp_set_cloexec(ends[i + 1].fd);
        }
    free(ends);
}
