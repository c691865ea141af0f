/* eventbus/plugin-help/threads.h - threads, signals and descriptors of a plugin, in a process that belongs to somebody else.
 *
 * All signals are blocked while the host calls an op, SIGPIPE too, and a thread that is started in an op inherits that. What
 * runs elsewhere, such as a client library's own threads or a constructor's, has to take care of itself: a signal that is
 * delivered there runs the service's handler at a bad time, and SIGPIPE ends the process. Descriptors without close-on-exec
 * stay open in every command that the service starts, and keep the broker's connection open after it. */
#ifndef EBP_THREADS_H
#define EBP_THREADS_H

#include <eventbus/plugin-help/base.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>

/* ---- Signals ---- */

struct ebp_signals {
    sigset_t mask;     /* what was blocked before */
    bool pipe_pending; /* SIGPIPE waited to be delivered before */
};

/* Blocks all signals in this thread, around a call that starts threads or may write to a broken connection. */
static inline void ebp_signals_block(struct ebp_signals *before) {
    sigset_t all, pending;

    sigfillset(&all);
    before->pipe_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_SETMASK, &all, &before->mask);
}

/* In the same thread: unblocks what ebp_signals_block has blocked. A SIGPIPE that came between the two is taken away, so that
 * it does not end the process now. errno stays as it is. */
static inline void ebp_signals_restore(const struct ebp_signals *before) {
    static const struct timespec at_once = { 0, 0 };
    int number = errno;
    sigset_t pipe_alone;

    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    while (!before->pipe_pending && sigtimedwait(&pipe_alone, NULL, &at_once) < 0 && errno == EINTR)
        continue;
    pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
    errno = number;
}

/* Sends to a socket without SIGPIPE, from any thread: as send(2), which sets errno to EPIPE if nobody reads. */
static inline ssize_t ebp_socket_send(int fd, const void *data, size_t len) {
    return send(fd, data, len, MSG_NOSIGNAL);
}

/* ---- Threads ---- */

/* Starts a thread that has all signals blocked, from any thread, to be joined by the plugin before its close returns. `name`
 * (15 bytes of it, NULL: none) is what tools such as top show. Returns 0, or an errno. */
static inline int ebp_thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name) {
    struct ebp_signals before;
    int failed;

    ebp_signals_block(&before);
    failed = pthread_create(thread, NULL, run, arg);
#ifdef _GNU_SOURCE
    if (!failed && name) {
        char shown[16];
        size_t len = 0;

        while (len < sizeof shown - 1 && name[len]) {
            shown[len] = name[len];
            len++;
        }
        shown[len] = 0;
        pthread_setname_np(*thread, shown);
    }
#else
    (void)name; /* a strict C library does not declare what names a thread */
#endif
    ebp_signals_restore(&before);
    return failed;
}

/* ---- Descriptors ---- */

/* Makes a descriptor close-on-exec. Returns false if it is not open; errno says why. Better is to open it so, by O_CLOEXEC,
 * SOCK_CLOEXEC and the like: a command that the service starts in between inherits it. */
static inline bool ebp_set_cloexec(int fd) {
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && (flags & FD_CLOEXEC || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0);
}

/* For a client library that opens descriptors without close-on-exec and gives them to nobody: those of a kind that one call
 * has opened are found as those that were not there before.
 *
 *     struct ebp_descriptors before;
 *
 *     ebp_descriptors_list(&before, is_pair_of_curl);
 *     multi = curl_multi_init();
 *     ebp_descriptors_close_on_exec(&before, is_pair_of_curl);
 *
 * `matches` returns whether a descriptor is of that kind. It should be narrow: another thread may open descriptors at the
 * same time, which the service may want to be inherited. */
enum { EBP_DESCRIPTORS_MAX = 256 }; /* of that kind in the whole process; with more, none is changed */

struct ebp_descriptors {
    int fd[EBP_DESCRIPTORS_MAX];
    size_t n;
};

/* Any thread. Lists the open descriptors that match and have no close-on-exec. */
static inline void ebp_descriptors_list(struct ebp_descriptors *list, bool (*matches)(int fd)) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    list->n = 0;
    while (dir && list->n < EBP_DESCRIPTORS_MAX && (entry = readdir(dir))) {
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
        int flags = fd < 0 ? -1 : fcntl(fd, F_GETFD);

        if (flags >= 0 && !(flags & FD_CLOEXEC) && matches(fd))
            list->fd[list->n++] = fd;
    }
    if (dir)
        closedir(dir);
}

/* Any thread. Makes those close-on-exec that match and are not in the list. */
static inline void ebp_descriptors_close_on_exec(const struct ebp_descriptors *before, bool (*matches)(int fd)) {
    struct ebp_descriptors after;

    ebp_descriptors_list(&after, matches);
    for (size_t i = 0; before->n < EBP_DESCRIPTORS_MAX && i < after.n; i++) {
        size_t k = 0;

        while (k < before->n && before->fd[k] != after.fd[i])
            k++;
        if (k == before->n)
            ebp_set_cloexec(after.fd[i]);
    }
}

#endif
