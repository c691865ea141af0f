/* conform/run.c - runs the cases one after the other, each in a process of its own, and gathers what they tell. */
#include "inner.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

/* One breach of a promise that is another case's. */
struct breach {
    char *promise, *text;
    size_t seen_in;                 /* number of the case at work */
};

/* A child process and what it told so far. */
struct child {
    pid_t pid;
    int result, output;             /* its lines; what it wrote to stdout and stderr */
    struct ebc_page *page;
    char line[EBC_LINE_ROOM];
    size_t n_line;
    char *broke, *suspects, *skip, *plugin, *refused, *options, *away;  /* the lines' texts; NULL: not told */
    bool over, done;
    int status;                     /* as of waitpid */
    char *stuck;                    /* the runner ended it: why */
};

struct runner {
    const struct ebc_args *args;
    struct ebc_report report;
    char run[20], seed[24], pace[24], file[4096], state[4096];
    struct breach *breaches;
    size_t n_breaches;
    size_t at;                      /* number of the result at work */
    bool left;                      /* the sweep could not remove all */
};

/* ---- starting ---- */

static char **arguments(const struct runner *r, const char *name) {
    const struct ebc_args *args = r->args;
    size_t n = 0;
    char **argv;

    while (args->program->again[n])
        n++;
    argv = calloc(n + 2 * args->n_options + 14, sizeof *argv);
    if (!argv)
        return NULL;
    memcpy(argv, args->program->again, n * sizeof *argv);
    const char *const fixed[] = { "--child", name, "--run", r->run, "--seed", r->seed, "--pace", r->pace, "--state",
                                  r->state };
    memcpy(argv + n, fixed, sizeof fixed);
    n += sizeof fixed / sizeof *fixed;
    for (size_t i = 0; i < args->n_options; i++) {
        argv[n++] = "-o";
        argv[n++] = (char *)(uintptr_t)args->options[i];
    }
    argv[n++] = (char *)(uintptr_t)r->file;
    return argv;
}

/* Between fork and exec, so nothing but plain calls. The descriptors given are all above those they become. */
static void become(char *const *argv, int result, int page, int output) {
    int nothing = open("/dev/null", O_RDWR);

    /* what the program that runs this left open is not the plugin's */
    for (int fd = EBC_FD_PAGE + 1; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || dup2(result, EBC_FD_RESULT) < 0
        || dup2(page, EBC_FD_PAGE) < 0)
        _exit(71);
    execv("/proc/self/exe", argv);
    _exit(71);
}

/* The same descriptor, above all that a child has its own use for. */
static int moved_up(int fd) {
    int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 20);

    if (fd >= 0)
        close(fd);
    return up;
}

/* A descriptor of a new page, and the page. */
static int make_page(struct ebc_page **page) {
    int fd = moved_up(memfd_create("eventbus-conform", MFD_CLOEXEC));

    if (fd < 0 || ftruncate(fd, sizeof **page) < 0)
        return fd;
    *page = mmap(NULL, sizeof **page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*page == MAP_FAILED)
        *page = NULL;
    return fd;
}

static bool start(const struct runner *r, const char *name, struct child *child) {
    char **argv = arguments(r, name);
    int ends[2] = { -1, -1 }, page, up;
    bool started = false;

    *child = (struct child){ .pid = -1 };
    page = make_page(&child->page);
    child->output = moved_up(memfd_create("eventbus-conform-output", MFD_CLOEXEC));
    if (pipe2(ends, O_CLOEXEC) < 0)
        goto done;
    child->result = ends[0];
    up = ends[1] = moved_up(ends[1]);
    if (!argv || !child->page || child->output < 0 || up < 0)
        goto done;
    child->pid = fork();
    if (child->pid == 0)
        become(argv, up, page, child->output);
    started = child->pid > 0;
done:
    free(argv);
    if (ends[1] >= 0)
        close(ends[1]);
    if (page >= 0)
        close(page);
    return started;
}

/* ---- listening ---- */

