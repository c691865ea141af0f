/* cli/describe.c - see describe.h. */
#include "cli/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "cli/out.h"
#include "cli/report.h"
#include "plugin/plugins.h"

struct bit {
    uint32_t bit;
    const char *name;
    const char *means, *means_receiving; /* what a trait promises, and what it promises of a consumer if that differs */
};

static const struct bit traits[] = {
    { EB_T_ORDER, "order", "After a failure no later event of the same topic and key is stored before the one that failed",
      "While an event is at work, no other one of its key goes to any worker of the group" },
    { EB_T_POWER, "power", "What is reported delivered survives a power cut", NULL },
    { EB_T_DELAY, "delay", "Retries wait at the broker: they and their number outlive the worker", NULL },
    { EB_T_DELAY_ORDER, "delay_order", "Later events of a key wait at the broker for the retry of an earlier one", NULL },
    { EB_T_FREE_RETURN, "free_return", "An event that is handed back does not count as delivered once more", NULL },
    { EB_T_HISTORY, "history", "A new group, and a look without a group, may start in the past", NULL },
    { EB_T_PATTERN, "pattern", "A topic may be a pattern with *, which takes in topics made later too", NULL },
    { EB_T_BATCH_REDELIVERY, "neighbours", "Handing back one event may bring acknowledged ones of its batch again", NULL },
    { EB_T_PROCESSES, "processes", "Several processes may use one broker", NULL },
    { EB_T_LATE_UNTOLD, "late_untold", "An acknowledgement that came too late is not told; workers judge by the lease", NULL },
};

static const struct bit roles[] = {
    { EB_OPT_PRODUCER, "producer", NULL, NULL },
    { EB_OPT_CONSUMER, "consumer", NULL, NULL },
    { EB_OPT_ADMIN, "admin", NULL, NULL },
};

static const char *const types[] = {
    [EB_OPT_TEXT] = "text", [EB_OPT_LIST] = "list",   [EB_OPT_PAIRS] = "pairs", [EB_OPT_BOOL] = "bool",
    [EB_OPT_INT] = "int",   [EB_OPT_MS] = "duration", [EB_OPT_BYTES] = "size",  [EB_OPT_CHOICE] = "choice",
};

/* Returns the names of the bits that are set. */
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
    const char *type = option->type > 0 && (size_t)option->type < sizeof types / sizeof types[0] ? types[option->type]
                                                                                                 : "unknown";
    bool secret = option->flags & EB_OPT_SECRET;
    json_t *about = json_pack("{ss ss ss? ss? sb sb}", "key", option->key, "type", type, "default", option->fallback, "help",
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

/* Collects the names of the roles that the plugin has, the traits of each, and the roles whose traits depend on settings. */
static void add_roles(const struct ebi_plugin *plugin, json_t *names, json_t *by_role, json_t *by_settings) {
    const struct {
        const char *name;
        const uint32_t *traits;
        bool by_settings;
    } present[] = {
        { "producer", plugin->producer ? &plugin->producer->traits : NULL, plugin->producer && plugin->producer->traits_for },
        { "consumer", plugin->consumer ? &plugin->consumer->traits : NULL, plugin->consumer && plugin->consumer->traits_for },
        { "admin", plugin->admin ? &plugin->admin->traits : NULL, plugin->admin && plugin->admin->traits_for },
    };

    for (size_t i = 0; i < sizeof present / sizeof present[0]; i++) {
        if (!present[i].traits)
            continue;
        json_array_append_new(names, json_string(present[i].name));
        json_object_set_new(by_role, present[i].name, names_of(*present[i].traits, traits, sizeof traits / sizeof traits[0]));
        if (present[i].by_settings)
            json_array_append_new(by_settings, json_string(present[i].name));
    }
}

json_t *cli_describe(const struct ebi_plugin *plugin) {
    const struct eb_plugin *about = &plugin->about;
    json_t *options = json_array(), *names = json_array(), *by_role = json_object(), *by_settings = json_array();
    char abi[32];

    snprintf(abi, sizeof abi, "%u.%u", about->abi_major, about->abi_minor);
    add_roles(plugin, names, by_role, by_settings);
    for (size_t i = 0; i < about->n_options; i++) {
        const char *option = (const char *)about->options + i * about->option_size;
        if (json_array_append_new(options, cli_describe_option((const struct eb_option *)(const void *)option)) != 0) {
            json_decref(options);
            options = NULL; /* makes the result NULL */
            break;
        }
    }
    return json_pack("{ss ss ss? ss? ss so so so so}", "name", about->name, "file", plugin->file, "version", about->version,
                     "summary", about->summary, "abi", abi, "roles", names, "traits", by_role, "traits_by_settings",
                     by_settings, "options", options);
}

/* ---- For people -------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* Prints a heading and "a, b", or nothing for an empty list. */
static bool add_list(struct ebi_bytes *to, const char *before, const json_t *list, const char *after) {
    bool added = true;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item) added &= ebi_bytes_add_format(to, "%s%s", i ? ", " : before, json_string_value(item));
    return added && (json_array_size(list) == 0 || ebi_bytes_add_text(to, after));
}

