/* cli/candidates.c - see candidates.h. */
#include "cli/candidates.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/conform.h>
#include "base/printable.h"
#include "cli/bus.h"
#include "cli/sections.h"
#include "plugin/find.h"

enum { LOOK_SECONDS = 4 }; /* whoever pressed the key waits for no broker longer */

const char cli_candidates_files[] = ":files";

/* The candidates that are found so far. */
struct found {
    const struct cli_call *call;
    const struct cli_typed *line;
    const char *prefix; /* topic_prefix, while topics and groups are listed */
    char **items;
    size_t n;
    bool no_memory;
};

/* ---- collecting ---- */

/* What a terminal does not show as it is cannot be typed either. */
static bool can_be_shown(const char *text) {
    struct ebi_bytes copy = { 0 };
    bool same = ebi_printable_add(&copy, text, strlen(text)) && strcmp(copy.data ? copy.data : "", text) == 0;

    ebi_bytes_free(&copy);
    return same;
}

/* about may be NULL. */
static void add(struct found *found, const char *name, const char *about) {
    const struct cli_typed *line = found->line;
    struct ebi_bytes item = { 0 };
    char **grown;

    if (strncmp(name, line->last, strlen(line->last)) != 0 || !can_be_shown(name))
        return;
    grown = realloc(found->items, (found->n + 1) * sizeof *grown);
    if (grown)
        found->items = grown;
    if (!grown || !ebi_bytes_add(&item, line->last - line->attached, line->attached) || !ebi_bytes_add_text(&item, name) ||
        (about && !ebi_bytes_add_format(&item, "\t%s", about))) {
        ebi_bytes_free(&item);
        found->no_memory = true;
        return;
    }
    found->items[found->n++] = item.data;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool same_word(const char *a, const char *b) {
    size_t len = strcspn(a, "\t");

    return len == strcspn(b, "\t") && strncmp(a, b, len) == 0;
}

static void print(struct found *found) {
    if (found->n > 0)
        qsort(found->items, found->n, sizeof *found->items, compare);
    for (size_t i = 0; i < found->n; i++)
        if (i == 0 || !same_word(found->items[i], found->items[i - 1]))
            cli_out_line(found->items[i], strlen(found->items[i]));
}

/* ---- names of the configuration ---- */

static void add_sections(struct found *found, const char *kind) {
    struct ebi_config *config;
    struct eb_error err;

    if (ebi_config_load(found->call->files, found->call->overrides, &config, &err) != EB_OK)
        return;
    for (const char *name = NULL; (name = ebi_config_next(config, kind, name));)
        add(found, name, kind);
    ebi_config_free(config);
}

static void sections(struct found *found) {
    add_sections(found, "consume");
}

static void brokers(struct found *found) {
    add_sections(found, "broker");
}

static void add_keys(void *arg, struct ebi_config *config, const struct cli_section *section) {
    struct found *found = arg;
    bool named = strcmp(section->kind, "eventbus") != 0, sets = found->line->awaited;
    struct ebi_bytes full = { 0 };

    (void)config;
    for (size_t t = 0; t < section->n_tables; t++)
        for (size_t i = 0; i < section->tables[t].n; i++) {
            const struct ebi_table *table = &section->tables[t];
            const struct eb_option *option = (const void *)((const char *)table->options + i * table->stride);
            const char *name = !named ? "" : *section->name ? section->name : "NAME";

            ebi_bytes_clear(&full);
            if (!ebi_bytes_add_format(&full, "%s%s%s.%s%s", section->kind, named ? "." : "", name, option->key,
                                      sets ? "=" : ""))
                found->no_memory = true;
            else
                add(found, full.data, NULL);
        }
    ebi_bytes_free(&full);
}

/* Adds the keys of all sections: -o sets them, and `config explain` describes them. */
static void keys(struct found *found) {
    struct ebi_config *config;
    struct cli_tally tally = { 0 };
    struct eb_error err;

    if (ebi_config_load(found->call->files, NULL, &config, &err) != EB_OK)
        return;
    cli_sections_each(config, !found->line->awaited, &tally, add_keys, found);
    ebi_config_free(config);
}

/* ---- names of the bus ---- */

static void types(struct found *found) {
    struct eb_bus *bus;
    struct eb_error err;

    if (cli_bus_open(found->call, NULL, false, &bus, &err) != EB_OK)
        return;
    for (size_t i = 0; i < bus->signals->n; i++)
        add(found, eb_signal_type(&bus->signals->items[i]), NULL);
    eb_bus_close(bus, 0, NULL);
}

static void add_plugin(void *arg, const char *name, const char *file, bool shadowed) {
    if (!shadowed)
        add(arg, name, file);
}

static void plugins(struct found *found) {
    struct ebi_bus_settings settings;
    struct ebi_config *config;
    struct eb_error err;

    if (cli_configure(found->call, &config, &settings, &err) != EB_OK)
        return;
    if (ebi_plugin_walk(ebi_plugin_path(&settings), add_plugin, found) != EB_OK)
        found->no_memory = true;
    ebi_config_free(config);
}

static int32_t add_topic(void *arg, const struct eb_topic_info *info) {
    struct found *found = arg;

    if (ebi_topic_has_prefix(found->prefix, info->name))
        add(found, ebi_short_topic(found->prefix, info->name), NULL);
    return 0;
}

static int32_t add_group(void *arg, const struct eb_group_info *info) {
    struct found *found = arg;

    if (ebi_topic_has_prefix(found->prefix, info->topic))
        add(found, info->group, NULL);
    return 0;
}

/* Asks the broker that the line names for its topics, or for the groups of -t. What it told before an error counts. */
static void ask_broker(struct found *found, bool for_groups) {
    const struct cli_typed *line = found->line;
    struct ebi_admin *admin = NULL;
    struct eb_bus *bus;
    struct eb_error err;
    char *topic = NULL;

    if (cli_bus_open(found->call, NULL, false, &bus, &err) != EB_OK)
        return;
    found->prefix = bus->settings.topic_prefix;
    if ((line->topic && !ebi_topic_is_pattern(line->topic) && cli_bus_topic(bus, line->topic, &topic, &err) != EB_OK) ||
        cli_bus_admin(bus, line->broker, &admin, &err) != EB_OK)
        goto done;
    if (for_groups)
        ebi_admin_groups(admin, topic, NULL, add_group, found, &err);
    else
        ebi_admin_topics(admin, add_topic, found, &err);
done:
    ebi_admin_close(admin);
    eb_bus_close(bus, 0, NULL);
    free(topic);
}

static void topics(struct found *found) {
    ask_broker(found, false);
}

static void groups(struct found *found) {
    ask_broker(found, true);
}

/* ---- other values ---- */

static void add_case(void *arg, const struct eb_conform_case *one) {
    add(arg, one->name, one->about);
    add(arg, one->group, "all cases of this group");
}

static void cases(struct found *found) {
    eb_conform_cases(NULL, add_case, found);
}

static void points(struct found *found) {
    add(found, "earliest", "before the first event");
    add(found, "latest", "behind the last event");
    add(found, "now", NULL);
    add(found, "-1h", "the events of the last hour");
    add(found, "-1d", "the events of the last day");
}

static void formats(struct found *found) {
    add(found, "cloudevents", "one JSON object a line");
    add(found, "pretty", "for people");
}

static void files(struct found *found) {
    (void)found;
    cli_out_line(cli_candidates_files, strlen(cli_candidates_files));
}

/* ---- what is due ---- */

/* Where the values come from, by the name that the help gives them. */
static const struct {
    const char *value;
    void (*list)(struct found *);
} sources[] = {
    { "TOPIC", topics },   { "GROUP", groups },
    { "TYPE", types },     { "SECTION", sections },
    { "NAME", brokers },   { "PLUGIN", plugins },
    { "FILE", files },     { "F", files },
    { "DIR", files },      { "COMMAND", files },
    { "CMD", files },      { "PLACE", points },
    { "KEY", keys },       { "KIND.NAME.KEY=VALUE", keys },
    { "FORMAT", formats }, { "CASE|GROUP", cases },
};

/* "produce|consume|both" */
static void choices(struct found *found, const char *value) {
    char *copy = strdup(value), *rest = copy;

    found->no_memory |= !copy;
    for (char *choice; copy && (choice = strsep(&rest, "|"));)
        add(found, choice, NULL);
    free(copy);
}

static void values(struct found *found, const char *value) {
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i].value, value) == 0) {
            sources[i].list(found);
            return;
        }
    if (strchr(value, '|'))
        choices(found, value);
}

