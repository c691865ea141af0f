/* cli/sections.c - see sections.h. */
#include "cli/sections.h"

#include <string.h>

/* What every visit needs. */
struct walk {
    struct ebi_config *config;
    struct ebi_bus_settings bus; /* says where the plugins are */
    struct cli_tally *tally;
    void (*visit)(void *arg, struct ebi_config *, const struct cli_section *);
    void *arg;
};

static enum eb_status bind_broker(struct walk *walk, struct cli_section *section, struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (*section->name)
        status = ebi_broker_bind(walk->config, &walk->bus, section->name, &section->broker, err);
    section->tables[section->n_tables++] = ebi_broker_table(section->broker ? &section->broker->own : &section->own.broker);
    if (section->broker) {
        const struct eb_plugin *about = &section->broker->plugin->about;
        section->tables[section->n_tables++] = (struct ebi_table){ .options = about->options,
                                                                   .n = about->n_options,
                                                                   .stride = about->option_size,
                                                                   .settings = (void *)section->broker->settings };
    }
    return status;
}

static enum eb_status bind(struct walk *walk, struct cli_section *section, struct eb_error *err) {
    if (strcmp(section->kind, "broker") == 0)
        return bind_broker(walk, section, err);
    if (strcmp(section->kind, "eventbus") == 0)
        section->tables[section->n_tables++] = ebi_bus_table(&section->own.bus);
    else if (strcmp(section->kind, "route") == 0)
        section->tables[section->n_tables++] = ebi_route_table(&section->own.route);
    else
        section->tables[section->n_tables++] = ebi_consume_table(&section->own.consume);
    if (!*section->name && strcmp(section->kind, "eventbus") != 0)
        return EB_OK; /* an example: no key is given, not even a required one */
    return ebi_config_bind(walk->config, section->kind, section->name, section->tables, section->n_tables, err);
}

/* Returns whether the section is correct. */
static bool visit(struct walk *walk, const char *kind, const char *name) {
    struct cli_section section = { .kind = kind, .name = name };
    struct eb_error err;
    bool right = bind(walk, &section, &err) == EB_OK;

    if (right)
        walk->tally->done++;
    else
        cli_tally_failed(walk->tally, &err);
    if (strcmp(kind, "eventbus") == 0)
        walk->bus = section.own.bus;
    walk->visit(walk->arg, walk->config, &section);
    ebi_broker_free(section.broker);
    return right;
}

void cli_sections_each(struct ebi_config *config, bool examples, struct cli_tally *tally,
                       void (*visitor)(void *arg, struct ebi_config *, const struct cli_section *), void *arg) {
    static const char *const kinds[] = { "broker", "route", "consume" };
    struct walk walk = { .config = config, .tally = tally, .visit = visitor, .arg = arg };
    struct eb_error err;

    if (ebi_config_check_sections(config, &err) != EB_OK)
        cli_tally_failed(tally, &err);
    if (!visit(&walk, "eventbus", ""))
        return; /* without it the folders of plugins are unknown */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *name = ebi_config_next(config, kinds[i], NULL);
        if (!name && examples)
            visit(&walk, kinds[i], "");
        for (; name; name = ebi_config_next(config, kinds[i], name))
            visit(&walk, kinds[i], name);
    }
}