/* Formats a limit in the largest unit of which it is a whole number. */
static bool add_limit(struct ebi_bytes *to, const char *word, const char *type, int64_t limit) {
    static const struct unit {
        const char *type, *name;
        int64_t size;
    } units[] = {
        { "duration", "d", 86400000 }, { "duration", "h", 3600000 }, { "duration", "m", 60000 }, { "duration", "s", 1000 },
        { "duration", "ms", 1 },       { "size", "G", 1 << 30 },     { "size", "M", 1 << 20 },   { "size", "k", 1 << 10 },
    };

    for (size_t i = 0; limit != 0 && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].type, type) == 0 && limit % units[i].size == 0)
            return ebi_bytes_add_format(to, " %s %" PRId64 "%s", word, limit / units[i].size, units[i].name);
    return ebi_bytes_add_format(to, " %s %" PRId64, word, limit);
}

/* A maximum that no real value comes near is not printed. */
static bool add_range(struct ebi_bytes *to, const char *type, const json_t *min, const json_t *max) {
    if (!min)
        return true;
    if (json_integer_value(max) >= INT64_C(1) << 53)
        return add_limit(to, "from", type, json_integer_value(min));
    return add_limit(to, "from", type, json_integer_value(min)) && add_limit(to, "to", type, json_integer_value(max));
}

bool cli_option_facts(const json_t *option, struct ebi_bytes *to) {
    const char *type = text_of(option, "type");
    const json_t *fallback = json_object_get(option, "default");
    bool added = ebi_bytes_add_text(to, type) && add_list(to, ": ", json_object_get(option, "choices"), "") &&
                 add_range(to, type, json_object_get(option, "min"), json_object_get(option, "max"));

    bool required = json_is_true(json_object_get(option, "required"));
    if (added && required)
        added = ebi_bytes_add_text(to, "; required");
    if (added && !required && json_is_string(fallback))
        added = ebi_bytes_add_format(to, "; default: %s", *json_string_value(fallback) ? json_string_value(fallback) : "empty");
    if (added && json_is_true(json_object_get(option, "secret")))
        added = ebi_bytes_add_text(to, "; secret");
    return added && add_list(to, "; for ", json_object_get(option, "roles"), " only");
}

bool cli_traits_depend(const json_t *plugin, const char *role) {
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(plugin, "traits_by_settings"), i, item) {
        if (strcmp(json_string_value(item), role) == 0)
            return true;
    }
    return false;
}

void cli_print_traits(const char *role, uint32_t bits) {
    const char *between = "";

    cli_outf("; traits of the %s: ", role);
    for (size_t i = 0; i < sizeof traits / sizeof traits[0]; i++) {
        if (!(bits & traits[i].bit))
            continue;
        cli_outf("%s%s", between, traits[i].name);
        between = ", ";
    }
    cli_outf("%s\n", *between ? "" : "none");
}

const char *cli_trait_meaning(const char *trait, const char *role) {
    for (size_t i = 0; i < sizeof traits / sizeof traits[0]; i++)
        if (strcmp(traits[i].name, trait) == 0)
            return traits[i].means_receiving && strcmp(role, "consumer") == 0 ? traits[i].means_receiving : traits[i].means;
    return "";
}

/* Prints a line whose second part comes from a plugin. */
static void put_line(const char *before, const char *text) {
    cli_outf("%s", before);
    cli_put(text);
    cli_outf("\n");
}

void cli_print_option(const json_t *option) {
    struct ebi_bytes facts = { 0 };

    if (cli_option_facts(option, &facts)) {
        cli_outf("  ");
        cli_put(text_of(option, "key"));
        put_line(strcmp(text_of(option, "type"), "pairs") == 0 ? "*" : "", "");
        put_line("      ", text_of(option, "help"));
        put_line("      ", facts.data);
    } else {
        cli_tell("out of memory");
    }
    ebi_bytes_free(&facts);
}

static void print_role(const json_t *plugin, const char *role) {
    const json_t *role_traits = json_object_get(json_object_get(plugin, "traits"), role);
    size_t i;
    json_t *trait;

    cli_outf("role: %s", role);
    json_array_foreach(role_traits, i, trait) cli_outf("%s%s", i ? ", " : " (", json_string_value(trait));
    cli_outf("%s%s\n", i ? ")" : "", cli_traits_depend(plugin, role) ? "; some only with certain settings" : "");
}

void cli_print_plugin(const json_t *plugin) {
    const json_t *options = json_object_get(plugin, "options");
    size_t i;
    json_t *item;

    cli_put(text_of(plugin, "name"));
    cli_outf(" ");
    cli_put(text_of(plugin, "version"));
    put_line(": ", text_of(plugin, "summary"));
    put_line("file: ", text_of(plugin, "file"));
    put_line("ABI: ", text_of(plugin, "abi"));
    json_array_foreach(json_object_get(plugin, "roles"), i, item) print_role(plugin, json_string_value(item));
    cli_outf("\nKeys of its [broker NAME] section:\n");
    json_array_foreach(options, i, item) cli_print_option(item);
}
