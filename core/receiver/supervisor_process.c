/* core/receiver/supervisor_process.c - the process behind supervisor.h.
 *
 * It is a fork of a process that may have many threads, without an exec: locks of the C library may be held for ever, so
 * all of this calls async-signal-safe functions only, and allocates nothing. It is single-threaded; its statics are its own. */
#include "receiver/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_RUNS = 1024,      /* what `concurrency` allows */
    MOST_FDS = 3,          /* of one request: the socket for the report, standard input, standard error */
    MOST_CLOSED = 1 << 16, /* descriptors that are closed one by one where close_range is missing */
    PARENT_CHECK_MS = 1000 /* how often to look for the parent where there are no pidfds */
};

struct run {
    pid_t pid;
    int report;
    bool ending;        /* it got SIGTERM */
    int64_t kill_at_ms; /* when it gets SIGKILL; INT64_MAX: it got it */
};

static struct run runs[MOST_RUNS];
static size_t n_runs;
static volatile int exec_errno; /* written by a run before its exec: it shares our memory until then */

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- One run ---- */

static void report(int fd, int what, int value) {
    struct ebi_run_report report = { .what = what, .value = value };

    send(fd, &report, sizeof report, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* Runs between vfork and exec. */
static void become(const char *command, int in, int error) {
    char *const argv[] = { "sh", "-c", (char *)command, EBI_COMMAND_NAME, NULL };
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* without this process nobody reports how it ended */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, STDIN_FILENO) >= 0 && (error < 0 || dup2(error, STDERR_FILENO) >= 0))
        execve("/bin/sh", argv, environ);
    exec_errno = errno;
    _exit(127);
}

/* Returns the pid, or -1 with errno. */
static pid_t start(const char *command, int in, int error) {
    exec_errno = 0;
    pid_t pid = vfork();

    if (pid == 0)
        become(command, in, error);
    if (pid > 0 && exec_errno) {
        waitpid(pid, NULL, 0);
        errno = exec_errno;
        return -1;
    }
    return pid;
}

/* fds: the socket for the report, standard input, and perhaps standard error. */
static void begin(const char *command, const int *fds, size_t n) {
    pid_t pid = -1;

    errno = EAGAIN;
    if (n >= 2 && n_runs < MOST_RUNS)
        pid = start(command, fds[1], n > 2 ? fds[2] : -1);
    if (pid > 0)
        runs[n_runs++] = (struct run){ .pid = pid, .report = fds[0] };
    else if (n > 0)
        report(fds[0], EBI_RUN_NOT_STARTED, n < 2 ? EMFILE : errno);
    for (size_t i = 1; i < n; i++)
        close(fds[i]);
}

static void ask_to_end(struct run *run) {
    if (run->ending)
        return;
    kill(-run->pid, SIGTERM);
    run->ending = true;
    run->kill_at_ms = now_ms() + EBI_KILL_AFTER_MS;
}

static void kill_late_ones(void) {
    int64_t now = now_ms();

    for (size_t i = 0; i < n_runs; i++)
        if (runs[i].ending && runs[i].kill_at_ms <= now) {
            kill(-runs[i].pid, SIGKILL);
            runs[i].kill_at_ms = INT64_MAX;
        }
}

/* Reaps a child that has ended: the first process of a run, or an orphan that this process has adopted. */
static void end_child(pid_t pid) {
    size_t i = 0;
    int status = 0;

    while (i < n_runs && runs[i].pid != pid)
        i++;
    if (i < n_runs && runs[i].ending)
        kill(-pid, SIGKILL); /* the rest of its group: before waitpid its number cannot be another's */
    waitpid(pid, &status, 0);
    if (i == n_runs)
        return;
    report(runs[i].report, EBI_RUN_ENDED, status);
    runs[i] = runs[--n_runs];
}

static void reap(void) {
    siginfo_t info = { .si_pid = 0 };

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
        end_child(info.si_pid);
        info.si_pid = 0;
    }
}

/* ---- Requests ---- */

