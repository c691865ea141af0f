/* cli/cli.h - what a verb of the command is, and what it gets when it runs. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/out.h"
#include "cli/report.h"
#include "config/config.h"

enum cli_type {               /* the type of an option, and the C type at `offset` in the verb's settings */
                CLI_FLAG = 1, /* bool */
                CLI_TEXT,     /* const char *; may be given once; NULL: not given */
                CLI_LIST,     /* const char *const *: all values in order, ends with NULL; NULL: not given */
                CLI_COUNT     /* uint64_t, at least 1; 0: not given */
};

/* One option. The parser, the help and the man page come from this declaration. */
struct cli_option {
    const char *name; /* the long name without "--"; NULL: it has only a letter */
    char letter;      /* '\0': no letter */
    enum cli_type type;
    size_t offset;
    const char *value; /* the name of its value in the help; NULL for flags */
    const char *help;  /* one sentence, no full stop */
};

struct cli_call;

/* A verb, or a subcommand of one: "schema" has the subcommands "check", "encode" and "decode". A verb may have both
 * subcommands and a run of its own: "topics" lists, "topics create" makes one. */
struct cli_verb {
    const char *name;
    const char *summary;                 /* one line, no full stop */
    const struct cli_verb *const *parts; /* subcommands, ends with NULL; NULL: the verb has none */
    const char *const *usage;            /* what may follow the name, one line for each form; ends with NULL */
    const char *about;                   /* paragraphs separated by empty lines; NULL: the summary is enough */
    const char *const *examples;         /* command lines; ends with NULL */
    const struct cli_option *options;
    size_t n_options;
    size_t settings_size; /* of the struct that the options fill */
    const char *operand;  /* what its operands are, for completion: a name of candidates.c, or "this|that"; NULL: anything */
    size_t min_operands, max_operands;
    int (*run)(const struct cli_call *); /* returns the exit status; NULL: the verb only has subcommands, and the fields
                                          * from usage on are not used */
};

enum cli_loudness { CLI_NORMAL, CLI_QUIET, CLI_VERBOSE };

/* A call of a verb. All of it is borrowed until the verb returns. */
struct cli_call {
    const struct cli_verb *verb;
    const struct cli_verb *const *verbs; /* all of the command, ends with NULL */
    const char *name;                    /* "schema check" */
    const void *settings;                /* of settings_size, filled by the options */
    const char *const *operands;
    size_t n_operands;
    const char *const *files;     /* -c, for ebi_config_load */
    const char *const *overrides; /* -o */
    enum cli_loudness loudness;   /* -q, -v: cli_bus_open sets the log's level by it */
};

/* Runs the verb that the arguments name; returns the exit status. */
int cli_main(const struct cli_verb *const *verbs, int argc, char **argv);

/* Prints "eventbus NAME: message; see ..." on standard error; returns 2. */
int cli_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Loads the configuration that -c and -o name, and checks [eventbus]. The caller frees it with ebi_config_free. */
struct ebi_bus_settings;
enum eb_status cli_configure(const struct cli_call *, struct ebi_config **, struct ebi_bus_settings *, struct eb_error *);

#endif
