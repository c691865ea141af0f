/* plugins/sqlite/tests/kit.c - tests, files, processes, TAP: see kit.h. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static jmp_buf out;
static char failure[1000];
static char folder[100];
static char *files[32];
static size_t n_files;
static struct kit_child children[64];
static size_t n_children;

enum outcome { PASSED, FAILED, SKIPPED };

/* ---- tests ---- */

void kit_check(bool is, const char *format, ...) {
    va_list args;

    if (is)
        return;
    va_start(args, format);
    vsnprintf(failure, sizeof failure, format, args);
    va_end(args);
    longjmp(out, FAILED);
}

void kit_skip(const char *why) {
    snprintf(failure, sizeof failure, "%s", why);
    longjmp(out, SKIPPED);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void clean_up(void) {
    for (size_t i = 0; i < n_children; i++)
        if (children[i].pid > 0)
            kit_kill(&children[i]);
    n_children = 0;
    for (size_t i = 0; i < n_files; i++)
        free(files[i]);
    n_files = 0;
    if (getenv("EB_KEEP"))
        printf("# kept: %s\n", folder);
    else
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *kit_file(const char *name) {
    if (n_files == sizeof files / sizeof *files || asprintf(&files[n_files], "%s/%s", folder, name) < 0)
        kit_check(false, "too many files");
    return files[n_files++];
}

static enum outcome run_one(const struct kit_test *test) {
    volatile int outcome;

    snprintf(folder, sizeof folder, "%s/sqlite-test.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder))
        return FAILED;
    outcome = setjmp(out);
    if (outcome == PASSED)
        test->run();
    clean_up();
    return (enum outcome)outcome;
}

static int run_all(const struct kit_test *tests, const char *only) {
    int n = 0, failed = 0;

    for (const struct kit_test *test = tests; test->name; test++)
        n += !only || strstr(test->name, only) != NULL;
    if (n == 0) {
        printf("Bail out! no test's name holds \"%s\"\n", only);
        return 1;
    }
    printf("1..%d\n", n);
    n = 0;
    for (const struct kit_test *test = tests; test->name; test++) {
        enum outcome is;
        if (only && !strstr(test->name, only))
            continue;
        is = run_one(test);
        printf("%s %d - %s%s%s\n", is == FAILED ? "not ok" : "ok", ++n, test->name, is == SKIPPED ? " # SKIP " : "",
               is == SKIPPED ? failure : "");
        if (is == FAILED)
            printf("# %s\n", failure);
        fflush(stdout);
        failed += is == FAILED;
    }
    return failed > 0;
}

static int run_role(const struct kit_role *role, int argc, char **argv) {
    if (setjmp(out) == PASSED)
        return role->run(argc, argv);
    kit_say("failed: %s", failure);
    return 1;
}

int kit_main(int argc, char **argv, const struct kit_test *tests, const struct kit_role *roles) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct kit_role *role = roles; role && role->name && argc > 2 && strcmp(argv[1], "--as") == 0; role++)
        if (strcmp(role->name, argv[2]) == 0)
            return run_role(role, argc - 3, argv + 3);
    return run_all(tests, argc > 1 ? argv[1] : NULL);
}

long kit_size(long small, long large) {
    const char *soak = getenv("EB_SOAK");

    return soak && soak[0] ? large : small;
}

/* ---- time ---- */

int64_t kit_now_ms(void) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* ThreadSanitizer has a thread of its own, whose work is not the plugin's. */
#ifdef __SANITIZE_THREAD__
#define WHOSE_WORK RUSAGE_THREAD
#else
#define WHOSE_WORK RUSAGE_SELF
#endif

struct kit_work kit_work(void) {
    struct rusage use;

    getrusage(WHOSE_WORK, &use);
    return (struct kit_work){
        .at_ms = kit_now_ms(),
        .cpu_us = ((int64_t)use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 + use.ru_utime.tv_usec + use.ru_stime.tv_usec,
        .sleeps = use.ru_nvcsw,
    };
}

void kit_goes_on(struct kit_patience *patience, int64_t number, const char *what) {
    int64_t now_ms = kit_now_ms();

    if (!patience->until_ms || number != patience->last)
        *patience = (struct kit_patience){ number, now_ms + KIT_PATIENCE_MS };
    kit_check(now_ms < patience->until_ms, "for a minute it has been %lld: %s", (long long)number, what);
}

void kit_pause_ms(int64_t ms) {
    struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
        continue;
}

/* ---- processes ---- */

struct kit_child *kit_start(const char *role, const char *const *args) {
    const char *argv[16] = { "test", "--as", role };
    struct kit_child *child = children;
    int pipes[2];
    size_t n = 3;

    while (child < children + n_children && child->pid > 0)
        child++; /* the place of one that has ended, or the next */
    while (*args && n + 1 < sizeof argv / sizeof *argv)
        argv[n++] = *args++;
    kit_check(child < children + sizeof children / sizeof *children && pipe2(pipes, O_CLOEXEC) == 0, "cannot start a process");
    fflush(stdout);
    child->pid = fork();
    if (child->pid == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        execv("/proc/self/exe", (char *const *)argv);
        _exit(127);
    }
    close(pipes[1]);
    kit_check(child->pid > 0, "cannot fork");
    child->fd = pipes[0];
    n_children += child == children + n_children;
    return child;
}

const char *kit_hear(struct kit_child *child, int64_t timeout_ms) {
    int64_t until_ms = kit_now_ms() + timeout_ms;
    size_t len = 0;

    while (len + 1 < sizeof child->line) {
        struct pollfd ready = { .fd = child->fd, .events = POLLIN };
        int64_t left_ms = until_ms - kit_now_ms();
        if (poll(&ready, 1, left_ms > 0 || len > 0 ? (int)(left_ms > 0 ? left_ms : 1000) : 0) <= 0)
            return NULL;
        if (read(child->fd, child->line + len, 1) != 1)
            return NULL;
        if (child->line[len] == '\n') {
            child->line[len] = '\0';
            return child->line;
        }
        len++;
    }
    return NULL;
}

bool kit_has_ended(struct kit_child *child) {
    siginfo_t about = { .si_pid = 0 };

    return waitid(P_PID, (id_t)child->pid, &about, WEXITED | WNOHANG | WNOWAIT) == 0 && about.si_pid == child->pid;
}

int kit_wait(struct kit_child *child) {
    int status = 0;

    waitpid(child->pid, &status, 0);
    close(child->fd);
    child->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void kit_kill(struct kit_child *child) {
    kill(child->pid, SIGKILL);
    kit_wait(child);
}

void kit_say(const char *format, ...) {
    char line[400];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    len = len < (int)sizeof line - 2 ? len : (int)sizeof line - 2;
    line[len++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        _exit(1);
}