/* False: no more requests will come. */
static bool take_request(int control, const char *command) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST_FDS * sizeof(int))];
    } extra;
    char byte;
    struct iovec data = { &byte, 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = sizeof extra };
    ssize_t got = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fds[MOST_FDS];
    size_t n = 0;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len >= CMSG_LEN(0)) {
        n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(header), n * sizeof(int));
    }
    while ((message.msg_flags & MSG_CTRUNC) && n > 1) /* no descriptor was left for the last one */
        close(fds[--n]);
    begin(command, fds, n);
    return true;
}

/* ---- The process ---- */

static void on_child(int number) {
    (void)number; /* it ends ppoll */
}

/* Nothing but SIGCHLD ends a wait, and nothing but SIGKILL the process: not ^C, nor what goes to a whole control group.
 * All dispositions are the default ones, so that the commands have them. *waiting is the mask for ppoll. */
static void set_signals(sigset_t *waiting) {
    struct sigaction usual = { .sa_handler = SIG_DFL }, child = { .sa_handler = on_child };
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
    sigaction(SIGCHLD, &child, NULL);
    *waiting = all;
    sigdelset(waiting, SIGCHLD);
}

/* Closes what the parent had open, except for the standard streams and control. Returns the new number of control. */
static int keep_only(int control) {
    struct rlimit limit = { .rlim_cur = MOST_CLOSED };
    int fd, kept = fcntl(control, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (kept < 0)
        _exit(1);
    close(control);
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue; /* one of them was closed: what is opened later must not become it */
    if (kept != STDERR_FILENO + 1 && dup3(kept, STDERR_FILENO + 1, O_CLOEXEC) >= 0)
        kept = STDERR_FILENO + 1;
    if (syscall(SYS_close_range, kept + 1, ~0U, 0) == 0)
        return kept;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (fd = kept + 1; fd < MOST_CLOSED && (rlim_t)fd < limit.rlim_cur; fd++)
        close(fd);
    return kept;
}

static int poll_timeout(bool has_pidfd) {
    int64_t first = INT64_MAX, now = now_ms();

    for (size_t i = 0; i < n_runs; i++)
        if (runs[i].ending && runs[i].kill_at_ms < first)
            first = runs[i].kill_at_ms;
    if (!has_pidfd && first > now + PARENT_CHECK_MS)
        first = now + PARENT_CHECK_MS;
    return first == INT64_MAX ? -1 : first <= now ? 0 : (int)(first - now);
}

static int wait_for_news(struct pollfd *fds, const sigset_t *waiting, bool has_pidfd) {
    int ms = poll_timeout(has_pidfd);
    const struct timespec timeout = { ms / 1000, (long)(ms % 1000) * 1000000 };

    for (size_t i = 0; i < n_runs; i++)
        fds[2 + i] = (struct pollfd){ .fd = runs[i].ending ? -1 : runs[i].report, .events = POLLIN };
    return ppoll(fds, 2 + n_runs, ms < 0 ? NULL : &timeout, waiting);
}

void ebi_supervise(int control, pid_t parent, const char *command) {
    static struct pollfd fds[2 + MOST_RUNS]; /* requests, the parent's end, one a run */
    sigset_t waiting;

    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "eb-commands");
    set_signals(&waiting);
    fds[0] = (struct pollfd){ .fd = keep_only(control), .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = (int)syscall(SYS_pidfd_open, parent, 0), .events = POLLIN };
    bool has_pidfd = fds[1].fd >= 0;
    while (fds[0].fd >= 0 || n_runs > 0) {
        bool news = wait_for_news(fds, &waiting, has_pidfd) > 0, orphaned = getppid() != parent;

        for (size_t i = n_runs; i-- > 0;)
            if (orphaned || (news && fds[2 + i].revents))
                ask_to_end(&runs[i]); /* the worker asks for it, or has died */
        kill_late_ones();
        reap();
        if (fds[0].fd >= 0 && (orphaned || (news && fds[0].revents && !take_request(fds[0].fd, command)))) {
            close(fds[0].fd);
            fds[0].fd = -1;
        }
        if (orphaned)
            fds[1].fd = -1; /* it stays readable */
    }
    _exit(0);
}
