/* cli/describe.c - see describe.h. */
#include "cli/describe.h"

#include <stdio.h>
#include <string.h>
#include "cli/out.h"
#include "plugin/plugins.h"

struct bit {
    uint32_t bit;
    const char *name;
};

static const struct bit traits[] = {
    {EB_T_ORDER, "order"},
    {EB_T_POWER, "power"},
    {EB_T_DELAY, "delay"},
    {EB_T_DELAY_ORDER, "delay_order"},
    {EB_T_FREE_RETURN, "free_return"},
    {EB_T_HISTORY, "history"},
    {EB_T_PATTERN, "pattern"},
    {EB_T_NEIGHBOURS, "neighbours"},
    {EB_T_PROCESSES, "processes"},
};

static const struct bit roles[] = {
    {EB_OPT_PRODUCER, "producer"},
    {EB_OPT_CONSUMER, "consumer"},
    {EB_OPT_ADMIN, "admin"},
};

static const char *const types[] = {
    [EB_OPT_TEXT] = "text", [EB_OPT_LIST] = "list",   [EB_OPT_PAIRS] = "pairs", [EB_OPT_BOOL] = "bool",
    [EB_OPT_INT] = "int",   [EB_OPT_MS] = "duration", [EB_OPT_BYTES] = "size",  [EB_OPT_CHOICE] = "choice",
};

/* The names of the bits that are set. */
static json_t *names_of(uint32_t bits, const struct bit *known, size_t n) {
    json_t *names = json_array();

    for (size_t i = 0; i < n; i++)
        if (bits & known[i].bit)
            json_array_append_new(names, json_string(known[i].name));
    return names;
}

static json_t *choices_of(const char *text) {
    json_t *choices = json_array();

    while (text && *text) {
        size_t len = strcspn(text, "|");
        json_array_append_new(choices, json_stringn(text, len));
        text += len + (text[len] == '|');
    }
    return choices;
}

json_t *cli_describe_option(const struct eb_option *option) {
    const char *type =
        option->type > 0 && (size_t)option->type < sizeof types / sizeof types[0] ? types[option->type] : "unknown";
    bool secret = option->flags & EB_OPT_SECRET;
    json_t *about = json_pack("{ss ss ss? ss? sb sb}", "key", option->key, "type", type, "default",
                              secret && option->fallback && *option->fallback ? "***" : option->fallback, "help",
                              option->help, "required", (option->flags & EB_OPT_REQUIRED) != 0, "secret", secret);

    if (!about)
        return NULL;
    if (option->type == EB_OPT_CHOICE)
        json_object_set_new(about, "choices", choices_of(option->choices));
    if (option->min || option->max) {
        json_object_set_new(about, "min", json_integer(option->min));
        json_object_set_new(about, "max", json_integer(option->max));
    }
    if (option->flags & (EB_OPT_PRODUCER | EB_OPT_CONSUMER | EB_OPT_ADMIN))
        json_object_set_new(about, "roles", names_of(option->flags, roles, sizeof roles / sizeof roles[0]));
    return about;
}

/* Role by role: the names of those that are there, and each one's traits. */
static void add_roles(const struct ebi_plugin *plugin, json_t *names, json_t *by_role) {
    const struct {
        const char *name;
        const uint32_t *traits;
    } present[] = {
        {"producer", plugin->producer ? &plugin->producer->traits : NULL},
        {"consumer", plugin->consumer ? &plugin->consumer->traits : NULL},
        {"admin", plugin->admin ? &plugin->admin->traits : NULL},
    };

    for (size_t i = 0; i < sizeof present / sizeof present[0]; i++) {
        if (!present[i].traits)
            continue;
        json_array_append_new(names, json_string(present[i].name));
        json_object_set_new(by_role, present[i].name,
                            names_of(*present[i].traits, traits, sizeof traits / sizeof traits[0]));
    }
}

json_t *cli_describe(const struct ebi_plugin *plugin) {
    const struct eb_plugin *about = &plugin->about;
    json_t *options = json_array(), *names = json_array(), *by_role = json_object();
    char abi[32];

    snprintf(abi, sizeof abi, "%u.%u", about->abi_major, about->abi_minor);
    add_roles(plugin, names, by_role);
    for (size_t i = 0; i < about->n_options; i++) {
        const char *option = (const char *)about->options + i * about->option_size;
        if (json_array_append_new(options, cli_describe_option((const struct eb_option *)(const void *)option)) != 0) {
            json_decref(options);
            options = NULL; /* makes the whole NULL */
            break;
        }
    }
    return json_pack("{ss ss ss? ss? ss so so so}", "name", about->name, "file", plugin->file, "version",
                     about->version, "summary", about->summary, "abi", abi, "roles", names, "traits", by_role,
                     "options", options);
}

/* ---- For people -------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "a, b" with what stands before it, or nothing for an empty list. */
static void print_list(const char *before, const json_t *list, const char *between, const char *after) {
    size_t i;
    json_t *item;

    if (json_array_size(list) == 0)
        return;
    cli_outf("%s", before);
    json_array_foreach(list, i, item) cli_outf("%s%s", i ? between : "", json_string_value(item));
    cli_outf("%s", after);
}

void cli_print_option(const json_t *option) {
    json_t *fallback = json_object_get(option, "default"), *min = json_object_get(option, "min");

    cli_outf("  %s%s\n      %s\n      %s", text_of(option, "key"),
             strcmp(text_of(option, "type"), "pairs") == 0 ? "*" : "", text_of(option, "help"),
             text_of(option, "type"));
    print_list(": ", json_object_get(option, "choices"), ", ", "");
    if (min)
        cli_outf(" from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT, json_integer_value(min),
                 json_integer_value(json_object_get(option, "max")));
    if (json_is_true(json_object_get(option, "required")))
        cli_outf("; required");
    if (json_is_string(fallback))
        cli_outf("; default: %s", *json_string_value(fallback) ? json_string_value(fallback) : "empty");
    if (json_is_true(json_object_get(option, "secret")))
        cli_outf("; secret");
    print_list("; for ", json_object_get(option, "roles"), ", ", " only");
    cli_outf("\n");
}

void cli_print_plugin(const json_t *plugin) {
    const json_t *by_role = json_object_get(plugin, "traits"), *options = json_object_get(plugin, "options");
    size_t i;
    json_t *item;

    cli_outf("%s %s: %s\n", text_of(plugin, "name"), text_of(plugin, "version"), text_of(plugin, "summary"));
    cli_outf("file: %s\nABI: %s\n", text_of(plugin, "file"), text_of(plugin, "abi"));
    json_array_foreach(json_object_get(plugin, "roles"), i, item) {
        const char *role = json_string_value(item);
        cli_outf("role: %s", role);
        print_list(" (", json_object_get(by_role, role), ", ", ")");
        cli_outf("\n");
    }
    cli_outf("\nKeys of its [broker NAME] section:\n");
    json_array_foreach(options, i, item) cli_print_option(item);
}
