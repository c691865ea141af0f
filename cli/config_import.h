/* cli/config_import.h - the subcommand "import" of eventbus config, which has a file of its own. */
#ifndef CLI_CONFIG_IMPORT_H
#define CLI_CONFIG_IMPORT_H

#include "cli/cli.h"

extern const struct cli_verb cli_config_import;

#endif
