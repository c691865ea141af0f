/* cli/plugins.c - eventbus plugins: lists the plugins found, describes one, and says why a file is refused. */
#include "cli/describe.h"
#include "cli/man_keys.h"
#include "cli/probe.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "config/settings.h"
#include "plugin/find.h"
#include "plugin/plugins.h"

struct ask {
    bool json, man;
    const char *prose;
};

/* A listing of the plugin folders. */
struct listing {
    const struct ask *ask;
    enum ebi_trust trust;
    size_t found;
    int status; /* not 0: the verb stops here */
};

static const char *refusal(const json_t *report) {
    return json_string_value(json_object_get(report, "error"));
}

static void print_roles(const json_t *roles) {
    size_t i;
    json_t *role;

    json_array_foreach(roles, i, role) cli_outf("%s%s", i ? ", " : "", json_string_value(role));
}

/* Prints one to three lines for a file of a folder. */
static void print_short(const char *name, const char *file, bool shadowed, const json_t *report) {
    cli_put(name);
    cli_outf("%*s ", strlen(name) < 10 ? 10 - (int)strlen(name) : 0, "");
    cli_put(file);
    cli_outf("\n           ");
    if (shadowed) {
        cli_outf("not used: one of this name stands in an earlier folder\n");
    } else if (refusal(report)) {
        cli_outf("refused: ");
        cli_put(refusal(report));
        cli_outf("\n");
    } else {
        cli_put(json_string_value(json_object_get(report, "summary")));
        cli_outf("\n           ABI %s, ", json_string_value(json_object_get(report, "abi")));
        print_roles(json_object_get(report, "roles"));
        cli_outf("\n");
    }
}

static void list_one(void *arg, const char *name, const char *file, bool shadowed) {
    struct listing *listing = arg;
    json_t *report = NULL;
    struct eb_error err;

    listing->found++;
    if (listing->status != 0)
        return;
    if (shadowed)
        report = json_object();
    else if (cli_probe("", file, listing->trust, &report, &err) != EB_OK) {
        listing->status = cli_failed(&err);
        return;
    }
    if (listing->ask->json) {
        if (shadowed || refusal(report)) { /* a file that is hidden or refused is listed by its file name */
            json_object_set_new(report, "name", json_string(name));
            json_object_set_new(report, "file", json_string(file));
            json_object_set_new(report, "shadowed", json_boolean(shadowed));
        }
        cli_out_json(report);
    } else {
        print_short(name, file, shadowed, report);
        json_decref(report);
    }
}

/* A folder that cannot be searched may have the plugin that is looked for. */
static void tell_lost(void *arg, const char *folder, int number) {
    (void)arg;
    cli_tell("folder %s of plugin_path cannot be searched: %s", folder, strerror(number));
}

static int list_all(const struct ask *ask, const char *path, enum ebi_trust trust) {
    struct listing listing = { .ask = ask, .trust = trust };
    struct eb_error err;

    if (ebi_plugin_walk(path, list_one, &listing) != EB_OK || ebi_plugin_lost_folders(path, tell_lost, NULL) != EB_OK) {
        ebi_error_memory(&err);
        return cli_failed(&err);
    }
    if (listing.found == 0)
        cli_tell("no plugins in %s; plugin_path of [eventbus] says where to look", path);
    return listing.status;
}

/* Returns the absolute path of a FILE; NULL if `name` is a NAME. The caller frees it. */
static enum eb_status file_of(const char *name, char **file, struct eb_error *err) {
    size_t len = strlen(name);

    *file = NULL;
    if (!strchr(name, '/') && (len < 3 || strcmp(name + len - 3, ".so") != 0))
        return EB_OK;
    char *here = name[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (!here)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot tell which folder %s is in", name);
    if (asprintf(file, "%s%s%s", here, *here ? "/" : "", name) < 0)
        *file = NULL;
    free(here);
    return *file ? EB_OK : ebi_error_memory(err);
}

static int show_one(const struct ask *ask, const char *path, enum ebi_trust trust, const char *name) {
    char *file;
    json_t *report;
    struct eb_error err;

    if (file_of(name, &file, &err) != EB_OK)
        return cli_failed(&err);
    enum eb_status looked = cli_probe(path, file ? file : name, trust, &report, &err);
    free(file);
    if (looked != EB_OK)
        return cli_failed(&err);
    int status = refusal(report) ? CLI_EXIT_PLUGIN : CLI_EXIT_DONE;
    if (refusal(report))
        cli_tell("%s", refusal(report));
    else if (ask->man && cli_man_plugin(report, ask->prose, &err) != EB_OK)
        status = cli_failed(&err);
    else if (!ask->json && !ask->man)
        cli_print_plugin(report);
    if (ask->json)
        cli_out_json(report);
    else
        json_decref(report);
    return status;
}

static int run(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct ebi_bus_settings settings;
    struct ebi_config *config;
    struct eb_error err;

    if (ask->man && (ask->json || call->n_operands == 0))
        return cli_usage(call->name, ask->json ? "--man and --json exclude each other" : "--man needs a plugin: NAME or FILE");
    if (ask->prose && !ask->man)
        return cli_usage(call->name, "--prose goes with --man");
    if (cli_configure(call, &config, &settings, &err) != EB_OK)
        return cli_failed(&err);
    const char *path = ebi_plugin_path(&settings);
    enum ebi_trust trust = (enum ebi_trust)settings.plugin_trust;
    int status = call->n_operands ? show_one(ask, path, trust, call->operands[0]) : list_all(ask, path, trust);
    ebi_config_free(config);
    return status;
}

static const struct cli_option options[] = {
    { .name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object a plugin" },
    { .name = "man",
      .type = CLI_FLAG,
      .offset = offsetof(struct ask, man),
      .help = "the plugin's man page, eventbus-NAME(5), from its tables" },
    { .name = "prose",
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, prose),
      .value = "FILE",
      .help = "with --man: sections in man(7)'s language that go into the page" },
};

const struct cli_verb cli_plugins = {
    .name = "plugins",
    .summary = "Shows the broker plugins that are found, and why a file is refused",
    .parts = (const struct cli_verb *const[]){ &cli_plugins_new, NULL },
    .usage = (const char *const[]){ "[NAME|FILE] [--json]", "NAME|FILE --man [--prose FILE]", NULL },
    .about =
        "Without an argument, lists every .so file in the folders of plugin_path and whether it can be "
        "loaded, and names each folder that cannot be searched. With a NAME, or the path of a FILE, shows the plugin's roles, their traits, and the keys "
        "of a [broker ...] section that uses it.\n\n"
        "Each file is loaded in a process of its own, so that a plugin that crashes is reported, too. A "
        "named plugin that is refused leads to exit status 5; the list shows refused plugins and ends with "
        "0.\n\n"
        "Each installed plugin has a man page, eventbus-NAME(5): man eventbus-sqlite. --man writes such a "
        "page for any plugin.",
    .examples = (const char *const[]){ "eventbus plugins", "eventbus plugins sqlite", "eventbus plugins ./mine.so --json",
                                       "eventbus plugins ./mine.so --man --prose about.man >eventbus-mine.5", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .operand = "PLUGIN",
    .max_operands = 1,
    .run = run,
};
