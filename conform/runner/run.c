/* conform/runner/run.c - runs the cases, each in a process of its own or all in this one, and tells the program each result as
 * soon as it is known. */
#include "runner/run.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/host.h"
#include "runner/shell.h"

enum { DONE = 0, CASE_FAILED = 1, WRONG_CALL = 2, NOT_REACHABLE = 3, NOT_A_PLUGIN = 5 };

/* Fills the error. Returns the exit status. */
static int __attribute__((format(printf, 3, 4))) failed(struct ebc_run *r, int code, const char *format, ...) {
    static const int32_t kinds[] = {
        [WRONG_CALL] = EB_KIND_CONFIG, [NOT_REACHABLE] = EB_KIND_BROKER, [NOT_A_PLUGIN] = EB_KIND_PLUGIN
    };
    va_list args;

    if (!r->err)
        return code;
    *r->err = (struct eb_error){ .status = code == NOT_REACHABLE ? EB_RETRIABLE : EB_PERMANENT, .kind = kinds[code] };
    va_start(args, format);
    vsnprintf(r->err->text, sizeof r->err->text, format, args);
    va_end(args);
    return code;
}

static void __attribute__((format(printf, 2, 3))) trouble(const struct ebc_run *r, const char *format, ...) {
    char text[EB_ERROR_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->options.trouble)
        r->options.trouble(r->options.arg, text);
}

/* ---- a process for a case ---- */

