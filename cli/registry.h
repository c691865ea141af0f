/* cli/registry.h - the signals that the configuration of a call leads to. */
#ifndef CLI_REGISTRY_H
#define CLI_REGISTRY_H

#include "cli/cli.h"
#include "config/settings.h"
#include "signal/registry.h"

struct cli_registry {
    struct ebi_config *config;
    struct ebi_bus_settings settings;
    struct ebi_signals *signals;
};

/* The signals of checked settings; to be freed with ebi_signals_free. */
enum eb_status cli_signals_load(const struct ebi_bus_settings *, struct ebi_signals **, struct eb_error *);

/* To be closed also after a failure. */
enum eb_status cli_registry_open(const struct cli_call *, struct cli_registry *, struct eb_error *);
void cli_registry_close(struct cli_registry *);

/* A type from the command line: an unknown one is a mistake of the call, EB_KIND_CONFIG. */
enum eb_status cli_registry_find(const struct cli_registry *, const char *type, const struct eb_signal **,
                                 struct eb_error *);

#endif
