/* conform/runner/process.c - starts one child process of the runner, reads what it reports, and kills it when it is stuck. */
#include "runner/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/host.h"

/* ---- starting ---- */

/* Runs between fork and exec, so it makes plain system calls only. The given descriptors are above those they become. */
static void become(const char *path, char *const *argv, int result, int page, int output) {
    int nothing = open("/dev/null", O_RDWR);

    /* the plugin must not inherit what the program left open that runs this */
    for (int fd = EBC_FD_PAGE + 1; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || dup2(result, EBC_FD_RESULT) < 0 ||
        dup2(page, EBC_FD_PAGE) < 0)
        _exit(71);
    ebc_program_exec(path, argv);
    _exit(71);
}

static bool start(struct ebc_process *child, char *const *argv) {
    struct ebc_channels channels;
    const char *path = ebc_program_path();
    int output;

    child->output = memfd_create("eventbus-conform-output", MFD_CLOEXEC);
    if (!ebc_channels_open(&channels) || child->output < 0 ||
        (output = fcntl(child->output, F_DUPFD_CLOEXEC, channels.page_fd)) < 0) { /* above those of the child */
        ebc_channels_close(&channels);
        return false;
    }
    child->pid = fork();
    if (child->pid == 0)
        become(path, argv, channels.to_runner, channels.page_fd, output);
    child->result = channels.from_case;
    child->page = channels.page;
    close(channels.to_runner);
    close(channels.page_fd);
    close(output);
    return child->pid > 0;
}

/* ---- listening ---- */

static void keep(char **where, const char *text) {
    if (!*where)
        *where = strdup(text);
}

/* Without memory the breach is lost, yet the line "over" still says that there was one. */
static void keep_breach(struct ebc_process *child, const char *promise, size_t len, const char *text) {
    struct ebc_breach *more = realloc(child->breaches, (child->n_breaches + 1) * sizeof *more);

    if (!more)
        return;
    child->breaches = more;
    more[child->n_breaches++] = (struct ebc_breach){ strndup(promise, len), strdup(text) };
}

static void take_broke(struct ebc_process *child, const char *rest) {
    size_t len = strcspn(rest, "\t");
    const char *text = rest[len] ? rest + len + 1 : "";

    if (strlen(child->name) == len && memcmp(child->name, rest, len) == 0)
        keep(&child->broke, text);
    else
        keep_breach(child, rest, len, text);
}

static void take_blame(struct ebc_process *child, char *rest) {
    size_t len = strcspn(rest, "\t");

    if (child->broke)
        return;
    keep(&child->broke, rest[len] ? rest + len + 1 : "");
    rest[len] = '\0';
    keep(&child->suspects, rest);
}

static void take_line(struct ebc_process *child, char *line) {
    char *rest = strchr(line, '\t');
    struct {
        const char *verb;
        char **where;
    } const texts[] = { { "skip", &child->skip },       { "plugin", &child->plugin }, { "refused", &child->refused },
                        { "options", &child->options }, { "away", &child->away },     { "left", &child->left } };

    if (!rest)
        return;
    *rest++ = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(line, texts[i].verb) == 0)
            keep(texts[i].where, rest);
    if (strcmp(line, "broke") == 0)
        take_broke(child, rest);
    else if (strcmp(line, "blame") == 0)
        take_blame(child, rest);
    if (strcmp(line, "secret") == 0 && atoi(rest) < 64)
        child->secret |= UINT64_C(1) << atoi(rest);
    child->over = child->over || strcmp(line, "over") == 0;
    child->done = child->done || strcmp(line, "done") == 0;
}

/* Reads once. Returns false at the end of the pipe. */
static bool listen_once(struct ebc_process *child) {
    ssize_t n = read(child->result, child->line + child->n_line, sizeof child->line - 1 - child->n_line);
    char *end;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    child->n_line += (size_t)n;
    while ((end = memchr(child->line, '\n', child->n_line))) {
        *end = '\0';
        take_line(child, child->line);
        child->n_line -= (size_t)(end + 1 - child->line);
        memmove(child->line, end + 1, child->n_line);
    }
    if (child->n_line == sizeof child->line - 1)
        child->n_line = 0; /* no line of the kit is so long */
    return true;
}

static char *what_is_stuck(const struct ebc_process *child, int64_t grace_ms, int64_t end_ms) {
    int64_t now = ebc_monotonic_ms(), until = child->page->of[0].until_ms;
    const char *op = child->page->of[0].op;
    char *text = NULL;
    int made = 0;

    if (until && now > until + grace_ms)
        made = asprintf(&text, "expected %s to be back; it had not returned %lld ms after its time; breaks \"%s\"", op,
                        (long long)grace_ms, ebc_rule(EBC_TIME)->sentence);
    else if (now > end_ms)
        made = asprintf(&text,
                        "expected the case to end; it had not after all the time it was given; its last call "
                        "was %s",
                        op);
    return made < 0 ? strdup("the case did not end") : text;
}

/* Reads until the child has closed its pipe and ended. */
static void follow(struct ebc_process *child, int64_t grace_ms, int64_t end_ms) {
    bool open = true, ended = false;

    while (!ended) {
        struct pollfd ready = { open ? child->result : -1, POLLIN, 0 };

        if (poll(&ready, 1, open ? 100 : 5) > 0)
            open = listen_once(child);
        if (!open || ready.revents == 0)
            ended = waitpid(child->pid, &child->status, WNOHANG) == child->pid;
        if (!ended && !child->stuck && (child->stuck = what_is_stuck(child, grace_ms, end_ms)))
            kill(child->pid, SIGKILL);
    }
    kill(-child->pid, SIGKILL); /* ends peers that it left */
    ebc_process_listen(child);
}

void ebc_process_listen(struct ebc_process *child) {
    while (poll(&(struct pollfd){ child->result, POLLIN, 0 }, 1, 0) > 0 && listen_once(child))
        continue;
}

bool ebc_process_run(struct ebc_process *child, const char *name, char *const *argv, int64_t grace_ms, int64_t allowed_ms) {
    *child = (struct ebc_process){ .pid = -1, .result = -1, .output = -1, .name = name };
    if (!start(child, argv))
        return false;
    follow(child, grace_ms, ebc_monotonic_ms() + allowed_ms);
    return true;
}

void ebc_process_free(struct ebc_process *child) {
    char *const texts[] = { child->broke,   child->suspects, child->skip, child->plugin, child->refused,
                            child->options, child->away,     child->left, child->stuck };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < child->n_breaches; i++) {
        free(child->breaches[i].promise);
        free(child->breaches[i].text);
    }
    free(child->breaches);
    if (child->result >= 0)
        close(child->result);
    if (child->output >= 0)
        close(child->output);
    if (child->page)
        munmap(child->page, sizeof *child->page);
}
