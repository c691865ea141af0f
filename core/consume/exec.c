/* core/consume/exec.c - a command as receiver: see outside.h. */
#include "consume/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "signal/event.h"

enum { GIVES_UP = 65, KILL_AFTER_MS = 2000 };

struct exec {
    struct ebi_outside outside;
    struct ebi_exec_settings settings;
    struct ebi_cancel *cancel;
    struct ebi_bytes json;              /* kept from run to run */
};

/* One run of the command. */
struct child {
    pid_t pid;
    int in, done;                       /* its standard input; a pidfd, readable once it has ended */
};

static enum eb_status make_attributes(posix_spawnattr_t *attributes, struct eb_error *err) {
    sigset_t none, usual;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGINT);
    if (posix_spawnattr_init(attributes) != 0)
        return ebi_error_memory(err);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigmask(attributes, &none);      /* our threads block all signals; the command must not */
    posix_spawnattr_setsigdefault(attributes, &usual);
    return EB_OK;
}

static enum eb_status spawn(const char *command, int in, pid_t *pid, struct eb_error *err) {
    char *const argv[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ebi_error_memory(err);
    enum eb_status status = make_attributes(&attributes, err);
    if (status == EB_OK) {
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        errno = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
        if (errno != 0)
            status = ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot start /bin/sh");
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

static enum eb_status start(const struct exec *exec, struct child *child, struct eb_error *err) {
    int ends[2];

    child->in = child->done = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot make a pipe");
    enum eb_status status = spawn(exec->settings.command, ends[0], &child->pid, err);
    close(ends[0]);
    if (status != EB_OK) {
        close(ends[1]);
        return status;
    }
    child->in = ends[1];
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    child->done = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->done < 0) {
        status = ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot watch the command");
        kill(-child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        close(child->in);
    }
    return status;
}

/* Writes what the pipe takes; when all is written, or the command does not read it, the pipe is closed. */
static void feed(struct child *child, const struct ebi_bytes *json, size_t *written) {
    while (child->in >= 0) {
        ssize_t n = write(child->in, json->data + *written, json->len - *written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n > 0)
            *written += (size_t)n;
        if (n < 0 || *written == json->len) {           /* EPIPE: it need not read; its exit status decides */
            close(child->in);
            child->in = -1;
        }
    }
}

enum ending { ENDED, TIMED_OUT, CANCELLED };

static enum ending wait_for(const struct exec *exec, struct child *child, int64_t by_ms) {
    size_t written = 0;

    for (;;) {
        int64_t left = by_ms - ebi_ticks_ms();
        struct pollfd fds[] = {{.fd = child->done, .events = POLLIN},
                               {.fd = exec->cancel->fd, .events = POLLIN},
                               {.fd = child->in, .events = POLLOUT}};

        if (left <= 0)
            return TIMED_OUT;
        if (poll(fds, 3, left > 60000 ? 60000 : (int)left) < 0)
            continue;                   /* EINTR; nothing else can happen */
        if (fds[0].revents)
            return ENDED;
        if (fds[1].revents)
            return CANCELLED;
        if (fds[2].revents)
            feed(child, &exec->json, &written);
    }
}

/* First asks the group to end, then makes it. */
static void end_group(const struct child *child) {
    struct pollfd done = {.fd = child->done, .events = POLLIN};

    kill(-child->pid, SIGTERM);
    poll(&done, 1, KILL_AFTER_MS);
    kill(-child->pid, SIGKILL);
}

static int end(struct child *child) {
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child->in >= 0)
        close(child->in);
    close(child->done);
    return status;
}

static void judge(const struct exec *exec, enum ending ending, int status, struct ebi_run *run) {
    struct eb_error *err = &run->error;

    if (ending == CANCELLED)
        run->status = EB_GONE;
    else if (ending == TIMED_OUT)
        run->status = ebi_error(err, EB_RETRIABLE, EB_KIND_NONE, "still running after %lld ms (receiver_timeout), killed",
                                (long long)exec->settings.timeout_ms);
    else if (WIFSIGNALED(status))
        run->status = ebi_error(err, EB_RETRIABLE, EB_KIND_NONE, "ended by signal %d (%s)", WTERMSIG(status),
                                strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 0)
        run->status = EB_OK;
    else
        run->status = ebi_error(err, WEXITSTATUS(status) == GIVES_UP ? EB_PERMANENT : EB_RETRIABLE, EB_KIND_NONE,
                                "exit status %d", WEXITSTATUS(status));
}

static void run(struct ebi_outside *outside, const struct eb_event *event, struct ebi_run *out) {
    struct exec *exec = (struct exec *)outside;
    struct child child;

    snprintf(out->receiver, sizeof out->receiver, "exec");
    ebi_bytes_clear(&exec->json);
    out->status = ebi_event_to_cloudevent(event, &exec->json, &out->error);
    if (out->status == EB_OK && !ebi_bytes_add(&exec->json, "\n", 1))
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    if (out->status == EB_OK)
        out->status = start(exec, &child, &out->error);
    if (out->status != EB_OK)
        return;
    enum ending ending = wait_for(exec, &child, ebi_ticks_ms() + exec->settings.timeout_ms);
    if (ending != ENDED)
        end_group(&child);
    judge(exec, ending, end(&child), out);
}

static void exec_free(struct ebi_outside *outside) {
    struct exec *exec = (struct exec *)outside;

    ebi_bytes_free(&exec->json);
    free(exec);
}

struct ebi_outside *ebi_exec_make(const void *settings, struct ebi_cancel *cancel, struct eb_error *err) {
    struct exec *exec = calloc(1, sizeof *exec);

    if (!exec) {
        ebi_error_memory(err);
        return NULL;
    }
    exec->outside = (struct ebi_outside){run, exec_free};
    exec->settings = *(const struct ebi_exec_settings *)settings;
    exec->cancel = cancel;
    return &exec->outside;
}
