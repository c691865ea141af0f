/* conform/runner/shell.c - see shell.h. */
#include "runner/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/host.h"

/* Runs between fork and exec. The command inherits no descriptor of the kit, no blocked signal and no terminal. */
static void become(const char *command, int output) {
    int nothing = open("/dev/null", O_RDWR);
    sigset_t none;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    for (int fd = 3; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Waits for the end. Returns false when it took too long; then it is killed. */
static bool await_end(pid_t pid, int64_t timeout_ms, int *status) {
    int64_t end = ebc_monotonic_ms() + timeout_ms;
    pid_t ended;

    while ((ended = waitpid(pid, status, WNOHANG)) != pid) {
        if (ended < 0 && errno != EINTR)
            return false;
        if (ebc_monotonic_ms() > end) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            waitpid(pid, status, 0);
            return false;
        }
        poll(NULL, 0, 10);
    }
    return true;
}

/* The last line of what it wrote that is not empty, without its newline; "" when it wrote nothing. */
static void last_line(int output, char line[300]) {
    char all[4096];
    off_t size = lseek(output, 0, SEEK_END);
    ssize_t n = pread(output, all, sizeof all - 1, size > (off_t)sizeof all - 1 ? size - (off_t)sizeof all + 1 : 0);
    char *begin;

    while (n > 0 && (all[n - 1] == '\n' || all[n - 1] == ' '))
        n--;
    all[n > 0 ? n : 0] = '\0';
    begin = strrchr(all, '\n');
    snprintf(line, 300, "%.299s", begin ? begin + 1 : all);
}

static void explain(char why[EBC_SHELL_WHY_ROOM], const char *option, const char *command, const char *how, int output) {
    char line[300] = "";

    if (output >= 0)
        last_line(output, line);
    snprintf(why, EBC_SHELL_WHY_ROOM, "%s '%.300s' %s%s%s", option, command, how, line[0] ? ": " : "", line);
}

bool ebc_shell(const char *option, const char *command, int64_t timeout_ms, char why[EBC_SHELL_WHY_ROOM]) {
    int output = memfd_create("eventbus-conform-command", MFD_CLOEXEC), status = 0;
    pid_t pid = output < 0 ? -1 : fork();
    char how[120];
    bool ended, worked = false;

    if (pid == 0)
        become(command, output);
    if (pid < 0) {
        snprintf(how, sizeof how, "cannot be started: %s", strerror(errno));
        explain(why, option, command, how, -1);
        goto done;
    }
    ended = await_end(pid, timeout_ms, &status);
    worked = ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ended)
        snprintf(how, sizeof how, "did not end within %lld s, and was killed", (long long)(timeout_ms / 1000));
    else if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    if (!worked)
        explain(why, option, command, how, output);
done:
    if (output >= 0)
        close(output);
    return worked;
}
