/* cli/command.c - finds the verb that the arguments name and runs it. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>
#include <eventbus/version.h>
#include "base/nearest.h"
#include "cli/help.h"
#include "cli/options.h"
#include "config/settings.h"

enum { MOST_VERBS = 32, MOST_PARTS = 8, NAME_ROOM = 64 };

int cli_usage(const char *name, const char *format, ...) {
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = strlen(text);
    const char *then = len > 0 && text[len - 1] == '?' ? " See" : "; see";
    cli_tell("%s%s%s%s eventbus %s%s--help", name, *name ? ": " : "", text, then, name, *name ? " " : "");
    return CLI_EXIT_USAGE;
}

enum eb_status cli_configure(const struct cli_call *call, struct ebi_config **config, struct ebi_bus_settings *settings,
                             struct eb_error *err) {
    enum eb_status status = ebi_config_load(call->files, call->overrides, config, err);

    if (status != EB_OK)
        return status;
    if (ebi_config_note(*config))
        cli_tell("%s", ebi_config_note(*config));
    *settings = (struct ebi_bus_settings){ 0 };
    struct ebi_table table = ebi_bus_table(settings);
    status = ebi_config_bind(*config, "eventbus", "", &table, 1, err);
    if (status != EB_OK) {
        ebi_config_free(*config);
        *config = NULL;
    }
    return status;
}

static const struct cli_verb *find(const struct cli_verb *const *verbs, const char *word) {
    while (*verbs && strcmp((*verbs)->name, word) != 0)
        verbs++;
    return *verbs;
}

/* Returns whether a verb has a subcommand of this name, and lists them: "schema check or config check". */
static bool list_wholes(const struct cli_verb *const *verbs, const char *word, char *list, size_t room) {
    size_t len = 0;

    for (list[0] = '\0'; *verbs && len < room; verbs++)
        if ((*verbs)->parts && find((*verbs)->parts, word))
            len += (size_t)snprintf(list + len, room - len, "%s%s %s", len ? " or " : "", (*verbs)->name, word);
    return len > 0;
}

static int tell_unknown_verb(const struct cli_verb *const *verbs, const char *name, const char *word) {
    const char *names[MOST_VERBS];
    size_t n = 0;

    while (verbs[n] && n < MOST_VERBS) {
        names[n] = verbs[n]->name;
        n++;
    }
    ptrdiff_t near = ebi_nearest(word, names, n);
    const char *what = *name ? "" : "verb ";
    char wholes[128];
    if (list_wholes(verbs, word, wholes, sizeof wholes))
        return cli_usage(name, "unknown %s\"%s\"; did you mean %s?", what, word, wholes);
    if (near >= 0)
        return cli_usage(name, "unknown %s\"%s\"; did you mean %s?", what, word, names[near]);
    return cli_usage(name, "unknown %s\"%s\"", what, word);
}

