/* conform/runner/run.c - runs the cases, each in a process of its own, and makes results of what they report. */
#include "runner/process.h"
#include "runner/report.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A breach of another case's promise, and the case that saw it. */
struct breach_seen {
    struct ebc_breach breach;
    size_t in; /* the number of that case's result */
};

struct runner {
    const struct eb_conform *options;
    struct ebc_report report;
    double pace;
    char run[20], seed[24], pace_text[24], file[4096], state[4096];
    struct breach_seen *seen;
    size_t n_seen;
};

/* ---- a child for a case ---- */

static size_t count(const char *const *list) {
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static char *argument(const char *text) {
    return (char *)(uintptr_t)text; /* exec does not write to its arguments */
}

/* Returns a malloced list of borrowed texts; NULL: no memory left. */
static char **arguments(const struct runner *r, const char *name) {
    size_t n = count(r->options->again), n_options = count(r->options->options);
    char **argv = calloc(n + EBC_W_COUNT + n_options + 1, sizeof *argv);

    if (!argv)
        return NULL;
    memcpy(argv, r->options->again, n * sizeof *argv);
    argv[n + EBC_W_CASE] = argument(name);
    argv[n + EBC_W_PEER] = argument("");
    argv[n + EBC_W_NUMBER] = argument("0");
    argv[n + EBC_W_RUN] = argument(r->run);
    argv[n + EBC_W_SEED] = argument(r->seed);
    argv[n + EBC_W_PACE] = argument(r->pace_text);
    argv[n + EBC_W_STATE] = argument(r->state);
    argv[n + EBC_W_FILE] = argument(r->file);
    if (n_options > 0)
        memcpy(argv + n + EBC_W_COUNT, r->options->options, n_options * sizeof *argv);
    return argv;
}

/* The caller calls ebc_process_free, whatever this returns. */
static bool run_child(const struct runner *r, const char *name, struct ebc_process *child) {
    char **argv = arguments(r, name);
    double slower = r->pace > 1 ? r->pace : 1;
    bool ran = argv && ebc_process_run(child, name, argv, (int64_t)(10000 * slower), (int64_t)(300000 * slower));

    if (!argv)
        *child = (struct ebc_process){ .result = -1, .output = -1 };
    if (!ran)
        ebc_print_error(r->options->program, "cannot start a process for %s: %s", name, strerror(errno));
    free(argv);
    return ran;
}

/* ---- outcomes ---- */

static char *joined(const char *a, const char *between, const char *b) {
    char *text;

    if (asprintf(&text, "%s%s%s", a, b ? between : "", b ? b : "") < 0)
        return NULL;
    return text;
}

static void keep_seen(struct runner *r, size_t at, const struct ebc_breach *breach) {
    struct breach_seen *more = realloc(r->seen, (r->n_seen + 1) * sizeof *more);

    if (!more)
        return;
    r->seen = more;
    more[r->n_seen++] = (struct breach_seen){
        { breach->promise ? strdup(breach->promise) : NULL, breach->text ? strdup(breach->text) : NULL }, at
    };
}

static char *with_last_log(char *why, const struct ebc_process *child) {
    const char *logged = child->page->of[0].logged;
    char *more = logged[0] && why ? joined(why, "; the plugin's last words: ", logged) : NULL;

    if (!more)
        return why;
    free(why);
    return more;
}

/* A plugin must print nothing; what belongs to a crash is part of that failure. */
static void check_output(struct runner *r, size_t at, const struct ebc_process *child) {
    char *line = ebc_process_written(child), *text = NULL;

    if (line && asprintf(&text,
                         "expected nothing on stdout and stderr; came \"%s\"; breaks \"%s\"; seen in the case "
                         "%s",
                         line, ebc_rule(EBC_FORBIDDEN)->sentence, child->name) >= 0)
        keep_seen(r, at, &(struct ebc_breach){ argument(EBC_LEAVES_PROCESS), text });
    free(text);
    free(line);
}

static void fail(struct ebc_result *result, struct ebc_process *child, const char *end) {
    char *output = end ? ebc_process_written(child) : NULL;
    const char *first = child->broke ? child->broke : end, *more = child->broke && end ? end : output;

    result->outcome = EBC_FAIL;
    result->why = with_last_log(joined(first, "; ", more), child);
    result->suspects = child->suspects;
    child->suspects = NULL;
    free(output);
}

static void set_outcome(struct runner *r, size_t at, struct ebc_process *child) {
    struct ebc_result *result = &r->report.results[at];
    char *end = ebc_process_bad_end(child);

    for (size_t i = 0; i < child->n_breaches; i++)
        keep_seen(r, at, &child->breaches[i]);
    if (child->broke || end) {
        fail(result, child, end);
    } else if (child->over) {
        result->outcome = EBC_SKIP;
        result->why = joined("not judged: it needs ", "",
                             child->n_breaches ? child->breaches[child->n_breaches - 1].promise : "what failed before");
    } else if (child->skip) {
        result->outcome = EBC_SKIP;
        result->why = strdup(child->skip);
    } else {
        result->outcome = EBC_PASS;
        check_output(r, at, child);
    }
    free(end);
}

/* Breaches fail the case that names the promise; if that case was not selected, the one that saw the breach. */
static void attribute(struct runner *r) {
    for (size_t i = 0; i < r->n_seen; i++) {
        const struct ebc_breach *breach = &r->seen[i].breach;
        struct ebc_result *result = &r->report.results[r->seen[i].in];

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

/* Returns whether one of the named cases, "|" between them, failed without suspects of its own; *guilty is its name. */
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

static void excuse_suspected(struct runner *r) {
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

/* ---- all of it ---- */

static bool run_case(struct runner *r, size_t at) {
    struct ebc_result *result = &r->report.results[at];
    int64_t began = ebc_monotonic_ms();
    struct ebc_process child;
    bool ran;

    if (isatty(2))
        fprintf(stderr, "\r\033[K%zu/%zu %s", at + 1, r->report.n, result->of->name);
    ran = run_child(r, result->of->name, &child);
    result->seconds = (double)(ebc_monotonic_ms() - began) / 1000;
    if (ran)
        set_outcome(r, at, &child);
    ebc_process_free(&child);
    return ran;
}

/* Returns 0, or the exit status, with *text. */
static int classify_probe(const struct ebc_process *child, const char **text) {
    if (child->refused) {
        *text = child->refused;
        return 5;
    }
    if (child->options) {
        *text = child->options;
        return 2;
    }
    if (child->plugin && !child->away)
        return 0;
    *text = child->away;
    return child->plugin ? 3 : 5;
}

/* Finds out what the plugin is and whether its broker is reachable. Returns 0, or the exit status. */
static int probe(struct runner *r) {
    struct ebc_process child;
    const char *text = NULL;
    int code = 3;

    if (run_child(r, EBC_PROBE, &child)) {
        char *end = ebc_process_bad_end(&child);
        code = classify_probe(&child, &text);
        if (code == 3)
            ebc_print_error(r->options->program, "the broker could not be reached: %s", text);
        else if (code && text)
            ebc_print_error(r->options->program, "%s", text);
        else if (code)
            ebc_print_error(r->options->program, "%s cannot be loaded: %s", r->file, end ? end : "it reported nothing");
        snprintf(r->report.plugin, sizeof r->report.plugin, "%s", child.plugin ? child.plugin : "");
        free(end);
    }
    ebc_process_free(&child);
    return code;
}

static void sweep(const struct runner *r) {
    struct ebc_process child;

    if (run_child(r, EBC_SWEEP, &child) && (child.left || !child.done))
        ebc_print_error(r->options->program, "topics conform-%s-* are left: %s", r->run,
                        child.left ? child.left : "the plugin did not list or remove them");
    ebc_process_free(&child);
}

static bool select_cases(struct runner *r) {
    size_t n = 0;

    while (ebc_case_at(n))
        n++;
    r->report.results = calloc(n, sizeof *r->report.results);
    for (size_t i = 0; r->report.results && i < n; i++)
        if (ebc_selected(ebc_case_at(i), r->options->only))
            r->report.results[r->report.n++].of = ebc_case_at(i);
    return r->report.results != NULL;
}

/* Makes the plugin's path absolute. Returns 0, or the exit status. */
static int find_file(struct runner *r) {
    if (realpath(r->options->file, r->file))
        return 0;
    ebc_print_error(r->options->program, "%s: %s", r->options->file, strerror(errno));
    return 5;
}

static bool make_state(struct runner *r) {
    const char *tmp = getenv("TMPDIR");

    snprintf(r->state, sizeof r->state, "%s/eventbus-conform-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(r->state))
        return true;
    ebc_print_error(r->options->program, "cannot make the folder %s: %s", r->state, strerror(errno));
    return false;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Makes a short name of letters and digits, different in each run. */
static void name_run(struct runner *r) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t left = (uint64_t)ebc_wall_ms() << 16 | ((uint64_t)getpid() & 0xFFFF);
    uint32_t chance = (uint32_t)left;
    size_t n = 0;

    for (; left > 0 && n < sizeof r->run - 1; left /= 36)
        r->run[n++] = digits[left % 36];
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = (uint32_t)ebc_wall_ms();
    r->report.seed = r->options->seed ? r->options->seed : chance + UINT64_C(1);
    r->pace = r->options->pace > 0 ? r->options->pace : 1;
    snprintf(r->seed, sizeof r->seed, "%llu", (unsigned long long)r->report.seed);
    snprintf(r->pace_text, sizeof r->pace_text, "%g", r->pace);
}

static int run_all(struct runner *r) {
    int code = probe(r);

    for (size_t at = 0; code == 0 && at < r->report.n; at++)
        code = run_case(r, at) ? 0 : 3;
    if (code)
        return code;
    sweep(r);
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
    attribute(r);
    excuse_suspected(r);
    ebc_print(&r->report);
    for (size_t i = 0; i < r->report.n; i++)
        code = r->report.results[i].outcome == EBC_FAIL ? 1 : code;
    return code;
}

static int write_junit(const struct runner *r, int code) {
    char why[EBC_WHY_ROOM];

    if (!r->options->junit || code > 1 || ebc_write_junit(&r->report, r->options->junit, why))
        return code;
    ebc_print_error(r->options->program, "%s", why);
    return 2;
}

static void release(struct runner *r) {
    for (size_t i = 0; i < r->report.n; i++) {
        free(r->report.results[i].why);
        free(r->report.results[i].suspects);
    }
    for (size_t i = 0; i < r->n_seen; i++) {
        free(r->seen[i].breach.promise);
        free(r->seen[i].breach.text);
    }
    free(r->report.results);
    free(r->seen);
}

int eb_conform_run(const struct eb_conform *options) {
    struct runner r = { .options = options, .report = { .format = options->format } };
    int code = find_file(&r);

    if (code)
        return code;
    code = 3;
    name_run(&r);
    if (select_cases(&r) && make_state(&r)) {
        code = write_junit(&r, run_all(&r));
        if (nftw(r.state, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
            ebc_print_error(options->program, "cannot remove %s: %s", r.state, strerror(errno));
    }
    release(&r);
    return code;
}
