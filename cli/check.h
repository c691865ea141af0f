/* cli/check.h - the checks of `config check` for what a worker would find out only when it starts or with its first
 * event. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/bus.h"
#include "cli/report.h"

/* Checks that the folders of plugin_path and schema_path can be read, if the configuration names them. */
void cli_check_folders(const struct eb_bus *, struct cli_tally *);

/* Checks each [consume] section: the topics with the consumer's plugin, the command, the web address, the key field
 * and the broker of the dead letters. */
void cli_check_consumers(struct eb_bus *, struct cli_tally *);

#endif
