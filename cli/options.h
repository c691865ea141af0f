/* cli/options.h - reads a command line by option tables, with getopt_long(3). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

/* A table of options and the struct that they fill. */
struct cli_table {
    const struct cli_option *options;
    size_t n;
    void *settings;
};

enum cli_order {
    CLI_FIRST_WORD, /* stop at the first word that is not an option */
    CLI_ANYWHERE    /* options may follow such words; argv is reordered */
};

/* Reads the options after argv[0]. An option that two tables have belongs to the first. The caller frees the lists
 * with cli_options_free. Returns the number of arguments read, argv[0] included, or -1 after printing what is wrong
 * with them; `name` is the verb in that message. */
int cli_options_read(const char *name, const struct cli_table *, size_t n_tables, enum cli_order, int argc, char **argv);

/* Returns the index of the first word that is neither an option nor an option's value, or argc if the words hold
 * none, or if an unknown option stands before it. Fills nothing and reports nothing. */
int cli_options_first_word(const struct cli_table *, size_t n_tables, int argc, char **argv);

void cli_options_free(const struct cli_table *, size_t n_tables);

#endif
