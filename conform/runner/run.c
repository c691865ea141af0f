/* conform/runner/run.c - runs the cases one after the other, each in a process of its own, and judges what they tell. */
#include "inner.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A breach of another case's promise, and in which it was seen. */
struct seen {
    struct ebc_breach breach;
    size_t in;                      /* number of the result */
};

struct runner {
    const struct eb_conform *ask;
    struct ebc_report report;
    double pace;
    char run[20], seed[24], pace_text[24], file[4096], state[4096];
    struct seen *seen;
    size_t n_seen;
};

/* ---- a child for a case ---- */

static size_t count(const char *const *list) {
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static char *word(const char *text) {
    return (char *)(uintptr_t)text;     /* exec does not write to it */
}

/* Malloced; the words are borrowed. */
static char **arguments(const struct runner *r, const char *name) {
    size_t n = count(r->ask->again), n_options = count(r->ask->options);
    char **argv = calloc(n + EBC_WORDS + n_options + 1, sizeof *argv);

    if (!argv)
        return NULL;
    memcpy(argv, r->ask->again, n * sizeof *argv);
    argv[n + EBC_W_CASE] = word(name);
    argv[n + EBC_W_PART] = word("");
    argv[n + EBC_W_SLOT] = word("0");
    argv[n + EBC_W_RUN] = word(r->run);
    argv[n + EBC_W_SEED] = word(r->seed);
    argv[n + EBC_W_PACE] = word(r->pace_text);
    argv[n + EBC_W_STATE] = word(r->state);
    argv[n + EBC_W_FILE] = word(r->file);
    if (n_options > 0)
        memcpy(argv + n + EBC_WORDS, r->ask->options, n_options * sizeof *argv);
    return argv;
}

/* ebc_process_free in either case. */
static bool run_child(const struct runner *r, const char *name, struct ebc_process *child) {
    char **argv = arguments(r, name);
    double slower = r->pace > 1 ? r->pace : 1;
    bool ran = argv && ebc_process_run(child, name, argv, (int64_t)(10000 * slower), (int64_t)(300000 * slower));

    if (!argv)
        *child = (struct ebc_process){ .result = -1, .output = -1 };
    if (!ran)
        ebc_error_line(r->ask->program, "cannot start a process for %s: %s", name, strerror(errno));
    free(argv);
    return ran;
}

/* ---- judging ---- */

static char *joined(const char *a, const char *between, const char *b) {
    char *text;

    if (asprintf(&text, "%s%s%s", a, b ? between : "", b ? b : "") < 0)
        return NULL;
    return text;
}

static void keep_seen(struct runner *r, size_t at, const struct ebc_breach *breach) {
    struct seen *more = realloc(r->seen, (r->n_seen + 1) * sizeof *more);

    if (!more)
        return;
    r->seen = more;
    more[r->n_seen++] = (struct seen){ { breach->promise ? strdup(breach->promise) : NULL,
                                         breach->text ? strdup(breach->text) : NULL }, at };
}

static char *with_words(char *why, const struct ebc_process *child) {
    const char *words = child->page->slots[0].words;
    char *more = words[0] && why ? joined(why, "; the plugin's last words: ", words) : NULL;

    if (!more)
        return why;
    free(why);
    return more;
}

/* What a plugin prints is a breach of its own, unless it belongs to a crash. */
static void judge_output(struct runner *r, size_t at, const struct ebc_process *child) {
    char *line = ebc_process_written(child), *text = NULL;

    if (line && asprintf(&text, "expected nothing on stdout and stderr; came \"%s\"; breaks \"%s\"; seen in the case "
                         "%s", line, ebc_rule(EBC_FORBIDDEN)->sentence, child->name) >= 0)
        keep_seen(r, at, &(struct ebc_breach){ word(EBC_LEAVES_PROCESS), text });
    free(text);
    free(line);
}

static void fail(struct ebc_result *result, struct ebc_process *child, const char *end) {
    char *output = end ? ebc_process_written(child) : NULL;
    const char *first = child->broke ? child->broke : end, *more = child->broke && end ? end : output;

    result->outcome = EBC_FAIL;
    result->why = with_words(joined(first, "; ", more), child);
    result->suspects = child->suspects;
    child->suspects = NULL;
    free(output);
}

static void judge(struct runner *r, size_t at, struct ebc_process *child) {
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
        judge_output(r, at, child);
    }
    free(end);
}

