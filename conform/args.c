/* conform/args.c - the kit's command line, and its way in. */
#include "inner.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char help[] =
    "Checks that a plugin keeps the promises of <eventbus/plugin.h>.\n"
    "\n"
    "Usage: %s FILE|NAME [-o KEY=VALUE]... [--only CASE|GROUP] [--list] [--seed N] [--pace X]\n"
    "       [--json|--tap] [--junit F]\n"
    "\n"
    "  -o KEY=VALUE   an option of the plugin; ${STATE} in a value is a folder made for this run, ${NAME} an\n"
    "                 environment variable\n"
    "  --only         one case, or the cases of one group\n"
    "  --list         names the cases and runs none\n"
    "  --seed N       the same events and choices again\n"
    "  --pace X       all waits X times as long (1): for a broker that is slow or far\n"
    "  --json, --tap  one JSON object a case; or TAP\n"
    "  --junit F      writes JUnit's XML to F as well\n"
    "\n"
    "Exit status: 0 all passed or were skipped, 1 a case failed, 2 usage or options, 3 the broker was not reachable,\n"
    "5 not a plugin.\n"
    "\n"
    "Example: %s ./mine.so -o url=mine://localhost --only settling\n";

enum { OPT_ONLY = 256, OPT_LIST, OPT_SEED, OPT_PACE, OPT_JSON, OPT_TAP, OPT_JUNIT, OPT_HELP, OPT_CHILD, OPT_PART,
       OPT_RUN, OPT_STATE, OPT_SLOT };

static const struct option known[] = {
    { "only", required_argument, NULL, OPT_ONLY },   { "list", no_argument, NULL, OPT_LIST },
    { "seed", required_argument, NULL, OPT_SEED },   { "pace", required_argument, NULL, OPT_PACE },
    { "json", no_argument, NULL, OPT_JSON },         { "tap", no_argument, NULL, OPT_TAP },
    { "junit", required_argument, NULL, OPT_JUNIT }, { "help", no_argument, NULL, OPT_HELP },
    { "child", required_argument, NULL, OPT_CHILD }, { "part", required_argument, NULL, OPT_PART },
    { "run", required_argument, NULL, OPT_RUN },     { "state", required_argument, NULL, OPT_STATE },
    { "slot", required_argument, NULL, OPT_SLOT },   { NULL, 0, NULL, 0 },
};

static bool read_seed(const char *text, uint64_t *seed) {
    char *end;

    errno = 0;
    *seed = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool read_pace(const char *text, double *pace) {
    char *end;

    *pace = strtod(text, &end);
    return end != text && !*end && *pace >= 0.1 && *pace <= 100;
}

/* NULL, or what is wrong with the value. */
static const char *take_value(struct ebc_args *args, int which, char *value) {
    uint64_t slot;

    switch (which) {
    case 'o':
        args->options[args->n_options++] = value;
        return NULL;
    case OPT_ONLY:
        args->only = value;
        return NULL;
    case OPT_SEED:
        args->seeded = true;
        return read_seed(value, &args->seed) ? NULL : "--seed: expected a whole number from 0";
    case OPT_PACE:
        return read_pace(value, &args->pace) ? NULL : "--pace: expected a number from 0.1 to 100";
    case OPT_JUNIT:
        args->junit = value;
        return NULL;
    case OPT_CHILD:
        args->child = value;
        return NULL;
    case OPT_PART:
        args->part = value;
        return NULL;
    case OPT_RUN:
        args->run = value;
        return NULL;
    case OPT_STATE:
        args->state = value;
        return NULL;
    default:
        if (!read_seed(value, &slot) || slot >= EBC_SLOTS)
            return "--slot is for the kit's own use";
        args->slot = (unsigned)slot;
        return NULL;
    }
}

static void take_flag(struct ebc_args *args, int which) {
    switch (which) {
    case OPT_LIST:
        args->list = true;
        break;
    case OPT_JSON:
        args->format = EBC_PRINT_JSON;
        break;
    case OPT_TAP:
        args->format = EBC_PRINT_TAP;
        break;
    default:
        args->help = true;
    }
}

/* NULL, or what is wrong; *word is the argument it is about. */
static const char *take_all(int argc, char **argv, struct ebc_args *args, const char **word) {
    int which;

    opterr = 0;
    optind = 0;                     /* GNU: begin afresh, whatever the program parsed before */
    while ((which = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
        const char *wrong = NULL;

        *word = argv[optind - 1];
        if (which == '?')
            return "is no option of it, or lacks its value";
        if (optarg)
            wrong = take_value(args, which, optarg);
        else
            take_flag(args, which);
        if (wrong)
            return wrong;
    }
    if (optind < argc)
        args->file = argv[optind++];
    *word = optind < argc ? argv[optind] : "";
    return optind < argc ? "comes after the plugin; one FILE or NAME is expected" : NULL;
}

static bool known_only(const char *only) {
    for (size_t i = 0; ebc_case_at(i); i++)
        if (ebc_selected(ebc_case_at(i), only))
            return true;
    return false;
}

static bool complete(const struct ebc_args *args, char why[EBC_WHY_ROOM]) {
    if (args->help)
        return true;
    if (args->only && !known_only(args->only)) {
        snprintf(why, EBC_WHY_ROOM, "--only %.200s: there is no such case or group; --list names them", args->only);
        return false;
    }
    if (args->list || args->file)
        return true;
    snprintf(why, EBC_WHY_ROOM, "which plugin? Give its file, or --help");
    return false;
}

bool ebc_args_read(int argc, char **argv, const struct eb_conform_program *program, struct ebc_args *args,
                   char why[EBC_WHY_ROOM]) {
    const char *wrong, *word = "";

    *args = (struct ebc_args){ .program = program, .argv = argv, .pace = 1 };
    args->options = calloc((size_t)argc + 1, sizeof *args->options);
    if (!args->options) {
        snprintf(why, EBC_WHY_ROOM, "no memory left");
        return false;
    }
    wrong = take_all(argc, argv, args, &word);
    if (wrong) {
        bool names_it = wrong[0] == '-';
        snprintf(why, EBC_WHY_ROOM, "%.200s%s%s", names_it ? "" : word, names_it ? "" : " ", wrong);
        return false;
    }
    if (!args->seeded && getrandom(&args->seed, 4, 0) != 4)
        args->seed = (uint64_t)ebc_clock_ms();
    return complete(args, why);
}

void ebc_args_free(struct ebc_args *args) {
    free(args->options);
    args->options = NULL;
}

int eb_conform_main(int argc, char **argv, const struct eb_conform_program *program) {
    struct ebc_args args;
    char why[EBC_WHY_ROOM];
    int code = 0;

    if (!ebc_args_read(argc, argv, program, &args, why)) {
        fprintf(stderr, "%s: %s\n", program->name, why);
        code = 2;
    } else if (args.help) {
        printf(help, program->name, program->name);
    } else if (args.list) {
        ebc_print_list(&args);
    } else {
        code = args.child ? ebc_child(&args) : ebc_run(&args);
    }
    ebc_args_free(&args);
    return code;
}
