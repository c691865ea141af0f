/* cli/config.c - eventbus config: checks the configuration, shows the values with their origin, explains a key. */
#include "cli/bus.h"
#include "cli/check.h"
#include "cli/describe.h"
#include "cli/sections.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/bytes.h"
#include "base/nearest.h"

struct ask {
    bool json;
};

/* ---- check ------------------------------------------------------------------------------------------------------- */

struct counts {
    size_t brokers, routes, consumers;
};

static void count(void *arg, struct ebi_config *config, const struct cli_section *section) {
    struct counts *counts = arg;

    (void)config;
    counts->brokers += strcmp(section->kind, "broker") == 0;
    counts->routes += strcmp(section->kind, "route") == 0;
    counts->consumers += strcmp(section->kind, "consume") == 0;
}

/* Checks that the brokers that [eventbus] names exist and have the role. */
static void check_role(struct ebi_config *config, const struct ebi_bus_settings *settings, const char *name, bool producer,
                       struct cli_tally *tally) {
    struct ebi_broker *broker = NULL;
    struct eb_error err;

    if (!name || !*name)
        return;
    if (ebi_broker_bind(config, settings, name, &broker, &err) != EB_OK ||
        ebi_broker_needs(broker, producer, !producer, false, &err) != EB_OK) {
        ebi_error_context(&err, "%s: %s = %s", ebi_config_where(config, "eventbus", "", producer ? "producer" : "consumer"),
                          producer ? "producer" : "consumer", name);
        cli_tally_failed(tally, &err);
    }
    ebi_broker_free(broker);
}

static void check_roles(const struct eb_bus *bus, struct cli_tally *tally) {
    check_role(bus->config, &bus->settings, bus->settings.producer, true, tally);
    check_role(bus->config, &bus->settings, bus->settings.consumer, false, tally);
}

/* The log named each unusable schema file when the bus was opened. */
static void check_schemas(const struct eb_bus *bus, struct cli_tally *tally) {
    for (size_t i = 0; i < bus->signals->n_bad; i++)
        cli_tally_told(tally, &bus->signals->bad[i].why);
}

/* Checks that each route names an existing event type, and a field of it as the key. */
static void check_routes(const struct eb_bus *bus, struct cli_tally *tally) {
    struct ebi_routes *routes = NULL;
    struct eb_error err;

    if (ebi_routes_load(bus->config, bus->signals, bus->settings.topic_prefix, &routes, &err) != EB_OK)
        cli_tally_failed(tally, &err);
    else
        ebi_routes_free(routes);
}

static const char *more_than_one(size_t n) {
    return n == 1 ? "" : "s";
}

static int check(const struct cli_call *call) {
    struct cli_tally tally = { 0 };
    struct counts counts = { 0 };
    struct eb_bus *bus;
    struct eb_error err;

    if (cli_bus_open(call, NULL, false, &bus, &err) != EB_OK)
        return cli_failed(&err);
    cli_sections_each(bus->config, false, &tally, count, &counts);
    if (tally.failed == 0) { /* otherwise the same errors would be printed again */
        check_roles(bus, &tally);
        check_routes(bus, &tally);
        cli_check_folders(bus, &tally);
        cli_check_consumers(bus, &tally);
        check_schemas(bus, &tally);
    }
    if (tally.failed == 0)
        cli_outf("right: %zu broker%s, %zu route%s, %zu consumer%s; state in %s\n", counts.brokers,
                 more_than_one(counts.brokers), counts.routes, more_than_one(counts.routes), counts.consumers,
                 more_than_one(counts.consumers), ebi_config_state(bus->config));
    eb_bus_close(bus, 0, NULL);
    return tally.failed ? (int)tally.first : CLI_EXIT_DONE;
}

/* ---- show -------------------------------------------------------------------------------------------------------- */

/* The section that is printed. */
struct print {
    const struct ask *ask;
    const struct cli_section *section;
};

/* {"section","key","value","where"} */
static void print_json_value(const struct cli_section *section, const char *key, const char *value, const char *where) {
    json_t *name = json_sprintf("%s%s%s", section->kind, *section->name ? " " : "", section->name);

    cli_out_json(json_pack("{so ss ss? ss}", "section", name, "key", key, "value", value, "where", where));
}

/* NULL if there is neither a value nor a default. */
static const char *in_effect(const struct eb_option *option, const char *value, const char *where) {
    return !*value && !option->fallback && strcmp(where, "default") == 0 ? NULL : value;
}

