/* cli/registry.c - see registry.h. */
#include "cli/registry.h"

#include <stdlib.h>
#include "base/error.h"

enum eb_status cli_signals_load(const struct ebi_bus_settings *settings, struct ebi_signals **signals,
                                struct eb_error *err) {
    char *folders = ebi_schema_folders(settings->schema_path);

    if (!folders)
        return ebi_error_memory(err);
    enum eb_status status =
        ebi_signals_load(folders, (size_t)settings->schema_limit, settings->service, NULL, signals, err);
    free(folders);
    return status;
}

enum eb_status cli_registry_open(const struct cli_call *call, struct cli_registry *registry, struct eb_error *err) {
    enum eb_status status = cli_configure(call, &registry->config, &registry->settings, err);

    return status == EB_OK ? cli_signals_load(&registry->settings, &registry->signals, err) : status;
}

void cli_registry_close(struct cli_registry *registry) {
    ebi_signals_free(registry->signals);
    ebi_config_free(registry->config);
    *registry = (struct cli_registry){0};
}

enum eb_status cli_registry_find(const struct cli_registry *registry, const char *type, const struct eb_signal **signal,
                                 struct eb_error *err) {
    *signal = ebi_signals_find(registry->signals, type, err);
    if (*signal)
        return EB_OK;
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_PERMANENT;
}