/* Breaches seen elsewhere fail the case that names the promise; where that was not asked for, the one at work. */
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

/* ---- all of it ---- */

static bool run_case(struct runner *r, size_t at) {
    struct ebc_result *result = &r->report.results[at];
    int64_t began = ebc_ticks_ms();
    struct ebc_process child;
    bool ran;

    if (isatty(2))
        fprintf(stderr, "\r\033[K%zu/%zu %s", at + 1, r->report.n, result->of->name);
    ran = run_child(r, result->of->name, &child);
    result->seconds = (double)(ebc_ticks_ms() - began) / 1000;
    if (ran)
        judge(r, at, &child);
    ebc_process_free(&child);
    return ran;
}

/* 0, or the exit status; *text tells why. */
static int judge_probe(const struct ebc_process *child, const char **text) {
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

/* What the plugin is, and whether its broker is there: 0, or the exit status. */
static int probe(struct runner *r) {
    struct ebc_process child;
    const char *text = NULL;
    int code = 3;

    if (run_child(r, EBC_PROBE, &child)) {
        char *end = ebc_process_bad_end(&child);
        code = judge_probe(&child, &text);
        if (code == 3)
            ebc_error_line(r->ask->program, "the broker could not be reached: %s", text);
        else if (code && text)
            ebc_error_line(r->ask->program, "%s", text);
        else if (code)
            ebc_error_line(r->ask->program, "%s cannot be loaded: %s", r->file, end ? end : "it told nothing");
        snprintf(r->report.plugin, sizeof r->report.plugin, "%s", child.plugin ? child.plugin : "");
        free(end);
    }
    ebc_process_free(&child);
    return code;
}

static void sweep(const struct runner *r) {
    struct ebc_process child;

    if (run_child(r, EBC_SWEEP, &child) && (child.left || !child.done))
        ebc_error_line(r->ask->program, "topics conform-%s-* are left: %s", r->run,
                child.left ? child.left : "the plugin did not list or remove them");
    ebc_process_free(&child);
}

static bool select_cases(struct runner *r) {
    size_t n = 0;

    while (ebc_case_at(n))
        n++;
    r->report.results = calloc(n, sizeof *r->report.results);
    for (size_t i = 0; r->report.results && i < n; i++)
        if (ebc_selected(ebc_case_at(i), r->ask->only))
            r->report.results[r->report.n++].of = ebc_case_at(i);
    return r->report.results != NULL;
}

/* The plugin's file, absolute: 0, or the exit status. */
static int find_file(struct runner *r) {
    if (realpath(r->ask->file, r->file))
        return 0;
    ebc_error_line(r->ask->program, "%s: %s", r->ask->file, strerror(errno));
    return 5;
}

static bool make_state(struct runner *r) {
    const char *tmp = getenv("TMPDIR");

    snprintf(r->state, sizeof r->state, "%s/eventbus-conform-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(r->state))
        return true;
    ebc_error_line(r->ask->program, "cannot make the folder %s: %s", r->state, strerror(errno));
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
    uint32_t chance = (uint32_t)left;
    size_t n = 0;

    for (; left > 0 && n < sizeof r->run - 1; left /= 36)
        r->run[n++] = digits[left % 36];
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = (uint32_t)ebc_clock_ms();
    r->report.seed = r->ask->seed ? r->ask->seed : chance + UINT64_C(1);
    r->pace = r->ask->pace > 0 ? r->ask->pace : 1;
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
    excuse(r);
    ebc_print(&r->report);
    for (size_t i = 0; i < r->report.n; i++)
        code = r->report.results[i].outcome == EBC_FAIL ? 1 : code;
    return code;
}

static int write_junit(const struct runner *r, int code) {
    char why[EBC_WHY_ROOM];

    if (!r->ask->junit || code > 1 || ebc_print_junit(&r->report, r->ask->junit, why))
        return code;
    ebc_error_line(r->ask->program, "%s", why);
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

int eb_conform_run(const struct eb_conform *ask) {
    struct runner r = { .ask = ask, .report = { .format = ask->format } };
    int code = find_file(&r);

    if (code)
        return code;
    code = 3;
    name_run(&r);
    if (select_cases(&r) && make_state(&r)) {
        code = write_junit(&r, run_all(&r));
        if (nftw(r.state, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
            ebc_error_line(ask->program, "cannot remove %s: %s", r.state, strerror(errno));
    }
    release(&r);
    return code;
}
