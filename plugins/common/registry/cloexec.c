/* plugins/common/registry/cloexec.c - see cloexec.h. libcurl reports the descriptors of that pair to nobody, so they are
 * found as those that the call has opened: a socket pair that does not block. */
#include "cloexec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { ENDS_MAX = 256 }; /* sockets of that kind in the whole process; with more, none is changed */

struct ends {
    int fd[ENDS_MAX];
    size_t n;
};

/* Whether it is a connected socket of this process alone, as socketpair makes it, that does not block and that a child would
 * inherit. */
static bool is_open_end(int fd) {
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);

    return flags >= 0 && !(flags & FD_CLOEXEC) && mode >= 0 && mode & O_NONBLOCK &&
           getpeername(fd, (struct sockaddr *)&name, &len) == 0 && name.ss_family == AF_UNIX && len <= sizeof name.ss_family;
}

static void find_open_ends(struct ends *ends) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    ends->n = 0;
    while (dir && ends->n < ENDS_MAX && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && is_open_end(atoi(entry->d_name)))
            ends->fd[ends->n++] = atoi(entry->d_name);
    if (dir)
        closedir(dir);
}

static bool contains(const struct ends *ends, int fd) {
    for (size_t i = 0; i < ends->n; i++)
        if (ends->fd[i] == fd)
            return true;
    return false;
}

CURLM *sr_multi_init(void) {
    struct ends before, after;

    find_open_ends(&before);
    CURLM *multi = curl_multi_init();
    find_open_ends(&after);
    for (size_t i = 0; before.n < ENDS_MAX && i < after.n; i++)
        if (!contains(&before, after.fd[i]))
            fcntl(after.fd[i], F_SETFD, FD_CLOEXEC);
    return multi;
}