/* Prints "key = value ; where", with blanks before the origin. Values may come from the environment or a file. */
static void put_value(const char *key, const char *value, int blanks, const char *where) {
    cli_outf("%s = ", key);
    cli_put(value);
    cli_outf("%*s ; ", blanks, "");
    cli_put(where);
    cli_outf("\n");
}

static void print_value(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    const struct print *print = arg;

    value = in_effect(option, value, where);
    if (print->ask->json)
        print_json_value(print->section, key, value, where);
    else if (value)
        put_value(key, value, strlen(key) + strlen(value) < 27 ? 27 - (int)(strlen(key) + strlen(value)) : 0, where);
    else
        cli_outf("; %s is not set\n", key);
}

/* Which promises hold with the section's settings. */
static void print_traits(const struct ebi_broker *broker) {
    if (broker->plugin->producer)
        cli_print_traits("producer", broker->traits.producer);
    if (broker->plugin->consumer)
        cli_print_traits("consumer", broker->traits.consumer);
    if (broker->plugin->admin)
        cli_print_traits("admin", broker->traits.admin);
}

static void print_section(void *arg, struct ebi_config *config, const struct cli_section *section) {
    struct print print = { .ask = arg, .section = section };
    struct eb_error err;

    if (!print.ask->json && *section->name)
        cli_outf("\n[%s %s]\n", section->kind, section->name);
    else if (!print.ask->json)
        cli_outf("[%s]\n", section->kind);
    if (!print.ask->json && section->broker)
        print_traits(section->broker);
    if (ebi_config_walk(config, section->kind, section->name, section->tables, section->n_tables, print_value, &print, &err) !=
        EB_OK)
        cli_failed(&err);
}

static int show(const struct cli_call *call) {
    struct ebi_config *config;
    struct cli_tally tally = { 0 };
    struct eb_error err;

    if (ebi_config_load(call->files, call->overrides, &config, &err) != EB_OK)
        return cli_failed(&err);
    if (!((const struct ask *)call->settings)->json)
        cli_outf("; state folder: %s\n", ebi_config_state(config));
    cli_sections_each(config, false, &tally, print_section, (void *)call->settings);
    ebi_config_free(config);
    return cli_tally_exit(&tally);
}

/* ---- explain ----------------------------------------------------------------------------------------------------- */

/* A search for a key, with all names that it passed, for a suggestion. */
struct search {
    const struct ask *ask;
    const char *wanted;
    const struct cli_section *section;
    struct eb_option last; /* the option found last, if its key is set; its meaning is printed after its values */
    size_t found, n_names;
    char **names;
    bool no_memory;
};

/* Returns whether `wanted` names this key, as KEY, KIND.KEY or KIND.NAME.KEY. */
static bool is_meant(const char *wanted, const char *kind, const char *key, const char *full) {
    size_t len = strlen(kind);

    return strcmp(wanted, key) == 0 || strcmp(wanted, full) == 0 ||
           (strncmp(wanted, kind, len) == 0 && wanted[len] == '.' && strcmp(wanted + len + 1, key) == 0);
}

static void keep_name(struct search *search, const char *name) {
    char **grown = realloc(search->names, (search->n_names + 1) * sizeof *grown);

    if (grown) {
        search->names = grown;
        grown[search->n_names] = strdup(name);
    }
    if (!grown || !grown[search->n_names])
        search->no_memory = true;
    else
        search->n_names++;
}

static json_t *describe(const struct eb_option *option) {
    json_t *about = cli_describe_option(option);

    if (!about)
        cli_tell("the help of %s is not UTF-8", option->key);
    return about;
}

static void explain_as_json(const struct eb_option *option, const char *full, const char *value, const char *where) {
    json_t *about = describe(option);

    if (!about)
        return;
    json_object_set_new(about, "name", json_string(full));
    json_object_set_new(about, "value", value ? json_string(value) : json_null());
    json_object_set_new(about, "where", json_string(where));
    cli_out_json(about);
}

/* Prints the meaning of the key whose values were just printed. */
static void explain_last(struct search *search) {
    json_t *about = search->last.key ? describe(&search->last) : NULL;

    if (about)
        cli_print_option(about);
    json_decref(about);
    search->last = (struct eb_option){ 0 };
}

static void explain_value(struct search *search, const struct eb_option *option, const char *full, const char *value,
                          const char *where) {
    value = in_effect(option, value, where);
    if (search->ask->json) {
        explain_as_json(option, full, value, where);
        return;
    }
    if (search->last.key != option->key || search->last.help != option->help) /* not the same declaration */
        explain_last(search);
    search->last = *option;
    if (value)
        put_value(full, value, 0, where);
    else
        cli_outf("%s is not set\n", full);
}

