/* plugins/common/registry/cloexec.c - see cloexec.h. libcurl tells nobody the numbers of that pair: they are what has come
 * during the call, as a socket pair that does not block. */
#include "cloexec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { MOST = 256 };            /* sockets of that kind in the whole process; more are left as they are */

struct ends {
    int fd[MOST];
    size_t n;
};

/* A connected socket of this process alone, as socketpair makes it, that does not block and that a child would inherit. */
static bool is_open_end(int fd) {
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);

    return flags >= 0 && !(flags & FD_CLOEXEC) && mode >= 0 && mode & O_NONBLOCK &&
           getpeername(fd, (struct sockaddr *)&name, &len) == 0 && name.ss_family == AF_UNIX &&
           len <= sizeof name.ss_family;
}

static void look(struct ends *ends) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    ends->n = 0;
    while (dir && ends->n < MOST && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && is_open_end(atoi(entry->d_name)))
            ends->fd[ends->n++] = atoi(entry->d_name);
    if (dir)
        closedir(dir);
}

static bool has(const struct ends *ends, int fd) {
    for (size_t i = 0; i < ends->n; i++)
        if (ends->fd[i] == fd)
            return true;
    return false;
}

CURLM *sr_multi_init(void) {
    struct ends before, after;

    look(&before);
    CURLM *multi = curl_multi_init();
    look(&after);
    for (size_t i = 0; before.n < MOST && i < after.n; i++)
        if (!has(&before, after.fd[i]))
            fcntl(after.fd[i], F_SETFD, FD_CLOEXEC);
    return multi;
}
