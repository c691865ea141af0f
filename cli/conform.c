/* cli/conform.c - eventbus conform: runs the conformance kit on a plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/conform.h>
#include "base/error.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "config/settings.h"
#include "conform/output/output.h"
#include "plugin/find.h"
#include "plugin/plugins.h"

struct ask {
    const char *const *options, *const *unreachable;
    const char *only, *output, *junit, *pace, *down, *up;
    uint64_t seed;
    bool list, json, tap, in_process;
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

/* ---- the run ---- */

static bool write_out(const char *text, size_t len) {
    return cli_out(text, len) && cli_out_now();
}

static void tell_trouble(void *arg, const char *text) {
    (void)arg;
    cli_tell("%s", text);
}

static enum ebc_format format_of(const struct ask *ask) {
    return ask->json ? EBC_JSON : ask->tap ? EBC_TAP : EBC_TEXT;
}

/* This command as a debugger takes it: a path, whatever the folder and the PATH. */
static void name_command(char command[4200]) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    snprintf(command, 4200, "%.*s conform", n > 0 ? (int)n : (int)strlen("eventbus"), n > 0 ? path : "eventbus");
}

static int run_kit(const struct ask *ask, const char *file, double pace) {
    struct ebc_output output = { .format = format_of(ask), .file = ask->output, .junit = ask->junit, .write = write_out };
    char command[4200];
    const struct eb_conform run = { .size = sizeof run,
                                    .file = file,
                                    .options = ask->options,
                                    .only = ask->only,
                                    .seed = ask->seed,
                                    .pace = pace,
                                    .in_process = ask->in_process,
                                    .down = ask->down,
                                    .up = ask->up,
                                    .unreachable = ask->unreachable,
                                    .command = command,
                                    .started = ebc_output_started,
                                    .begins = ebc_output_begins,
                                    .result = ebc_output_result,
                                    .trouble = tell_trouble,
                                    .arg = &output };
    struct eb_error err;
    int code = CLI_EXIT_USAGE;

    name_command(command);
    if (ebc_output_open(&output)) {
        code = eb_conform_run(&run, &err);
        if (code > 1)
            cli_tell("%s", err.text);
        if (!ebc_output_end(&output))
            code = CLI_EXIT_USAGE;
    }
    if (output.why[0])
        cli_tell("%s", output.why);
    ebc_output_close(&output);
    return code;
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

/* What --list is given with that only a run uses. */
static bool is_for_a_run(const struct cli_call *call) {
    const struct ask *ask = call->settings;

    return call->n_operands || ask->options || ask->seed || ask->pace || ask->junit || ask->tap || ask->output || ask->down ||
           ask->up || ask->unreachable || ask->in_process;
}

static int list_cases(const struct ask *ask) {
    struct ebc_output output = { .format = format_of(ask), .write = write_out };

    ebc_output_list(&output, ask->only);
    return CLI_EXIT_DONE;
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    double pace = 1;

    if (ask->json && ask->tap)
        return cli_usage(call->name, "--json or --tap, not both");
    if (ask->only && eb_conform_cases(ask->only, NULL, NULL) == 0)
        return cli_usage(call->name, "there is no case or group \"%s\"; --list names them", ask->only);
    if (ask->pace && !read_pace(ask->pace, &pace))
        return cli_usage(call->name, "--pace: expected a number from 0.1 to 100, not \"%s\"", ask->pace);
    if (!ask->down != !ask->up)
        return cli_usage(call->name, "--down and --up belong together: a broker that was stopped has to be started again");
    if (ask->list && is_for_a_run(call))
        return cli_usage(call->name, "--list runs nothing; only --only and --json go with it");
    if (ask->list)
        return list_cases(ask);
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
     .help = "write JUnit's XML to F as well; the file is whole after each case"},
    {.name = "output", .type = CLI_TEXT, .offset = offsetof(struct ask, output), .value = "F",
     .help = "write to F too what goes to standard output, each result as it comes"},
    {.name = "down", .type = CLI_TEXT, .offset = offsetof(struct ask, down), .value = "CMD",
     .help = "a shell command that stops the broker and ends when it is away, for the cases that need this"},
    {.name = "up", .type = CLI_TEXT, .offset = offsetof(struct ask, up), .value = "CMD",
     .help = "a shell command that starts the broker again, as it was, and ends when it is ready; its output belongs in a file "
             "if a broker lives on behind it"},
    {.name = "unreachable", .type = CLI_LIST, .offset = offsetof(struct ask, unreachable), .value = "KEY=VALUE",
     .help = "an option of the plugin with which it finds no broker, for the cases that need this; it takes the place of -o KEY"},
    {.name = "in-process", .type = CLI_FLAG, .offset = offsetof(struct ask, in_process),
     .help = "run the cases in this process, for a debugger or valgrind: a crash ends the command, nothing ends a case that "
             "hangs, and after a case that a failure broke off the rest is skipped"},
};
/* clang-format on */

const struct cli_verb cli_conform = {
    .name = "conform",
    .summary = "Checks that a plugin keeps the promises of plugin.h",
    .usage = (const char *const[]){ "FILE|NAME [-o KEY=VALUE]... [--only CASE|GROUP]", "FILE|NAME ... [--seed N] [--pace X]",
                                    "FILE|NAME ... [--down CMD --up CMD]", "FILE|NAME ... [--unreachable KEY=VALUE]...",
                                    "FILE|NAME ... [--json|--tap] [--output F] [--junit F]", "FILE|NAME ... --in-process",
                                    "--list [--only CASE|GROUP] [--json]", NULL },
    .about =
        "Runs the cases of the conformance kit, each in a process of its own, so that a plugin that crashes "
        "or hangs fails only that case. A failure says what was expected, what came, and which sentence of "
        "plugin.h is broken; it counts for the case that tests that promise, wherever it was seen. A case "
        "for a role or trait that the plugin does not have is skipped, with the reason.\n\n"
        "Topics are named conform-..., with a new name each time, and are removed at the end if the plugin "
        "can do that, so a real broker may be used. The kit waits for leases to end: give the plugin one of "
        "2 s at most. It waits up to a minute for what a killed process held; a shorter session makes the "
        "run shorter, with Kafka -o rdkafka.session.timeout.ms=6000.\n\n"
        "Each result is printed when it is known. A case whose promise a later one sees broken is printed again, with the "
        "result that counts: with --json as another object, with --tap as another test point. A case that crashes, or "
        "that a sanitizer reports, names the command that runs it in a debugger; values of secret options are left out "
        "of it.\n\n"
        "--down and --up stop and start the broker by a shell command each, for the cases of a broker that goes away. "
        "They have five minutes, and end with status 0 once the broker is away, or ready. If --down fails, the case fails with "
        "what the command wrote; a broker that does not start again ends the run.\n\n"
        "The installed library libeventbus-conform is this kit for test programs of plugins: eventbus/conform.h, "
        "pkg-config eventbus-conform.\n\n"
        "Exit status 1: a case failed. 3: the broker could not be reached.",
    .examples =
        (const char *const[]){ "eventbus conform sqlite", "eventbus conform ./mine.so -o url=mine://localhost",
                               "eventbus conform memory --only settling --json",
                               "gdb --args eventbus conform ./mine.so --only timeouts-are-kept --in-process",
                               "eventbus conform ./mine.so --down ./stop --up ./start --unreachable url=mine://localhost:1",
                               "eventbus conform kafka -o bootstrap_servers=localhost:9092", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .operand = "PLUGIN",
    .max_operands = 1,
    .run = run,
};