static void keep(char **where, const char *text) {
    if (!*where)
        *where = strdup(text);
}

static void keep_breach(struct runner *r, const char *promise, size_t len, const char *text) {
    struct breach *more = realloc(r->breaches, (r->n_breaches + 1) * sizeof *more);

    if (!more)
        return;                     /* without memory for it, the case itself tells of being over */
    r->breaches = more;
    more[r->n_breaches++] = (struct breach){ strndup(promise, len), strdup(text), r->at };
}

static void take_broke(struct runner *r, struct child *child, const char *rest) {
    size_t len = strcspn(rest, "\t");
    const char *text = rest[len] ? rest + len + 1 : "";
    const char *own = r->at < r->report.n ? r->report.results[r->at].of->name : "";

    if (strlen(own) == len && memcmp(own, rest, len) == 0)
        keep(&child->broke, text);
    else
        keep_breach(r, rest, len, text);
}

static void take_blame(struct child *child, char *rest) {
    size_t len = strcspn(rest, "\t");

    if (child->broke)
        return;
    keep(&child->broke, rest[len] ? rest + len + 1 : "");
    rest[len] = '\0';
    keep(&child->suspects, rest);
}

static void take_line(struct runner *r, struct child *child, char *line) {
    char *rest = strchr(line, '\t');
    struct {
        const char *verb;
        char **where;
    } const texts[] = { { "skip", &child->skip },       { "plugin", &child->plugin }, { "refused", &child->refused },
                        { "options", &child->options }, { "away", &child->away } };

    if (!rest)
        return;
    *rest++ = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(line, texts[i].verb) == 0)
            keep(texts[i].where, rest);
    if (strcmp(line, "broke") == 0)
        take_broke(r, child, rest);
    else if (strcmp(line, "blame") == 0)
        take_blame(child, rest);
    else if (strcmp(line, "left") == 0)
        r->left = fprintf(stderr, "%s: %s\n", r->args->program->name, rest) > 0;
    child->over = child->over || strcmp(line, "over") == 0;
    child->done = child->done || strcmp(line, "done") == 0;
}

/* Reads once; false at the end. */
static bool listen_once(struct runner *r, struct child *child) {
    ssize_t n = read(child->result, child->line + child->n_line, sizeof child->line - 1 - child->n_line);
    char *end;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    child->n_line += (size_t)n;
    while ((end = memchr(child->line, '\n', child->n_line))) {
        *end = '\0';
        take_line(r, child, child->line);
        child->n_line -= (size_t)(end + 1 - child->line);
        memmove(child->line, end + 1, child->n_line);
    }
    if (child->n_line == sizeof child->line - 1)
        child->n_line = 0;          /* not a line of ours */
    return true;
}

static char *what_is_stuck(const struct runner *r, const struct child *child, int64_t end) {
    int64_t now = ebc_ticks_ms(), until = child->page->slots[0].until_ms, grace = (int64_t)(10000 * r->args->pace);
    const char *doing = child->page->slots[0].doing;
    char *text = NULL;
    int made = 0;

    if (until && now > until + grace)
        made = asprintf(&text, "expected %s to be back; it had not returned %lld ms after its time", doing,
                        (long long)grace);
    else if (now > end)
        made = asprintf(&text, "expected the case to end; it had not after all the time it was given; its last call "
                        "was %s", doing);
    return made < 0 ? strdup("the case did not end") : text;
}

static int64_t allowed_ms(const struct runner *r) {
    return (int64_t)(120000 * (r->args->pace > 1 ? r->args->pace : 1));
}

/* Until its result is closed and it has ended. */
static void follow(struct runner *r, struct child *child) {
    int64_t end = ebc_ticks_ms() + allowed_ms(r);
    bool open = true, ended = false;

    while (!ended) {
        struct pollfd ready = { open ? child->result : -1, POLLIN, 0 };

        if (poll(&ready, 1, open ? 100 : 5) > 0)
            open = listen_once(r, child);
        if (!open || ready.revents == 0)
            ended = waitpid(child->pid, &child->status, WNOHANG) == child->pid;
        if (!ended && !child->stuck && (child->stuck = what_is_stuck(r, child, end)))
            kill(child->pid, SIGKILL);
    }
    kill(-child->pid, SIGKILL);     /* parts that it left */
    while (open && poll(&(struct pollfd){ child->result, POLLIN, 0 }, 1, 0) > 0)
        open = listen_once(r, child);
}