static size_t count(const char *const *list) {
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static char *argument(const char *text) {
    return (char *)(uintptr_t)(text ? text : ""); /* exec does not write to its arguments */
}

/* Returns a malloced list of borrowed texts; NULL: no memory left. */
static char **arguments(const struct ebc_run *r, const char *name) {
    size_t n_options = count(r->options.options), n_instead = count(r->options.unreachable);
    char **argv = calloc(EBC_W_COUNT + n_options + n_instead + 1, sizeof *argv);

    if (!argv)
        return NULL;
    argv[EBC_W_PROGRAM] = argument("eventbus-conform");
    argv[EBC_W_WORD] = argument(EBC_CASE_WORD);
    argv[EBC_W_CASE] = argument(name);
    argv[EBC_W_PEER] = argument("");
    argv[EBC_W_NUMBER] = argument("0");
    argv[EBC_W_RUN] = argument(r->run);
    argv[EBC_W_SEED] = argument(r->seed_text);
    argv[EBC_W_PACE] = argument(r->pace_text);
    argv[EBC_W_STATE] = argument(r->state);
    argv[EBC_W_FILE] = argument(r->file);
    argv[EBC_W_DOWN] = argument(r->options.down);
    argv[EBC_W_UP] = argument(r->options.up);
    argv[EBC_W_N_OPTIONS] = argument(r->n_options);
    for (size_t i = 0; i < n_options; i++)
        argv[EBC_W_COUNT + i] = argument(r->options.options[i]);
    for (size_t i = 0; i < n_instead; i++)
        argv[EBC_W_COUNT + n_options + i] = argument(r->options.unreachable[i]);
    return argv;
}

static double slower(const struct ebc_run *r) {
    return r->pace > 1 ? r->pace : 1;
}

/* How long a case may take at most. One that stops the broker and starts it again waits for two commands as well. */
static int64_t allowed_ms(const struct ebc_run *r, const char *name) {
    const struct ebc_case *of = ebc_case_named(name);
    int64_t ms = 300000 + (of && of->broker == EBC_RESTARTED ? 2 * EBC_SHELL_MS : 0);

    return (int64_t)((double)ms * slower(r));
}

/* The caller calls ebc_process_free, whatever this returns. On failure the error is filled. */
static bool run_child(struct ebc_run *r, const char *name, struct ebc_process *child) {
    char **argv = arguments(r, name);
    bool ran = false;

    *child = (struct ebc_process){ .result = -1, .output = -1 };
    if (argv && r->options.in_process && !r->broke_off)
        ran = ebc_process_here(child, name, argv);
    else if (argv)
        ran = ebc_process_run(child, name, argv, (int64_t)(10000 * slower(r)), allowed_ms(r, name));
    if (!ran)
        failed(r, NOT_REACHABLE, "cannot start a process for the case %s: %s", name, strerror(errno));
    free(argv);
    return ran;
}

/* ---- telling results ---- */

static void tell(struct ebc_run *r, struct ebc_result *result) {
    const struct eb_conform_result told = { .size = sizeof told,
                                            .name = result->of->name,
                                            .group = result->of->group,
                                            .outcome = (int32_t)result->outcome,
                                            .revised = result->told,
                                            .why = result->why ? result->why : "",
                                            .seconds = result->seconds };

    result->told = true;
    result->changed = false;
    if (r->options.result && r->options.result(r->options.arg, &told) != 0)
        r->ended = true;
}

/* Tells again what became another outcome after it was told. */
static void tell_changed(struct ebc_run *r) {
    for (size_t i = 0; i < r->n; i++)
        if (r->results[i].told && r->results[i].changed)
            tell(r, &r->results[i]);
}

/* ---- the cases ---- */

/* A case that ended early may have left the broker stopped. Returns 0, or the exit status. */
static int start_broker_again(struct ebc_run *r, const struct ebc_process *child) {
    int32_t broker = child->page ? child->page->broker : EBC_BROKER_UP;
    char why[EBC_SHELL_WHY_ROOM];

    if (broker == EBC_BROKER_UP || ebc_shell("--up", r->options.up, (int64_t)(EBC_SHELL_MS * slower(r)), why))
        return DONE;
    if (broker == EBC_BROKER_STOPPED)
        return failed(r, NOT_REACHABLE, "the case %s stopped the broker, and the broker does not start again: %s", child->name,
                      why);
    trouble(r, "--down failed in the case %s, and so did the --up after it: %s", child->name, why);
    return DONE;
}

/* Runs the case. Returns 0, or the exit status when nothing more can run. */
static int run_case(struct ebc_run *r, size_t at) {
    struct ebc_result *result = &r->results[at];
    int64_t began = ebc_monotonic_ms();
    struct ebc_process child;
    int code = NOT_REACHABLE;

    if (r->broke_off) {
        char *why = NULL;
        result->outcome = EBC_SKIP;
        result->why = asprintf(&why, "not run: %s broke off in this process, and left its instances open", r->broke_off) < 0
                          ? NULL
                          : why;
        return DONE;
    }
    if (r->options.begins)
        r->options.begins(r->options.arg, result->of->name, at + 1);
    if (run_child(r, result->of->name, &child)) {
        result->seconds = (double)(ebc_monotonic_ms() - began) / 1000;
        ebc_set_outcome(r, at, &child);
        r->broke_off = r->options.in_process && child.over ? result->of->name : NULL;
        code = start_broker_again(r, &child);
    }
    ebc_process_free(&child);
    return code;
}

static int finish(struct ebc_run *r, size_t at);

/* Runs the suspects of a failed case at once, until one has failed for itself: only then is it known whether that case did.
 * Returns 0, or the exit status when nothing more can run. */
static int finish_suspects(struct ebc_run *r, size_t at) {
    const char *names = r->results[at].suspects;
    int code = DONE;

    while (names && *names && code == DONE && r->results[at].outcome == EBC_FAIL) {
        size_t len = strcspn(names, "|");
        for (size_t i = 0; i < r->n && code == DONE; i++)
            if (strlen(r->results[i].of->name) == len && strncmp(r->results[i].of->name, names, len) == 0)
                code = finish(r, i);
        ebc_excuse(r, at);
        names += len + (names[len] == '|');
    }
    return code;
}

/* Runs a case unless it has run, and tells what is known then. Returns 0, or the exit status when nothing more can run. */
static int finish(struct ebc_run *r, size_t at) {
    struct ebc_result *result = &r->results[at];
    int code;

    if (result->outcome != EBC_NOT_RUN || r->ended)
        return DONE;
    code = run_case(r, at);
    if (result->outcome == EBC_NOT_RUN)
        return code;
    ebc_attribute(r);
    if (code == DONE)
        code = finish_suspects(r, at);
    ebc_excuse(r, at);
    result->by_itself = result->outcome == EBC_FAIL;
    tell(r, result);
    tell_changed(r);
    return code;
}

/* ---- before and after them ---- */

/* Returns 0, or the exit status, with *text. */
static int classify_probe(const struct ebc_process *child, const char **text) {
    if (child->refused) {
        *text = child->refused;
        return NOT_A_PLUGIN;
    }
    if (child->options) {
        *text = child->options;
        return WRONG_CALL;
    }
    if (child->plugin && !child->away)
        return DONE;
    *text = child->away;
    return child->plugin ? NOT_REACHABLE : NOT_A_PLUGIN;
}

static int refuse_probe(struct ebc_run *r, const struct ebc_process *child, int code, const char *text) {
    char *end = ebc_process_bad_end(child), *command = end ? ebc_debug_command(r, EBC_PROBE) : NULL;

    if (code == NOT_REACHABLE)
        failed(r, code, "the broker could not be reached: %s", text ? text : "the plugin reported nothing");
    else if (text)
        failed(r, code, "%s", text);
    else
        failed(r, code, "%s cannot be loaded: %s%s%s", r->file, end ? end : "it reported nothing",
               command ? "; to see it: " : "", command ? command : "");
    free(command);
    free(end);
    return code;
}

/* Finds out what the plugin is and whether its broker is reachable. Returns 0, or the exit status. */
static int probe(struct ebc_run *r) {
    struct ebc_process child;
    const char *text = NULL;
    int code = NOT_REACHABLE;

    if (run_child(r, EBC_PROBE, &child)) {
        code = classify_probe(&child, &text);
        if (code)
            refuse_probe(r, &child, code, text);
        snprintf(r->plugin, sizeof r->plugin, "%s", child.plugin ? child.plugin : "");
        r->secret = child.secret;
    }
    ebc_process_free(&child);
    return code;
}

/* After a case that broke off in this process, the topics are removed from another one. */
static void sweep(struct ebc_run *r) {
    struct ebc_process child;

    if ((!r->broke_off || ebc_main_was_called()) && run_child(r, EBC_SWEEP, &child)) {
        if (child.left || !child.done)
            trouble(r, "topics conform-%s-* are left: %s", r->run,
                    child.left ? child.left : "the plugin did not list or remove them");
        ebc_process_free(&child);
    } else {
        trouble(r, "topics conform-%s-* are left: nothing more could run", r->run);
    }
}

static int run_all(struct ebc_run *r) {
    int code = probe(r);

    if (code)
        return code;
    if (r->options.started)
        r->ended = r->options.started(r->options.arg, &(struct eb_conform_start){ .size = sizeof(struct eb_conform_start),
                                                                                  .plugin = r->plugin,
                                                                                  .seed = r->seed,
                                                                                  .n_cases = r->n }) != 0;
    for (size_t at = 0; code == DONE && at < r->n; at++)
        code = finish(r, at);
    if (code)
        return code;
    sweep(r);
    for (size_t i = 0; i < r->n; i++)
        ebc_excuse(r, i);
    tell_changed(r);
    for (size_t i = 0; i < r->n; i++)
        code = r->results[i].outcome == EBC_FAIL ? CASE_FAILED : code;
    return code;
}

/* ---- the run ---- */

/* Returns 0, or the exit status. */
static int check_options(struct ebc_run *r) {
    const struct eb_conform *given = &r->options;
    struct sigaction children;

    if (!given->file)
        return failed(r, WRONG_CALL, "the field file is NULL: which plugin?");
    if (!realpath(given->file, r->file))
        return failed(r, NOT_A_PLUGIN, "%s: %s", given->file, strerror(errno));
    if (given->only && eb_conform_cases(given->only, NULL, NULL) == 0)
        return failed(r, WRONG_CALL, "there is no case or group \"%s\"", given->only);
    if (given->pace != 0 && !(given->pace >= 0.1 && given->pace <= 100))
        return failed(r, WRONG_CALL, "the pace is %g: expected a number from 0.1 to 100", given->pace);
    if (!given->down != !given->up)
        return failed(r, WRONG_CALL, "--down and --up belong together: a broker that was stopped has to be started again");
    if (!given->in_process && !ebc_main_was_called())
        return failed(r, WRONG_CALL, "each case is a process of this program: call eb_conform_main first in main");
    if (sigaction(SIGCHLD, NULL, &children) == 0 && children.sa_handler == SIG_IGN)
        return failed(r, WRONG_CALL, "SIGCHLD is ignored: how a case ended could not be seen");
    return DONE;
}

static bool select_cases(struct ebc_run *r) {
    r->results = calloc(eb_conform_cases(NULL, NULL, NULL), sizeof *r->results);
    for (size_t i = 0; r->results && ebc_case_at(i); i++)
        if (ebc_selected(ebc_case_at(i), r->options.only))
            r->results[r->n++].of = ebc_case_at(i);
    return r->results != NULL;
}

static bool make_state(struct ebc_run *r) {
    const char *tmp = getenv("TMPDIR");

    snprintf(r->state, sizeof r->state, "%s/eventbus-conform-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(r->state) != NULL;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Makes a short name of letters and digits, different in each run. */
static void name_run(struct ebc_run *r) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t left = (uint64_t)ebc_wall_ms() << 16 | ((uint64_t)getpid() & 0xFFFF);
    uint32_t chance = (uint32_t)left;
    size_t n = 0;

    for (; left > 0 && n < sizeof r->run - 1; left /= 36)
        r->run[n++] = digits[left % 36];
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = (uint32_t)ebc_wall_ms();
    r->seed = r->options.seed ? r->options.seed : chance + UINT64_C(1);
    r->pace = r->options.pace > 0 ? r->options.pace : 1;
    snprintf(r->seed_text, sizeof r->seed_text, "%llu", (unsigned long long)r->seed);
    snprintf(r->pace_text, sizeof r->pace_text, "%g", r->pace);
    snprintf(r->n_options, sizeof r->n_options, "%zu", count(r->options.options));
}

static void release(struct ebc_run *r) {
    for (size_t i = 0; i < r->n; i++) {
        free(r->results[i].why);
        free(r->results[i].suspects);
    }
    for (size_t i = 0; i < r->n_seen; i++) {
        free(r->seen[i].breach.promise);
        free(r->seen[i].breach.text);
    }
    free(r->results);
    free(r->seen);
}

int eb_conform_run(const struct eb_conform *given, struct eb_error *err) {
    struct ebc_run r = { .err = err };
    int code;

    if (!given)
        return failed(&r, WRONG_CALL, "struct eb_conform is NULL");
    if (given->size < offsetof(struct eb_conform, options))
        return failed(&r, WRONG_CALL, "the field size is %zu: set it to sizeof(struct eb_conform)", given->size);
    memcpy(&r.options, given, given->size < sizeof r.options ? given->size : sizeof r.options);
    if (!r.options.command)
        r.options.command = "eventbus conform";
    code = check_options(&r);
    if (code)
        return code;
    name_run(&r);
    if (!select_cases(&r)) {
        code = failed(&r, NOT_REACHABLE, "no memory left");
    } else if (!make_state(&r)) {
        code = failed(&r, NOT_REACHABLE, "cannot make the folder %s: %s", r.state, strerror(errno));
    } else {
        code = run_all(&r);
        if (nftw(r.state, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
            trouble(&r, "cannot remove %s: %s", r.state, strerror(errno));
    }
    release(&r);
    return code;
}
