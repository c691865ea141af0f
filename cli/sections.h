/* cli/sections.h - every section of the configuration together with the tables that know its keys. */
#ifndef CLI_SECTIONS_H
#define CLI_SECTIONS_H

#include "cli/report.h"
#include "config/config.h"
#include "config/settings.h"
#include "plugin/plugins.h"

/* One section, bound: its values have been checked. Lent to a visitor. */
struct cli_section {
    const char *kind, *name; /* name "" for [eventbus] and for the example of a kind that has no section */
    struct ebi_table tables[2];
    size_t n_tables;
    union {
        struct ebi_bus_settings bus;
        struct ebi_route_settings route;
        struct ebi_consume_settings consume;
        struct ebi_broker_settings broker; /* where the plugin could not be loaded */
    } own;
    struct ebi_broker *broker; /* [broker NAME]: its plugin and settings */
};

/* Binds all sections, [eventbus] first, and lets the visitor see each. What is wrong with one is told and counted in
 * the tally, as is each one that is right; of a broker whose plugin is refused the visitor still sees the keys of the
 * core. Where [eventbus] is wrong the others are not looked at. examples: kinds without a section are visited once, as
 * if one without keys were there. */
void cli_sections_each(struct ebi_config *, bool examples, struct cli_tally *,
                       void (*visit)(void *arg, struct ebi_config *, const struct cli_section *), void *arg);

#endif