/* A verb and its subcommand may both have an option of this name. */
static bool is_same(const struct cli_option *a, const struct cli_option *b) {
    return a->name && b->name ? strcmp(a->name, b->name) == 0 : a == b;
}

static void add_option(void *arg, const struct cli_option *option) {
    struct found *found = arg;
    char name[80] = "-";

    for (size_t i = 0; i < found->line->n_given; i++)
        if (option->type != CLI_LIST && is_same(found->line->given[i], option))
            return;
    if (option->name)
        snprintf(name, sizeof name, "--%s", option->name);
    else
        name[1] = option->letter;
    add(found, name, option->help);
}

static void add_verbs(struct found *found) {
    for (const struct cli_verb *const *verb = found->line->verbs; verb && *verb; verb++)
        add(found, (*verb)->name, (*verb)->summary);
}

static void find(struct found *found) {
    const struct cli_typed *line = found->line;

    if (line->awaited) {
        values(found, line->awaited->value);
    } else if (line->last[0] == '-' && !line->only_operands) {
        cli_typed_options(line, add_option, found);
    } else {
        add_verbs(found);
        if (line->verb && line->verb->operand && line->n_operands < line->verb->max_operands)
            values(found, line->verb->operand);
    }
}

/* Ends the process in time, also while a plugin does not return. An alarm could not: signals are blocked in calls of plugins. */
static void *end_in_time(void *none) {
    (void)none;
    sleep(LOOK_SECONDS);
    _exit(CLI_EXIT_BROKER);
}

bool cli_candidates_print(const struct cli_call *call, const struct cli_typed *line) {
    struct found found = { .call = call, .line = line };
    pthread_t thread;

    if (pthread_create(&thread, NULL, end_in_time, NULL) != 0)
        return false;
    pthread_detach(thread);
    find(&found);
    print(&found);
    for (size_t i = 0; i < found.n; i++)
        free(found.items[i]);
    free(found.items);
    return !found.no_memory;
}
