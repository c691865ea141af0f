/* cli/check.h - what config check finds out beforehand, and a worker would only when it starts or with its first event. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/bus.h"
#include "cli/report.h"

/* The folders of plugin_path and schema_path, as far as the configuration names them, can be read. */
void cli_check_folders(const struct eb_bus *, struct cli_tally *);

/* Each [consume] section can be worked on: its topics by the consumer's plugin, the command, the web address, the key's field,
 * the broker of the dead letters. */
void cli_check_consumers(struct eb_bus *, struct cli_tally *);

#endif