static void look_at_key(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    struct search *search = arg;
    const struct cli_section *section = search->section;
    struct ebi_bytes full = { 0 };
    bool named = strcmp(section->kind, "eventbus") != 0;

    if (!ebi_bytes_add_format(&full, "%s.%s%s%s", section->kind, named ? (*section->name ? section->name : "NAME") : "",
                              named ? "." : "", key)) {
        search->no_memory = true;
        return;
    }
    keep_name(search, full.data);
    keep_name(search, key);
    if (is_meant(search->wanted, section->kind, key, full.data)) {
        search->found++;
        explain_value(search, option, full.data, value, where);
    }
    ebi_bytes_clear(&full);
    if (ebi_bytes_add_format(&full, "%s.%s", section->kind, key))
        keep_name(search, full.data);
    else
        search->no_memory = true;
    ebi_bytes_free(&full);
}

static void look_at_section(void *arg, struct ebi_config *config, const struct cli_section *section) {
    struct search *search = arg;
    struct eb_error err;

    search->section = section;
    if (ebi_config_walk(config, section->kind, section->name, section->tables, section->n_tables, look_at_key, search, &err) !=
        EB_OK)
        cli_failed(&err);
}

static int explain(const struct cli_call *call) {
    struct search search = { .ask = call->settings, .wanted = call->operands[0] };
    struct ebi_config *config;
    struct cli_tally tally = { 0 };
    struct eb_error err;
    int status;

    if (ebi_config_load(call->files, call->overrides, &config, &err) != EB_OK)
        return cli_failed(&err);
    cli_sections_each(config, true, &tally, look_at_section, &search);
    explain_last(&search);
    if (search.no_memory) {
        ebi_error_memory(&err);
        status = cli_failed(&err);
    } else if (search.found == 0) {
        ptrdiff_t near = ebi_nearest(search.wanted, (const char *const *)search.names, search.n_names);
        status = near < 0
                     ? cli_usage(call->name, "no key \"%s\" is known", search.wanted)
                     : cli_usage(call->name, "no key \"%s\" is known; did you mean %s?", search.wanted, search.names[near]);
    } else {
        status = CLI_EXIT_DONE; /* errors of other sections were printed */
    }
    for (size_t i = 0; i < search.n_names; i++)
        free(search.names[i]);
    free(search.names);
    ebi_config_free(config);
    return status;
}

/* ---- The verb ---------------------------------------------------------------------------------------------------- */

static const struct cli_option reading_options[] = {
    { .name = "json", .type = CLI_FLAG, .offset = offsetof(struct ask, json), .help = "one JSON object a key" },
};

static const struct cli_verb cli_config_check = {
    .name = "check",
    .summary = "Checks the whole configuration, every broker and route of it, and connects to nothing",
    .usage = (const char *const[]){ "", NULL },
    .about = "Names each wrong section with its file and line. The exit status is 2, or 5 if only refused "
             "plugins are wrong.",
    .examples = (const char *const[]){ "eventbus config check -c /etc/eventbus/eventbus.ini", NULL },
    .settings_size = sizeof(struct ask),
    .run = check,
};

static const struct cli_verb cli_config_show = {
    .name = "show",
    .summary = "Shows the values in effect and where each came from; secrets are hidden",
    .usage = (const char *const[]){ "[--json]", NULL },
    .examples = (const char *const[]){ "eventbus config show", "eventbus config show -o eventbus.service=cms --json", NULL },
    .options = reading_options,
    .n_options = sizeof reading_options / sizeof reading_options[0],
    .settings_size = sizeof(struct ask),
    .run = show,
};

static const struct cli_verb cli_config_explain = {
    .name = "explain",
    .summary = "Tells what a key means, what it may be, what it is and where that was set",
    .usage = (const char *const[]){ "KEY [--json]", NULL },
    .about = "Write KEY as for -o (broker.main.path), without the section's name (consume.retry.attempts) or "
             "alone (retry.attempts). Without the name, every section that has such a key is shown.",
    .examples = (const char *const[]){ "eventbus config explain consume.retry.attempts",
                                       "eventbus config explain broker.main.durability", NULL },
    .options = reading_options,
    .n_options = sizeof reading_options / sizeof reading_options[0],
    .settings_size = sizeof(struct ask),
    .operand = "KEY",
    .min_operands = 1,
    .max_operands = 1,
    .run = explain,
};

const struct cli_verb cli_config = {
    .name = "config",
    .summary = "Checks, shows, explains and imports the configuration",
    .parts = (const struct cli_verb *const[]){ &cli_config_check, &cli_config_show, &cli_config_explain, &cli_config_import,
                                               NULL },
};
