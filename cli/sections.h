/* cli/sections.h - visits every section of the configuration with the tables that know its keys. */
#ifndef CLI_SECTIONS_H
#define CLI_SECTIONS_H

#include "cli/report.h"
#include "config/config.h"
#include "config/settings.h"
#include "plugin/plugins.h"

/* One section with checked values, valid until the visitor returns. */
struct cli_section {
    const char *kind, *name; /* name is "" for [eventbus] and for the example of a kind without a section */
    struct ebi_table tables[2];
    size_t n_tables;
    union {
        struct ebi_bus_settings bus;
        struct ebi_route_settings route;
        struct ebi_consume_settings consume;
        struct ebi_broker_settings broker; /* if the plugin could not be loaded */
    } own;
    struct ebi_broker *broker; /* [broker NAME]: its plugin and settings */
};

/* Checks all sections, [eventbus] first, and calls the visitor with each. An error of a section is printed and counted
 * in the tally, as is each correct section. For a broker whose plugin is refused the visitor gets the keys of the
 * core. If [eventbus] is wrong, the other sections are not checked. examples: a kind without a section is visited
 * once, as an empty section. */
void cli_sections_each(struct ebi_config *, bool examples, struct cli_tally *,
                       void (*visit)(void *arg, struct ebi_config *, const struct cli_section *), void *arg);

#endif
