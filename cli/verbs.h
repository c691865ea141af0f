/* cli/verbs.h - all verbs, each in the file of its name. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

extern const struct cli_verb cli_config;
extern const struct cli_verb cli_conform;
extern const struct cli_verb cli_plugins;

#endif