/* ---- judging ---- */

/* The first line that the child wrote, or of a sanitizer's report; NULL: none. */
static char *written(const struct child *child) {
    static char all[65536];
    ssize_t n = pread(child->output, all, sizeof all - 1, 0);
    char *line = all, *error;

    if (n <= 0)
        return NULL;
    all[n] = '\0';
    error = strstr(all, "ERROR:");
    if (!error)
        error = strstr(all, "runtime error:");
    if (error)
        for (line = error; line > all && line[-1] != '\n'; line--)
            continue;
    line[strcspn(line, "\n")] = '\0';
    return strndup(line, 300);
}

static char *joined(const char *a, const char *between, const char *b) {
    char *text;

    if (asprintf(&text, "%s%s%s", a, b ? between : "", b ? b : "") < 0)
        return NULL;
    return text;
}

/* How it ended, where that is a failure by itself; NULL: as it should. */
static char *bad_end(const struct child *child) {
    const char *doing = child->page->slots[0].doing, *breaks = ebc_rule(EBC_FORBIDDEN)->sentence;
    char *text = NULL;
    int made = 0;

    if (child->stuck)
        return strdup(child->stuck);
    if (WIFSIGNALED(child->status))
        made = asprintf(&text, "expected the case to end; its process was ended by SIG%s; its last call was %s",
                        sigabbrev_np(WTERMSIG(child->status)), doing);
    else if (WEXITSTATUS(child->status) != 0 && (child->done || child->over || child->skip))
        made = asprintf(&text, "expected the process to end with status 0 after the case; came %d",
                        WEXITSTATUS(child->status));
    else if (!child->done && !child->over && !child->skip)
        made = asprintf(&text, "expected the case to end; its process ended with status %d instead; its last call was "
                        "%s; breaks \"%s\"", WEXITSTATUS(child->status), doing, breaks);
    return made < 0 ? strdup("the process ended badly") : text;
}

static char *with_words(char *why, const struct child *child) {
    const char *words = child->page->slots[0].words;
    char *more = words[0] && why ? joined(why, "; the plugin's last words: ", words) : NULL;

    if (!more)
        return why;
    free(why);
    return more;
}

/* What a plugin prints is a breach of its own, unless it belongs to a crash. */
static void judge_output(struct runner *r, const struct child *child) {
    char *line = written(child), *text;

    if (line && asprintf(&text, "expected nothing on stdout and stderr; came \"%s\"; breaks \"%s\"; seen in the case "
                         "%s", line, ebc_rule(EBC_FORBIDDEN)->sentence, r->report.results[r->at].of->name) > 0) {
        keep_breach(r, EBC_LEAVES_PROCESS, strlen(EBC_LEAVES_PROCESS), text);
        free(text);
    }
    free(line);
}

static void judge(struct runner *r, struct child *child) {
    struct ebc_result *result = &r->report.results[r->at];
    char *end = bad_end(child);

    if (child->broke || end) {
        char *output = end ? written(child) : NULL, *why = joined(child->broke ? child->broke : end, "; ",
                                                                  child->broke && end ? end : output);
        result->outcome = EBC_FAIL;
        result->why = with_words(why, child);
        result->suspects = child->suspects;
        child->suspects = NULL;
        free(output);
    } else if (child->over) {
        result->outcome = EBC_SKIP;
        result->why = joined("not judged: it needs ", "", r->n_breaches ? r->breaches[r->n_breaches - 1].promise : "");
    } else if (child->skip) {
        result->outcome = EBC_SKIP;
        result->why = strdup(child->skip);
    } else {
        result->outcome = EBC_PASS;
        judge_output(r, child);
    }
    free(end);
}

