/* conform/main.c - the conformance kit as a program of its own, for the tests of the kit and of the plugins. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/conform.h>
#include "output/output.h"

static const char help[] =
    "Checks that a plugin keeps the promises of <eventbus/plugin.h>; eventbus-conform(1) says more.\n"
    "\n"
    "Usage: eventbus-conform FILE [-o KEY=VALUE]... [--only CASE|GROUP] [--list] [--seed N] [--pace X]\n"
    "       [--down CMD --up CMD] [--unreachable KEY=VALUE]... [--in-process]\n"
    "       [--json|--tap] [--output F] [--junit F]\n"
    "\n"
    "Exit status: 0 all passed or were skipped, 1 a case failed, 2 usage or options, 3 the broker was not reachable,\n"
    "5 not a plugin.\n";

enum {
    OPT_ONLY = 256,
    OPT_LIST,
    OPT_SEED,
    OPT_PACE,
    OPT_JSON,
    OPT_TAP,
    OPT_JUNIT,
    OPT_OUTPUT,
    OPT_HELP,
    OPT_DOWN,
    OPT_UP,
    OPT_UNREACHABLE,
    OPT_IN_PROCESS
};

/* clang-format off */
static const struct option known[] = {
    { "only", required_argument, NULL, OPT_ONLY },     { "list", no_argument, NULL, OPT_LIST },
    { "seed", required_argument, NULL, OPT_SEED },     { "pace", required_argument, NULL, OPT_PACE },
    { "json", no_argument, NULL, OPT_JSON },           { "tap", no_argument, NULL, OPT_TAP },
    { "junit", required_argument, NULL, OPT_JUNIT },   { "output", required_argument, NULL, OPT_OUTPUT },
    { "down", required_argument, NULL, OPT_DOWN },     { "up", required_argument, NULL, OPT_UP },
    { "unreachable", required_argument, NULL, OPT_UNREACHABLE },
    { "in-process", no_argument, NULL, OPT_IN_PROCESS },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};
/* clang-format on */

/* What the command line says. */
struct ask {
    struct eb_conform run;
    struct ebc_output output;
    const char **options, **unreachable; /* the run's */
    size_t n_options, n_unreachable;
    bool list, help;
};

static int wrong(const char *what, const char *why) {
    ebc_print_error("eventbus-conform", "%s%s; see --help", what, why);
    return 2;
}

static int take_seed(struct ask *ask, const char *text) {
    char *end;

    errno = 0;
    ask->run.seed = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || ask->run.seed == 0)
        return wrong("--seed: expected a whole number from 1, not ", text);
    return 0;
}

static int take_pace(struct ask *ask, const char *text) {
    char *end;

    ask->run.pace = strtod(text, &end);
    if (end == text || *end || !(ask->run.pace >= 0.1 && ask->run.pace <= 100))
        return wrong("--pace: expected a number from 0.1 to 100, not ", text);
    return 0;
}

static int take_only(struct ask *ask, const char *text) {
    ask->run.only = text;
    return eb_conform_cases(text, NULL, NULL) ? 0 : wrong("--only: --list shows no case or group ", text);
}

/* Takes an option that only sets something; returns false when it is another. */
static bool take_plain(struct ask *ask, int which) {
    switch (which) {
    case 'o':
        ask->options[ask->n_options++] = optarg;
        return true;
    case OPT_UNREACHABLE:
        ask->unreachable[ask->n_unreachable++] = optarg;
        ask->run.unreachable = ask->unreachable;
        return true;
    case OPT_JUNIT:
        ask->output.junit = optarg;
        return true;
    case OPT_OUTPUT:
        ask->output.file = optarg;
        return true;
    case OPT_DOWN:
        ask->run.down = optarg;
        return true;
    case OPT_UP:
        ask->run.up = optarg;
        return true;
    case OPT_LIST:
        ask->list = true;
        return true;
    case OPT_IN_PROCESS:
        ask->run.in_process = 1;
        return true;
    case OPT_HELP:
        ask->help = true;
        return true;
    default:
        return false;
    }
}

/* Returns 0, or the exit status. */
static int take(struct ask *ask, int which, const char *word) {
    if (take_plain(ask, which))
        return 0;
    switch (which) {
    case OPT_ONLY:
        return take_only(ask, optarg);
    case OPT_SEED:
        return take_seed(ask, optarg);
    case OPT_PACE:
        return take_pace(ask, optarg);
    case OPT_JSON:
    case OPT_TAP:
        ask->output.format = which == OPT_JSON ? EBC_JSON : EBC_TAP;
        return 0;
    default:
        return wrong(word, " is not an option of it, or lacks its value");
    }
}

static int read_words(struct ask *ask, int argc, char **argv) {
    int which, status = 0;

    opterr = 0;
    while (status == 0 && (which = getopt_long(argc, argv, "o:", known, NULL)) != -1)
        status = take(ask, which, argv[optind - 1]);
    if (status)
        return status;
    ask->run.file = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return wrong(argv[optind], " comes after the plugin; one FILE is expected");
    if (!ask->run.file && !ask->list && !ask->help)
        return wrong("which plugin? Give its file", "");
    return 0;
}

static bool write_out(const char *text, size_t len) {
    return fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0;
}

static void tell_trouble(void *arg, const char *text) {
    (void)arg;
    ebc_print_error("eventbus-conform", "%s", text);
}

static int run(struct ask *ask) {
    struct ebc_output *output = &ask->output;
    struct eb_error err = { 0 };
    int status = 2;

    if (ebc_output_open(output)) {
        status = eb_conform_run(&ask->run, &err);
        if (status > 1)
            ebc_print_error("eventbus-conform", "%s", err.text);
        if (!ebc_output_end(output))
            status = 2;
    }
    if (output->why[0])
        ebc_print_error("eventbus-conform", "%s", output->why);
    return status;
}

static int answer(int argc, char **argv) {
    struct ask ask = { .run = { .size = sizeof ask.run, .command = argv[0] }, .output = { .write = write_out } };
    int status = 3;

    ask.run.started = ebc_output_started;
    ask.run.begins = ebc_output_begins;
    ask.run.result = ebc_output_result;
    ask.run.trouble = tell_trouble;
    ask.run.arg = &ask.output;
    ask.options = calloc((size_t)argc + 1, sizeof *ask.options);
    ask.unreachable = calloc((size_t)argc + 1, sizeof *ask.unreachable);
    if (ask.options && ask.unreachable) {
        ask.run.options = ask.options;
        status = read_words(&ask, argc, argv);
        if (status == 0 && ask.help)
            fputs(help, stdout);
        else if (status == 0 && ask.list)
            ebc_output_list(&ask.output, ask.run.only);
        else if (status == 0)
            status = run(&ask);
    }
    ebc_output_close(&ask.output);
    free(ask.options);
    free(ask.unreachable);
    return status;
}

static int ended(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    ebc_print_error("eventbus-conform", "standard output: %s", strerror(errno));
    return 3;
}

int main(int argc, char **argv) {
    eb_conform_main(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* a write that fails ends the run, which removes its topics */
    return ended(answer(argc, argv));
}
