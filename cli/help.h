/* cli/help.h - what --help prints, and the same as man pages: both come from the verbs' tables. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* The options that stand before or after every verb. */
struct cli_common {
    const char *const *files, *const *overrides;
    bool quiet, verbose, help, version;
};
extern const struct cli_option cli_common_options[];
extern const size_t cli_n_common_options;

/* What the command says of its exit status and of the configuration that it finds, in --help and man pages. */
struct cli_exit_text {
    const char *status, *meaning;
};
extern const struct cli_exit_text cli_exit_texts[];
extern const size_t cli_n_exit_texts;
extern const char cli_about_configuration[];

/* On standard output. verb NULL: of the command itself; name: "schema check". */
void cli_help(const struct cli_verb *const *verbs);
void cli_help_verb(const struct cli_verb *, const char *name);

/* A page in man(7)'s language on standard output; answers the exit status. "eventbus", and `more` names the plugins that
 * have a page; "eventbus-VERB"; "eventbus.ini", and `more` is the file with its prose, then the plugins. NULL-ended. */
int cli_man(const struct cli_verb *const *verbs, const char *page, const char *const *more);

#endif
