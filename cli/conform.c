/* cli/conform.c - eventbus conform: runs the conformance kit on a plugin. */
#include "cli/conform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "cli/verbs.h"
#include "config/settings.h"
#include "conform/conform.h"
#include "plugin/find.h"
#include "plugin/plugins.h"

const char cli_conform_word[] = "--conform-case";

enum { WORDS_BEFORE = 2 }; /* eventbus --conform-case */

int cli_conform_child(int argc, char **argv) {
    return eb_conform_child(argc, argv, WORDS_BEFORE);
}

struct ask {
    const char *const *options;
    const char *only, *junit, *pace;
    uint64_t seed;
    bool list, json, tap;
};

/* A search of the plugin folders for one name. */
struct search {
    const char *name;
    char *file; /* allocated; NULL: not found yet */
};

static void look(void *arg, const char *name, const char *file, bool shadowed) {
    struct search *search = arg;

    if (!search->file && !shadowed && strcmp(name, search->name) == 0)
        search->file = realpath(file, NULL);
}

/* Returns the file that a NAME or FILE stands for, with its links resolved. The caller frees it. */
static enum eb_status find(const char *what, const char *path, char **file, struct eb_error *err) {
    size_t len = strlen(what);
    struct search search = { .name = what };

    if (strchr(what, '/') || (len >= 3 && strcmp(what + len - 3, ".so") == 0)) {
        *file = realpath(what, NULL);
        return *file ? EB_OK : ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s", what);
    }
    if (ebi_plugin_walk(path, look, &search) != EB_OK)
        return ebi_error_memory(err);
    *file = search.file;
    if (!*file)
        return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN,
                         "there is no plugin %s.so in %s; eventbus plugins lists what is there", what, path);
    return EB_OK;
}

static bool read_pace(const char *text, double *pace) {
    char *end;

    *pace = strtod(text, &end);
    return end != text && !*end && *pace >= 0.1 && *pace <= 100;
}

static int run_kit(const struct ask *ask, const char *file, double pace) {
    static const char *const again[] = { "eventbus", cli_conform_word, NULL };
    const struct eb_conform run = { .program = "eventbus conform",
                                    .again = again,
                                    .file = file,
                                    .options = ask->options,
                                    .only = ask->only,
                                    .junit = ask->junit,
                                    .format = ask->json  ? EB_CONFORM_JSON
                                              : ask->tap ? EB_CONFORM_TAP
                                                         : EB_CONFORM_TEXT,
                                    .seed = ask->seed,
                                    .pace = pace };

    return eb_conform_run(&run);
}

static int run_plugin(const struct cli_call *call, double pace) {
    const struct ask *ask = call->settings;
    struct ebi_bus_settings settings;
    struct ebi_config *config = NULL;
    char *file = NULL;
    struct eb_error err;

    enum eb_status status = cli_configure(call, &config, &settings, &err);
    if (status == EB_OK)
        status = find(call->operands[0], ebi_plugin_path(&settings), &file, &err);
    if (status == EB_OK && settings.plugin_trust != EBI_TRUST_ANY)
        status = ebi_plugin_trusted(file, &err);
    int code = status == EB_OK ? run_kit(ask, file, pace) : cli_failed(&err);
    free(file);
    ebi_config_free(config);
    return code;
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    double pace = 1;

    if (ask->json && ask->tap)
        return cli_usage(call->name, "--json or --tap, not both");
    if (ask->only && !eb_conform_knows(ask->only))
        return cli_usage(call->name, "there is no case or group \"%s\"; --list names them", ask->only);
    if (ask->pace && !read_pace(ask->pace, &pace))
        return cli_usage(call->name, "--pace: expected a number from 0.1 to 100, not \"%s\"", ask->pace);
    if (ask->list && (call->n_operands || ask->options || ask->seed || ask->pace || ask->junit || ask->tap))
        return cli_usage(call->name, "--list runs nothing; only --only and --json go with it");
    if (ask->list) {
        eb_conform_list(ask->only, ask->json ? EB_CONFORM_JSON : EB_CONFORM_TEXT);
        return CLI_EXIT_DONE;
    }
    if (call->n_operands == 0)
        return cli_usage(call->name, "something is missing: which plugin, by its NAME or FILE");
    return run_plugin(call, pace);
}

/* clang-format off */
static const struct cli_option options[] = {
    {.letter = 'o', .type = CLI_LIST, .offset = offsetof(struct ask, options), .value = "KEY=VALUE",
     .help = "an option of the plugin; ${STATE} in it is a folder made for this run, ${NAME} an environment variable, ${file:PATH} "
             "what a file holds"},
    {.name = "only", .type = CLI_TEXT, .offset = offsetof(struct ask, only), .value = "CASE|GROUP",
     .help = "one case, or the cases of one group"},
    {.name = "list", .type = CLI_FLAG, .offset = offsetof(struct ask, list), .help = "name the cases, what each tests and what it needs of a plugin, and run none"},
    {.name = "seed", .type = CLI_COUNT, .offset = offsetof(struct ask, seed), .value = "N",
     .help = "the same events and choices again"},
    {.name = "pace", .type = CLI_TEXT, .offset = offsetof(struct ask, pace), .value = "X",
     .help = "all waits X times as long, for a broker that is slow or far; under 1 shortens those only after "
             "which nothing has come"},
    {.name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object a case"},
    {.name = "tap", .type = CLI_FLAG, .offset = offsetof(struct ask, tap), .help = "TAP"},
    {.name = "junit", .type = CLI_TEXT, .offset = offsetof(struct ask, junit), .value = "F",
     .help = "write JUnit's XML to F as well"},
};
/* clang-format on */

const struct cli_verb cli_conform = {
    .name = "conform",
    .summary = "Checks that a plugin keeps the promises of plugin.h",
    .usage = (const char *const[]){ "FILE|NAME [-o KEY=VALUE]... [--only CASE|GROUP]", "FILE|NAME ... [--seed N] [--pace X]",
                                    "FILE|NAME ... [--json|--tap] [--junit F]", "--list [--only CASE|GROUP] [--json]", NULL },
    .about = "Runs the cases of the conformance kit, each in a process of its own, so that a plugin that crashes "
             "or hangs fails only that case. A failure says what was expected, what came, and which sentence of "
             "plugin.h is broken; it counts for the case that tests that promise, wherever it was seen. A case "
             "for a role or trait that the plugin does not have is skipped, with the reason.\n\n"
             "Topics are named conform-..., with a new name each time, and are removed at the end if the plugin "
             "can do that, so a real broker may be used. The kit waits for leases to end: give the plugin one of "
             "2 s at most. It waits up to a minute for what a killed process held; a shorter session makes the "
             "run shorter, with Kafka -o rdkafka.session.timeout.ms=6000.\n\n"
             "Exit status 1: a case failed. 3: the broker could not be reached.",
    .examples = (const char *const[]){ "eventbus conform sqlite", "eventbus conform ./mine.so -o url=mine://localhost",
                                       "eventbus conform memory --only settling --json",
                                       "eventbus conform kafka -o bootstrap_servers=localhost:9092", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .max_operands = 1,
    .run = run,
};
