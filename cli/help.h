/* cli/help.h - prints --help and the man pages from the verbs' tables. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* The options that every verb has, and the verbs. */
struct cli_common {
    const char *const *files, *const *overrides;
    bool quiet, verbose, help, version;
    const struct cli_verb *const *verbs;
};
extern const struct cli_option cli_common_options[];
extern const size_t cli_n_common_options;

/* The texts about exit statuses and about the search for the configuration, for --help and the man pages. */
struct cli_exit_text {
    const char *status, *meaning;
};
extern const struct cli_exit_text cli_exit_texts[];
extern const size_t cli_n_exit_texts;
extern const char cli_about_configuration[];

/* Prints the help of a verb on standard output; verb NULL: of the command. name: "schema check". */
void cli_help(const struct cli_verb *const *verbs);
void cli_help_verb(const struct cli_verb *, const char *name);

/* Prints a man page on standard output; returns the exit status. page is "eventbus", with the plugins that have a page
 * in `more`; or "eventbus-VERB"; or "eventbus.ini", with the file of its prose and then the plugins in `more`. more
 * ends with NULL. */
int cli_man(const struct cli_verb *const *verbs, const char *page, const char *const *more);

#endif
