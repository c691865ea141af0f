/* cli/cli.h - what a verb of the command is, and what it is handed when it runs. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/out.h"
#include "cli/report.h"
#include "config/config.h"

enum cli_type {               /* and what stands at `offset` in the verb's settings */
                CLI_FLAG = 1, /* bool */
                CLI_TEXT,     /* const char *: may be given once; NULL: not given */
                CLI_LIST,     /* const char *const *: all of them in order, NULL-ended; NULL: not given */
                CLI_COUNT     /* uint64_t, at least 1; 0: not given */
};

/* One option, declared once: reading, help and man page come from it. */
struct cli_option {
    const char *name; /* the long one, without "--"; NULL: it has only a letter */
    char letter;      /* '\0': it has none */
    enum cli_type type;
    size_t offset;
    const char *value; /* what its value is called in the help; NULL for flags */
    const char *help;  /* one sentence, no full stop */
};

struct cli_call;

/* A verb, or a part of one: "schema" has the parts "check", "encode" and "decode". */
struct cli_verb {
    const char *name;
    const char *summary;                 /* one line, no full stop */
    const struct cli_verb *const *parts; /* NULL-ended; NULL: it runs itself, and what follows is filled in */
    const char *const *usage;            /* NULL-ended: what stands behind the name, one line a form */
    const char *about;                   /* paragraphs with an empty line between; NULL: the summary says it all */
    const char *const *examples;         /* NULL-ended: command lines */
    const struct cli_option *options;
    size_t n_options;
    size_t settings_size; /* of the struct that the options fill */
    size_t min_operands, max_operands;
    int (*run)(const struct cli_call *); /* answers the exit status */
};

enum cli_loudness { CLI_NORMAL, CLI_QUIET, CLI_VERBOSE };

/* A verb as it was called. All is borrowed until it returns. */
struct cli_call {
    const struct cli_verb *verb;
    const char *name;     /* "schema check" */
    const void *settings; /* of settings_size, filled by the options */
    const char *const *operands;
    size_t n_operands;
    const char *const *files;     /* -c, for ebi_config_load */
    const char *const *overrides; /* -o */
    enum cli_loudness loudness;   /* -q, -v: cli_bus_open sets the log's level by it */
};

/* Runs the verb that the arguments name; answers the exit status. */
int cli_main(const struct cli_verb *const *verbs, int argc, char **argv);

/* "eventbus NAME: message; see ..." on standard error; answers 2. */
int cli_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The configuration that -c and -o name, with [eventbus] checked and filled in. To be freed with ebi_config_free. */
struct ebi_bus_settings;
enum eb_status cli_configure(const struct cli_call *, struct ebi_config **, struct ebi_bus_settings *,
                             struct eb_error *);

#endif