/* Breaches seen elsewhere fail the case that names the promise; where that was not asked for, the one at work. */
static void attribute(struct runner *r) {
    for (size_t i = 0; i < r->n_breaches; i++) {
        struct breach *breach = &r->breaches[i];
        struct ebc_result *result = &r->report.results[breach->seen_in];

        for (size_t k = 0; k < r->report.n; k++)
            if (breach->promise && strcmp(r->report.results[k].of->name, breach->promise) == 0)
                result = &r->report.results[k];
        if (result->outcome == EBC_FAIL)
            continue;
        result->outcome = EBC_FAIL;
        free(result->why);
        result->why = breach->text ? strdup(breach->text) : NULL;
    }
}

/* Whether one of the names, "|" between them, failed for itself; it is left in *guilty. */
static bool failed_among(const struct runner *r, const char *names, const char **guilty) {
    for (size_t i = 0; i < r->report.n; i++) {
        const struct ebc_result *result = &r->report.results[i];
        const char *at = strstr(names, result->of->name);
        size_t len = strlen(result->of->name);

        if (at && (at[len] == '|' || !at[len]) && result->outcome == EBC_FAIL && !result->suspects) {
            *guilty = result->of->name;
            return true;
        }
    }
    return false;
}

static void excuse(struct runner *r) {
    for (size_t i = 0; i < r->report.n; i++) {
        struct ebc_result *result = &r->report.results[i];
        const char *guilty;

        if (result->outcome != EBC_FAIL || !result->suspects || !failed_among(r, result->suspects, &guilty))
            continue;
        result->outcome = EBC_SKIP;
        free(result->why);
        result->why = joined("not judged: it needs ", "", guilty);
    }
}

static void release(struct child *child) {
    close(child->result);
    close(child->output);
    munmap(child->page, sizeof *child->page);
    free(child->broke);
    free(child->suspects);
    free(child->skip);
    free(child->plugin);
    free(child->refused);
    free(child->options);
    free(child->away);
    free(child->stuck);
}

/* ---- all of it ---- */

static bool run_child(struct runner *r, const char *name, struct child *child) {
    if (!start(r, name, child)) {
        fprintf(stderr, "%s: cannot start a process for %s: %s\n", r->args->program->name, name, strerror(errno));
        return false;
    }
    follow(r, child);
    return true;
}

static bool run_case(struct runner *r) {
    struct ebc_result *result = &r->report.results[r->at];
    int64_t began = ebc_ticks_ms();
    struct child child;

    if (isatty(2))
        fprintf(stderr, "\r\033[K%zu/%zu %s", r->at + 1, r->report.n, result->of->name);
    if (!run_child(r, result->of->name, &child))
        return false;
    result->seconds = (double)(ebc_ticks_ms() - began) / 1000;
    judge(r, &child);
    release(&child);
    return true;
}

/* What the plugin is, and whether its broker is there: 0, or the exit status. */
static int probe(struct runner *r) {
    const char *name = r->args->program->name;
    struct child child;
    int code = 0;

    r->at = r->report.n;
    if (!run_child(r, EBC_PROBE, &child))
        return 3;
    if (child.refused) {
        fprintf(stderr, "%s: %s\n", name, child.refused);
        code = 5;
    } else if (child.options) {
        fprintf(stderr, "%s: %s\n", name, child.options);
        code = 2;
    } else if (!child.plugin) {
        char *end = bad_end(&child);
        fprintf(stderr, "%s: %s cannot be loaded: %s\n", name, r->file, end ? end : "it told nothing");
        free(end);
        code = 5;
    } else if (child.away) {
        fprintf(stderr, "%s: the broker could not be reached: %s\n", name, child.away);
        code = 3;
    }
    snprintf(r->report.plugin, sizeof r->report.plugin, "%s", child.plugin ? child.plugin : "");
    r->n_breaches = 0;              /* what the probe met, cases meet as well */
    release(&child);
    return code;
}

