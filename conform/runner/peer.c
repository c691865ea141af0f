/* conform/runner/peer.c - starts other processes of a case: this program again, at an entry of the case. */
#include "runner/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct ebc_peer {
    struct ebc_test *t;
    unsigned number;
    pid_t pid; /* 0: it has ended and was waited for */
    int fd;    /* the pipe that it writes lines to */
    char read[4096];
    size_t n_read;
};

/* The arguments of this process, with the peer's name and number. */
static char **arguments(struct ebc_test *t, const char *name) {
    const struct ebc_child *child = ebc_child_of(t);
    size_t n = 0;
    char **argv;

    while (child->argv[n])
        n++;
    argv = ebc_alloc(t, (n + 1) * sizeof *argv);
    memcpy(argv, child->argv, n * sizeof *argv);
    argv[EBC_W_PEER] = ebc_format(t, "%s", name);
    argv[EBC_W_NUMBER] = ebc_format(t, "%u", child->n_peers);
    return argv;
}

/* A descriptor under a number that the program inherits. Between fork and exec. */
static void pass(int fd, int number) {
    if (fd == number ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, number) < 0)
        _exit(71);
}

/* Runs between fork and exec: result, page and the pipe go where the program looks for them. */
static void become(const struct ebc_child *child, const char *path, char *const *argv, int say) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pass(child->result, EBC_FD_RESULT);
    pass(child->page_fd, EBC_FD_PAGE);
    pass(say, EBC_FD_PEER);
    ebc_program_exec(path, argv);
    _exit(71);
}

static void no_process(struct ebc_test *t, const char *what) {
    ebc_skip(t, "cannot %s on this machine: %s", what, strerror(errno));
}

struct ebc_peer *ebc_peer_start(struct ebc_test *t, const char *name) {
    struct ebc_peer *peer = ebc_alloc(t, sizeof *peer);
    const char *path = ebc_program_path();
    char **argv;
    int ends[2], say;

    if (!ebc_main_was_called())
        ebc_skip(t, "the case starts other processes of this program, which must call eb_conform_main first in main for that");
    if (++ebc_child_of(t)->n_peers >= EBC_MOST_PROCESSES)
        ebc_skip(t, "the case starts more than %d processes", EBC_MOST_PROCESSES - 1);
    argv = arguments(t, name);
    if (pipe2(ends, O_CLOEXEC) < 0)
        no_process(t, "make a pipe");
    fcntl(ends[1], F_SETPIPE_SZ, 4096);                               /* a peer cannot run far ahead of what was read of it */
    if ((say = fcntl(ends[1], F_DUPFD_CLOEXEC, EBC_FD_PEER + 1)) < 0) /* above those of the peer */
        no_process(t, "make a pipe");
    close(ends[1]);
    peer->t = t;
    peer->fd = ends[0];
    peer->pid = fork();
    if (peer->pid < 0)
        no_process(t, "start a process");
    if (peer->pid == 0)
        become(ebc_child_of(t), path, argv, say);
    close(say);
    peer->number = ebc_child_of(t)->n_peers;
    ebc_child_of(t)->peers[peer->number] = peer->pid;
    return peer;
}

void ebc_peer_say(const char *format, ...) {
    char line[200];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (len >= (int)sizeof line - 1)
        len = (int)sizeof line - 2;
    line[len] = '\n';
    if (write(EBC_FD_PEER, line, (size_t)len + 1) < 0)
        _exit(0); /* the case is gone */
}

/* Takes the first line of what was read so far. Returns false when no line is complete. */
static bool cut_line(struct ebc_peer *peer, char line[200]) {
    char *end = memchr(peer->read, '\n', peer->n_read);
    size_t len = end ? (size_t)(end - peer->read) : 0;

    if (!end || len >= 200)
        return false;
    memcpy(line, peer->read, len);
    line[len] = '\0';
    peer->n_read -= len + 1;
    memmove(peer->read, end + 1, peer->n_read);
    return true;
}

bool ebc_peer_read_line(struct ebc_peer *peer, char line[200], int64_t timeout_ms) {
    int64_t end = ebc_monotonic_ms() + timeout_ms, left;

    while (!cut_line(peer, line)) {
        struct pollfd ready = { peer->fd, POLLIN, 0 };
        ssize_t n;

        left = end - ebc_monotonic_ms();
        if (poll(&ready, 1, left > 0 ? (int)left : 0) <= 0)
            return false;
        n = read(peer->fd, peer->read + peer->n_read, sizeof peer->read - peer->n_read);
        if (n <= 0)
            return false;
        peer->n_read += (size_t)n;
    }
    return true;
}

void ebc_peer_kill(struct ebc_peer *peer) {
    if (peer->pid <= 0)
        return;
    kill(peer->pid, SIGKILL);
    while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    ebc_child_of(peer->t)->peers[peer->number] = peer->pid = 0;
}

void ebc_peer_stop_itself(void) {
    raise(SIGSTOP);
}

void ebc_peer_await_stop(struct ebc_peer *peer) {
    int status;

    while (waitpid(peer->pid, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (!WIFSTOPPED(status))
        ebc_child_of(peer->t)->peers[peer->number] = peer->pid = 0; /* it has ended, and its last line says why */
}

void ebc_peer_continue(struct ebc_peer *peer) {
    if (peer->pid > 0)
        kill(peer->pid, SIGCONT);
}
