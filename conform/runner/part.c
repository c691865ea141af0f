/* conform/runner/part.c - other processes of a case: this program started again at a function of the case. */
#include "inner.h"

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

struct ebc_part {
    struct ebc *t;
    pid_t pid;                      /* 0: waited for */
    int fd;                         /* what it says */
    char heard[4096];
    size_t n_heard;
};

/* The arguments of this process, but for the part. */
static char **arguments(struct ebc *t, const char *name) {
    size_t n = 0;
    char **argv;

    while (t->argv[n])
        n++;
    argv = ebc_alloc(t, (n + 1) * sizeof *argv);
    memcpy(argv, t->argv, n * sizeof *argv);
    argv[t->first_word + EBC_W_PART] = ebc_text(t, "%s", name);
    argv[t->first_word + EBC_W_SLOT] = ebc_text(t, "%u", t->n_parts);
    return argv;
}

/* Between fork and exec: result and page stay where they are, the pipe comes beside them. */
static void become(char *const *argv, int say) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(say, EBC_FD_SAY) < 0 || fcntl(EBC_FD_RESULT, F_SETFD, 0) < 0 || fcntl(EBC_FD_PAGE, F_SETFD, 0) < 0)
        _exit(71);
    execv("/proc/self/exe", argv);
    _exit(71);
}

static void no_process(struct ebc *t, const char *what) {
    ebc_skip(t, "cannot %s on this machine: %s", what, strerror(errno));
}

struct ebc_part *ebc_start(struct ebc *t, const char *name) {
    struct ebc_part *part = ebc_alloc(t, sizeof *part);
    char **argv;
    int ends[2];

    if (++t->n_parts >= EBC_SLOTS)
        ebc_skip(t, "the case starts more than %d parts", EBC_SLOTS - 1);
    argv = arguments(t, name);
    if (pipe2(ends, O_CLOEXEC) < 0)
        no_process(t, "make a pipe");
    fcntl(ends[1], F_SETPIPE_SZ, 4096);     /* a part cannot run far ahead of what was heard of it */
    part->t = t;
    part->fd = ends[0];
    part->pid = fork();
    if (part->pid < 0)
        no_process(t, "start a process");
    if (part->pid == 0)
        become(argv, ends[1]);
    close(ends[1]);
    return part;
}

void ebc_say(struct ebc *t, const char *format, ...) {
    char line[200];
    va_list args;
    int len;

    (void)t;
    va_start(args, format);
    len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (len >= (int)sizeof line - 1)
        len = (int)sizeof line - 2;
    line[len] = '\n';
    if (write(EBC_FD_SAY, line, (size_t)len + 1) < 0)
        _exit(0);                       /* nobody listens any more */
}

/* The first line of what was read so far, if it is whole. */
static bool cut_line(struct ebc_part *part, char line[200]) {
    char *end = memchr(part->heard, '\n', part->n_heard);
    size_t len = end ? (size_t)(end - part->heard) : 0;

    if (!end || len >= 200)
        return false;
    memcpy(line, part->heard, len);
    line[len] = '\0';
    part->n_heard -= len + 1;
    memmove(part->heard, end + 1, part->n_heard);
    return true;
}

bool ebc_hear(struct ebc_part *part, char line[200], int64_t timeout_ms) {
    int64_t end = ebc_ticks_ms() + timeout_ms, left;

    while (!cut_line(part, line)) {
        struct pollfd ready = { part->fd, POLLIN, 0 };
        ssize_t n;

        left = end - ebc_ticks_ms();
        if (poll(&ready, 1, left > 0 ? (int)left : 0) <= 0)
            return false;
        n = read(part->fd, part->heard + part->n_heard, sizeof part->heard - part->n_heard);
        if (n <= 0)
            return false;
        part->n_heard += (size_t)n;
    }
    return true;
}

void ebc_kill(struct ebc_part *part) {
    if (part->pid <= 0)
        return;
    kill(part->pid, SIGKILL);
    while (waitpid(part->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    part->pid = 0;
}

void ebc_sleep(void) {
    raise(SIGSTOP);
}

void ebc_await_sleep(struct ebc_part *part) {
    int status;

    while (waitpid(part->pid, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (!WIFSTOPPED(status))
        part->pid = 0;              /* it has ended, and told why */
}

void ebc_wake_part(struct ebc_part *part) {
    if (part->pid > 0)
        kill(part->pid, SIGCONT);
}
