/* conform/main.c - the conformance kit as a program of its own, for plugin authors. */
#include "conform.h"
#include "runner/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Checks that a plugin keeps the promises of <eventbus/plugin.h>.\n"
    "\n"
    "Usage: eventbus-conform FILE [-o KEY=VALUE]... [--only CASE|GROUP] [--list] [--seed N] [--pace X]\n"
    "       [--json|--tap] [--junit F]\n"
    "\n"
    "  -o KEY=VALUE   an option of the plugin; ${STATE} in a value is a folder made for this run, ${NAME} an\n"
    "                 environment variable, ${file:PATH} what a file holds\n"
    "  --only         one case, or the cases of one group\n"
    "  --list         names the cases, what each tests and what it needs of a plugin, and runs none\n"
    "  --seed N       the same events and choices again, from 1\n"
    "  --pace X       all waits X times as long (1): for a broker that is slow or far; under 1\n"
    "                 shortens those only after which nothing has come\n"
    "  --json, --tap  one JSON object a case; or TAP\n"
    "  --junit F      writes JUnit's XML to F as well\n"
    "\n"
    "Exit status: 0 all passed or were skipped, 1 a case failed, 2 usage or options, 3 the broker was not reachable,\n"
    "5 not a plugin.\n"
    "\n"
    "Example: eventbus-conform ./mine.so -o url=mine://localhost --only settling\n";

enum { OPT_ONLY = 256, OPT_LIST, OPT_SEED, OPT_PACE, OPT_JSON, OPT_TAP, OPT_JUNIT, OPT_HELP };

/* clang-format off */
static const struct option known[] = {
    { "only", required_argument, NULL, OPT_ONLY },   { "list", no_argument, NULL, OPT_LIST },
    { "seed", required_argument, NULL, OPT_SEED },   { "pace", required_argument, NULL, OPT_PACE },
    { "json", no_argument, NULL, OPT_JSON },         { "tap", no_argument, NULL, OPT_TAP },
    { "junit", required_argument, NULL, OPT_JUNIT }, { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};
/* clang-format on */

/* What the command line says. */
struct ask {
    struct eb_conform run;
    const char **options; /* the run's */
    size_t n_options;
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
    return eb_conform_knows(text) ? 0 : wrong("--only: --list shows no case or group ", text);
}

/* Returns 0, or the exit status. */
static int take(struct ask *ask, int which, const char *word) {
    switch (which) {
    case 'o':
        ask->options[ask->n_options++] = optarg;
        return 0;
    case OPT_ONLY:
        return take_only(ask, optarg);
    case OPT_SEED:
        return take_seed(ask, optarg);
    case OPT_PACE:
        return take_pace(ask, optarg);
    case OPT_JUNIT:
        ask->run.junit = optarg;
        return 0;
    case OPT_LIST:
        ask->list = true;
        return 0;
    case OPT_JSON:
        ask->run.format = EB_CONFORM_JSON;
        return 0;
    case OPT_TAP:
        ask->run.format = EB_CONFORM_TAP;
        return 0;
    case OPT_HELP:
        ask->help = true;
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

static int run(int argc, char **argv) {
    static const char *const again[] = { "eventbus-conform", "--child", NULL };
    struct ask ask = { .run = { .program = "eventbus-conform", .again = again } };
    int status;

    ask.options = calloc((size_t)argc + 1, sizeof *ask.options);
    if (!ask.options)
        return 3;
    ask.run.options = ask.options;
    status = read_words(&ask, argc, argv);
    if (status == 0 && ask.help)
        fputs(help, stdout);
    else if (status == 0 && ask.list)
        eb_conform_list(ask.run.only, ask.run.format);
    else if (status == 0)
        status = eb_conform_run(&ask.run);
    free(ask.options);
    return status;
}

static int ended(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    ebc_print_error("eventbus-conform", "standard output: %s", strerror(errno));
    return 3;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--child") == 0)
        return eb_conform_child(argc, argv, 2);
    return ended(run(argc, argv));
}
