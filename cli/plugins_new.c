/* cli/plugins_new.c - eventbus plugins new: writes the project of a new plugin. */
#include "cli/plugin_project.h"
#include "cli/verbs.h"

struct ask {
    bool autotools;
    const char *directory;
};

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    const char *in = ask->directory ? ask->directory : ".", *name = call->operands[0];
    struct eb_error err;

    if (!*in)
        return cli_usage(call->name, "--directory: expected a folder");
    if (cli_project_write(in, name, ask->autotools ? CLI_PROJECT_AUTOTOOLS : CLI_PROJECT_MAKE, &err) != EB_OK)
        return cli_failed(&err);
    if (call->loudness != CLI_QUIET)
        cli_tell("wrote the project %s%s%s; go on there with: %smake && make check", ask->directory ? ask->directory : "",
                 ask->directory ? "/" : "", name, ask->autotools ? "autoreconf -i && ./configure && " : "");
    return CLI_EXIT_DONE;
}

/* clang-format off */
static const struct cli_option options[] = {
    { .name = "autotools", .type = CLI_FLAG, .offset = offsetof(struct ask, autotools),
      .help = "with configure.ac, Makefile.am and eventbus.m4 rather than a plain Makefile" },
    { .name = "directory", .type = CLI_TEXT, .offset = offsetof(struct ask, directory), .value = "DIR",
      .help = "the folder in which the project's folder NAME is made; default: this one" },
};
/* clang-format on */

const struct cli_verb cli_plugins_new = {
    .name = "new",
    .summary = "Writes the project of a new plugin, which builds and passes the conformance kit",
    .usage = (const char *const[]){ "NAME [--autotools] [--directory DIR]", NULL },
    .about = "Makes the folder NAME with all that a plugin outside of the event bus needs: the roles producer, "
             "consumer and admin over a stub of a broker, options, a build, tests by the conformance kit, with "
             "sanitizers too, a man page, an example configuration, a script that restarts the broker, and a file "
             "for CI. Its README.md says what to do next; the places to fill in are marked FILL IN.\n\n"
             "NAME takes letters, digits, - and _, a letter first. What exists is never changed: a folder NAME that "
             "exists already leads to exit status 2. The project needs the installed event bus, and nothing of its "
             "sources.",
    .examples = (const char *const[]){ "eventbus plugins new mine", "cd mine && make && make check",
                                       "eventbus plugins new my-broker --autotools --directory /home/me/src", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
