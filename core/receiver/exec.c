/* core/receiver/exec.c - a command as receiver, run by the supervisor process: see receiver.h. */
#include "receiver/receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "receiver/command_check.h"
#include "receiver/forward.h"
#include "receiver/supervisor.h"
#include "signal/event.h"

enum { EXIT_PERMANENT = 65, GRACE_MS = 10000 };

struct exec {
    struct ebi_receiver receiver;
    struct ebi_exec_settings settings;
    struct ebi_cancel *cancel;
    struct ebi_bytes json;    /* kept from run to run */
    struct ebi_detail detail; /* of the run at hand */
};

/* One run of the command. */
struct child {
    int in, report; /* its standard input; the supervisor's socket for this run */
    int error;      /* its standard error, which is passed on; -1: it has this process's own, or the pipe has ended */
    bool stalled;   /* this process's own standard error takes no more now */
};

static void close_all(int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static enum eb_status start(const struct exec *exec, struct child *child, struct eb_error *err) {
    int ends[4] = { -1, -1, -1, -1 }; /* of standard input, of standard error: to read, to write */
    bool piped = exec->settings.detail != EBI_DETAIL_OFF;

    if (pipe2(ends, O_CLOEXEC) != 0 || (piped && pipe2(ends + 2, O_CLOEXEC) != 0)) {
        enum eb_status status = ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot make a pipe for a command");

        close_all(ends, 2);
        return status;
    }
    enum eb_status status = ebi_supervisor_run(exec->settings.supervisor, ends[0], ends[3], &child->report, err);
    close(ends[0]);
    if (piped)
        close(ends[3]);
    if (status != EB_OK) {
        close_all(ends + 1, 2);
        return status;
    }
    child->in = ends[1];
    child->error = ends[2];
    child->stalled = false;
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    if (piped)
        fcntl(child->error, F_SETFL, O_NONBLOCK);
    return EB_OK;
}

/* Passes on what the command has written to its standard error, as far as this process's own takes it. False: there is no more to
 * read at the moment. */
static bool pass_on(struct exec *exec, struct child *child) {
    struct pollfd own = { .fd = STDERR_FILENO, .events = POLLOUT };
    char text[EBI_FORWARD_ROOM];

    child->stalled = poll(&own, 1, 0) == 0;
    if (child->stalled)
        return false;
    ssize_t n = ebi_forward_once(child->error, text);
    if (n == 0) {
        close(child->error);
        child->error = -1;
    }
    if (n <= 0)
        return false;
    ebi_detail_add(&exec->detail, text, (size_t)n);
    return true;
}

/* The command has ended: reads the rest of what it wrote from the pipe. Processes that it left behind may write on, which a thread
 * of its own passes on. */
static void finish_error(struct exec *exec, struct child *child) {
    enum { MOST_TIMES = 64 }; /* a pipe holds a quarter of that */

    for (int i = 0; i < MOST_TIMES && child->error >= 0 && pass_on(exec, child); i++)
        continue;
    if (child->error >= 0)
        ebi_forward_add(exec->settings.forward, child->error);
}

/* Writes to standard input what the pipe takes; closes it when all is written, or the command does not read it. */
static void feed(struct child *child, const struct ebi_bytes *json, size_t *written) {
    while (child->in >= 0) {
        ssize_t n = write(child->in, json->data + *written, json->len - *written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n > 0)
            *written += (size_t)n;
        if (n < 0 || *written == json->len) { /* EPIPE: a command need not read it; its exit status decides */
            close(child->in);
            child->in = -1;
        }
    }
}

/* Waits for the run. True: the supervisor has reported how it ended. False: its time is over, or it is cancelled. */
static bool wait_for(struct exec *exec, struct child *child, int64_t by_ms) {
    size_t written = 0;

    for (;;) {
        int64_t left = by_ms - ebi_ticks_ms();
        struct pollfd fds[] = { { .fd = child->report, .events = POLLIN },
                                { .fd = exec->cancel->fd, .events = POLLIN },
                                { .fd = child->in, .events = POLLOUT },
                                { .fd = child->stalled ? STDERR_FILENO : child->error,
                                  .events = child->stalled ? POLLOUT : POLLIN } };

        if (left <= 0)
            return false;
        if (poll(fds, 4, left > 60000 ? 60000 : (int)left) < 0)
            continue; /* EINTR; nothing else can happen */
        if (fds[0].revents)
            return true;
        if (fds[1].revents)
            return false;
        if (fds[2].revents)
            feed(child, &exec->json, &written);
        if (fds[3].revents)
            pass_on(exec, child);
    }
}

/* Has the supervisor ask the run's process group to end, and then kill it. True: it has ended. */
static bool end_group(const struct child *child) {
    struct pollfd ended = { .fd = child->report, .events = POLLIN };
    int64_t by_ms = ebi_ticks_ms() + EBI_KILL_AFTER_MS + GRACE_MS, left;

    shutdown(child->report, SHUT_WR);
    while ((left = by_ms - ebi_ticks_ms()) > 0 && poll(&ended, 1, (int)left) < 0)
        continue;
    return ended.revents != 0;
}

/* Whether a signal that asks to end has ended the run, or, by the exit status of a shell, its last program. */
static bool was_asked_to_end(int status) {
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128;

    return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

static void classify_exit(int status, struct ebi_run *run) {
    struct eb_error *err = &run->error;

    if (was_asked_to_end(status))
        run->cause = EBI_TOLD_TO_END;
    if (WIFSIGNALED(status))
        run->status = ebi_error(err, EB_RETRIABLE, EB_KIND_NONE, "ended by signal %d (%s)", WTERMSIG(status),
                                strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 0)
        run->status = EB_OK;
    else
        run->status = ebi_error(err, WEXITSTATUS(status) == EXIT_PERMANENT ? EB_PERMANENT : EB_RETRIABLE, EB_KIND_NONE,
                                "exit status %d", WEXITSTATUS(status));
}

/* Whether the shell could not run the command. It exits with 126 or 127 where it cannot run a program, and with other statuses where
 * it cannot fork, but a command may end so by itself. True, with the reason: the program that the command begins with is missing,
 * or the shell's own complaint says what it lacks. */
static bool shell_could_not(const struct exec *exec, int status, struct eb_error *err) {
    const char *command = exec->settings.command;
    char line[EBI_DETAIL_ROOM];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

    if (code == 0 || code == EXIT_PERMANENT)
        return false;
    bool not_run = code == 126 || code == 127;
    if ((not_run ? ebi_exec_find(command, err) : ebi_exec_find_script(command, err)) != EB_OK)
        return true;
    ebi_detail_line(&exec->detail, EBI_DETAIL_FULL, &exec->json, line);
    return ebi_exec_blames_machine(command, line, err) || (not_run && ebi_exec_lacks_program(command, line, err));
}

/* Sets what the supervisor reported. Only a reported exit status 0 is success. */
static void classify_report(const struct exec *exec, const struct child *child, struct ebi_run *run) {
    struct ebi_run_report report;
    ssize_t n;

    while ((n = recv(child->report, &report, sizeof report, 0)) < 0 && errno == EINTR)
        continue;
    bool ended = n == (ssize_t)sizeof report && report.what == EBI_RUN_ENDED;
    if (ended && !shell_could_not(exec, report.value, &run->error)) {
        classify_exit(report.value, run);
        return;
    }
    run->cause = EBI_OWN_TROUBLE;
    if (ended) {
        run->status = EB_RETRIABLE;
    } else if (n == (ssize_t)sizeof report) {
        errno = report.value;
        run->status = ebi_error_errno(&run->error, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot start /bin/sh");
    } else {
        run->status = ebi_error(&run->error, EB_RETRIABLE, EB_KIND_SYSTEM,
                                "the process that starts commands was ended from outside; how the command ended is unknown");
    }
}

/* Sets why the run was ended: it was cancelled, or its time was over. */
static void classify_killed(const struct exec *exec, bool ended, struct ebi_run *run) {
    if (atomic_load(&exec->cancel->now))
        run->status = EB_GONE;
    else
        run->status = ebi_error(&run->error, EB_RETRIABLE, EB_KIND_NONE, "still running after %lld ms (receiver_timeout), %s",
                                (long long)exec->settings.timeout_ms, ended ? "killed" : "and cannot be killed");
}

static void run(struct ebi_receiver *receiver, const struct eb_event *event, struct ebi_run *out) {
    struct exec *exec = (struct exec *)receiver;
    struct child child;

    snprintf(out->receiver, sizeof out->receiver, "exec");
    ebi_bytes_clear(&exec->json);
    exec->detail.len = 0;
    out->status = ebi_event_to_cloudevent(event, &exec->json, &out->error);
    if (out->status == EB_OK && !ebi_bytes_add(&exec->json, "\n", 1))
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    if (out->status == EB_OK)
        out->status = start(exec, &child, &out->error);
    if (out->status != EB_OK) {
        out->cause = out->status == EB_PERMANENT ? EBI_RECEIVERS_FAULT : EBI_OWN_TROUBLE;
        return;
    }
    bool by_itself = wait_for(exec, &child, ebi_ticks_ms() + exec->settings.timeout_ms);
    bool ended = by_itself || end_group(&child);
    finish_error(exec, &child);
    if (by_itself)
        classify_report(exec, &child, out);
    else
        classify_killed(exec, ended, out);
    if (out->status != EB_OK && out->status != EB_GONE)
        ebi_detail_line(&exec->detail, exec->settings.detail, &exec->json, out->detail);
    if (child.in >= 0)
        close(child.in);
    close(child.report);
}

static void exec_free(struct ebi_receiver *receiver) {
    struct exec *exec = (struct exec *)receiver;

    ebi_bytes_free(&exec->json);
    free(exec);
}

struct ebi_receiver *ebi_exec_create(const void *settings, struct ebi_cancel *cancel, struct eb_error *err) {
    struct exec *exec = calloc(1, sizeof *exec);

    if (!exec) {
        ebi_error_memory(err);
        return NULL;
    }
    exec->receiver = (struct ebi_receiver){ run, exec_free };
    exec->settings = *(const struct ebi_exec_settings *)settings;
    exec->cancel = cancel;
    return &exec->receiver;
}
