/* cli/verbs.h - all verbs; each one is in the file of its name. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

extern const struct cli_verb cli_bench;
extern const struct cli_verb cli_completion;
extern const struct cli_verb cli_config;
extern const struct cli_verb cli_conform;
extern const struct cli_verb cli_consume;
extern const struct cli_verb cli_groups;
extern const struct cli_verb cli_plugins;
extern const struct cli_verb cli_plugins_new; /* a subcommand of plugins */
extern const struct cli_verb cli_produce;
extern const struct cli_verb cli_schema;
extern const struct cli_verb cli_seek;
extern const struct cli_verb cli_signals;
extern const struct cli_verb cli_topics;

/* Subcommands that have a file of their own: config_import.c, topic_create.c, topic_delete.c,
 * topic_trim.c, group_delete.c. */
extern const struct cli_verb cli_config_import;
extern const struct cli_verb cli_topics_create;
extern const struct cli_verb cli_topics_delete;
extern const struct cli_verb cli_topics_trim;
extern const struct cli_verb cli_groups_delete;

#endif