static int tell_missing_verb(const struct cli_verb *const *verbs, const char *name) {
    char list[512] = "";

    for (size_t len = 0; *verbs && len < sizeof list; verbs++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", (*verbs)->name);
    return cli_usage(name, "say what: %s", list);
}

static int check_operands(const struct cli_call *call) {
    if (call->n_operands < call->verb->min_operands)
        return cli_usage(call->name, "something is missing: eventbus %s %s", call->name, call->verb->usage[0]);
    if (call->n_operands > call->verb->max_operands)
        return cli_usage(call->name, "\"%s\" is one word too many", call->operands[call->verb->max_operands]);
    return 0;
}

/* Prints the help or the version if it was asked for, and returns whether it was. */
static bool answered(const struct cli_common *common, const struct cli_verb *verb, const char *name,
                     const struct cli_verb *const *verbs) {
    if (common->help && verb)
        cli_help_verb(verb, name);
    else if (common->help)
        cli_help(verbs);
    else if (common->version)
        cli_outf("eventbus %s (plugin ABI %u.%u)\n", eb_version(), EB_ABI_MAJOR, EB_ABI_MINOR);
    return common->help || common->version;
}

/* Runs the verb itself, not a subcommand; argv[0] is its last word. */
static int run(const struct cli_verb *verb, const char *name, struct cli_common *common, int argc, char **argv) {
    void *settings = calloc(1, verb->settings_size + 1);
    struct cli_table tables[] = { { verb->options, verb->n_options, settings },
                                  { cli_common_options, cli_n_common_options, common } };
    int status = CLI_EXIT_USAGE;

    if (!settings) {
        cli_tell("out of memory");
        return CLI_EXIT_BROKER;
    }
    int read = cli_options_read(name, tables, 2, CLI_ANYWHERE, argc, argv);
    if (read < 0)
        goto done;
    if (answered(common, verb, name, NULL)) {
        status = CLI_EXIT_DONE;
        goto done;
    }
    struct cli_call call = { .verb = verb,
                             .verbs = common->verbs,
                             .name = name,
                             .settings = settings,
                             .operands = (const char *const *)argv + read,
                             .n_operands = (size_t)(argc - read),
                             .files = common->files,
                             .overrides = common->overrides,
                             .loudness = common->quiet     ? CLI_QUIET
                                         : common->verbose ? CLI_VERBOSE
                                                           : CLI_NORMAL };
    status = common->quiet && common->verbose ? cli_usage(name, "-q and -v exclude each other") : check_operands(&call);
    if (status == 0)
        status = verb->run(&call);
done:
    cli_options_free(tables, 1);
    free(settings);
    return status;
}

/* Finds the first word behind a verb and its options, which may be those of a subcommand; see cli_options_first_word. */
static int first_word(const struct cli_verb *verb, int argc, char **argv) {
    struct cli_table tables[MOST_PARTS + 2] = { { verb->options, verb->n_options, NULL },
                                                { cli_common_options, cli_n_common_options, NULL } };
    size_t n = 2;

    for (const struct cli_verb *const *part = verb->parts; *part && n < MOST_PARTS + 2; part++)
        tables[n++] = (struct cli_table){ (*part)->options, (*part)->n_options, NULL };
    return cli_options_first_word(tables, n, argc, argv);
}

/* Runs a verb that has subcommands and a run of its own: the subcommand if the first word names one. Options of the
 * subcommand may stand before that word as well. */
static int run_or_dispatch(const struct cli_verb *verb, const char *name, struct cli_common *common, int argc, char **argv) {
    int at = first_word(verb, argc, argv);
    char full[2 * NAME_ROOM];

    if (at == argc)
        return run(verb, name, common, argc, argv);
    char *word = argv[at];
    const struct cli_verb *part = find(verb->parts, word);
    if (!part)
        return verb->max_operands > 0 ? run(verb, name, common, argc, argv) : tell_unknown_verb(verb->parts, name, word);
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    argv[1] = word;
    snprintf(full, sizeof full, "%s %s", name, part->name);
    return run(part, full, common, argc - 1, argv + 1);
}

/* Finds the verb that argv[1] names among `verbs`, and its subcommand if it has any; name holds the words before. */
static int dispatch(const struct cli_verb *const *verbs, const struct cli_verb *above, const char *name,
                    struct cli_common *common, int argc, char **argv) {
    struct cli_table table = { cli_common_options, cli_n_common_options, common };
    char full[NAME_ROOM];
    int read = cli_options_read(name, &table, 1, CLI_FIRST_WORD, argc, argv);

    if (read < 0)
        return CLI_EXIT_USAGE;
    if (answered(common, above, name, verbs))
        return CLI_EXIT_DONE;
    if (read == argc)
        return tell_missing_verb(verbs, name);
    const struct cli_verb *verb = find(verbs, argv[read]);
    if (!verb)
        return tell_unknown_verb(verbs, name, argv[read]);
    snprintf(full, sizeof full, "%s%s%s", name, *name ? " " : "", verb->name);
    if (verb->parts && verb->run)
        return run_or_dispatch(verb, full, common, argc - read, argv + read);
    if (verb->parts)
        return dispatch(verb->parts, verb, full, common, argc - read, argv + read);
    return run(verb, full, common, argc - read, argv + read);
}

int cli_main(const struct cli_verb *const *verbs, int argc, char **argv) {
    struct cli_common common = { .verbs = verbs };
    struct cli_table table = { cli_common_options, cli_n_common_options, &common };

    if (argc >= 3 && strcmp(argv[1], "--help-man") == 0) /* the build makes the man pages with it */
        return cli_man(verbs, argv[2], (const char *const *)argv + 3);
    int status = dispatch(verbs, NULL, "", &common, argc, argv);
    cli_options_free(&table, 1);
    return status;
}