static void sweep(struct runner *r) {
    struct child child;

    r->at = r->report.n;
    if (!run_child(r, EBC_SWEEP, &child))
        return;
    if (!child.done && !r->left)
        fprintf(stderr, "%s: the topics conform-%s-* could not be removed\n", r->args->program->name, r->run);
    release(&child);
}

static bool select_cases(struct runner *r) {
    size_t n = 0;

    while (ebc_case_at(n))
        n++;
    r->report.results = calloc(n, sizeof *r->report.results);
    for (size_t i = 0; r->report.results && i < n; i++)
        if (ebc_selected(ebc_case_at(i), r->args->only))
            r->report.results[r->report.n++].of = ebc_case_at(i);
    return r->report.results != NULL;
}

/* The plugin's file, absolute: 0, or the exit status. */
static int find_file(struct runner *r) {
    const struct ebc_args *args = r->args;
    bool is_file = strchr(args->file, '/') || access(args->file, F_OK) == 0 || !args->program->find;
    char *found = is_file ? NULL : args->program->find(args->program->arg, args->file);
    const char *file = is_file ? args->file : found;
    int code = 0;

    if (!file) {
        fprintf(stderr, "%s: there is no plugin %s, and no such file\n", args->program->name, args->file);
        code = 5;
    } else if (!realpath(file, r->file)) {
        fprintf(stderr, "%s: %s: %s\n", args->program->name, file, strerror(errno));
        code = 5;
    }
    free(found);
    return code;
}

static bool make_state(struct runner *r) {
    const char *tmp = getenv("TMPDIR");

    snprintf(r->state, sizeof r->state, "%s/eventbus-conform-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(r->state))
        return true;
    fprintf(stderr, "%s: cannot make the folder %s: %s\n", r->args->program->name, r->state, strerror(errno));
    return false;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Short, of letters and digits, and another one each time. */
static void name_run(struct runner *r) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t left = (uint64_t)ebc_clock_ms() << 16 | ((uint64_t)getpid() & 0xFFFF);
    size_t n = 0;

    for (; left > 0 && n < sizeof r->run - 1; left /= 36)
        r->run[n++] = digits[left % 36];
    snprintf(r->seed, sizeof r->seed, "%llu", (unsigned long long)r->args->seed);
    snprintf(r->pace, sizeof r->pace, "%g", r->args->pace);
}

static int run_all(struct runner *r) {
    int code = probe(r);

    if (code)
        return code;
    for (r->at = 0; r->at < r->report.n; r->at++)
        if (!run_case(r))
            return 3;
    sweep(r);
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
    attribute(r);
    excuse(r);
    ebc_print(&r->report);
    for (size_t i = 0; i < r->report.n; i++)
        code = r->report.results[i].outcome == EBC_FAIL ? 1 : code;
    return code;
}

static int write_junit(const struct runner *r, int code) {
    char why[EBC_WHY_ROOM];

    if (!r->args->junit || code > 1 || ebc_print_junit(&r->report, r->args->junit, why))
        return code;
    fprintf(stderr, "%s: %s\n", r->args->program->name, why);
    return 2;
}

static void release_runner(struct runner *r) {
    for (size_t i = 0; i < r->report.n; i++) {
        free(r->report.results[i].why);
        free(r->report.results[i].suspects);
    }
    for (size_t i = 0; i < r->n_breaches; i++) {
        free(r->breaches[i].promise);
        free(r->breaches[i].text);
    }
    free(r->report.results);
    free(r->breaches);
}

int ebc_run(const struct ebc_args *args) {
    struct runner r = { .args = args, .report = { .args = args } };
    int code = find_file(&r);

    if (code)
        return code;
    if (!select_cases(&r) || !make_state(&r)) {
        release_runner(&r);
        return 3;
    }
    name_run(&r);
    code = write_junit(&r, run_all(&r));
    if (nftw(r.state, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
        fprintf(stderr, "%s: cannot remove %s: %s\n", args->program->name, r.state, strerror(errno));
    release_runner(&r);
    return code;
}
