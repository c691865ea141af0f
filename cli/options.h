/* cli/options.h - reading a command line by option tables, on getopt_long(3). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

/* A table and the struct that its options fill. */
struct cli_table {
    const struct cli_option *options;
    size_t n;
    void *settings;
};

enum cli_order {
    CLI_FIRST_WORD, /* stop at the first word that is no option */
    CLI_ANYWHERE    /* options may stand behind such words; argv is reordered */
};

/* Reads the options behind argv[0]. An option that two tables have belongs to the first. Lists grow by what is read and
 * belong to the caller: cli_options_free. Answers how many arguments were read, argv[0] included, or -1 after it told
 * what is wrong with them; `name` is what the message calls the verb. */
int cli_options_read(const char *name, const struct cli_table *, size_t n_tables, enum cli_order, int argc,
                     char **argv);

void cli_options_free(const struct cli_table *, size_t n_tables);

#endif
