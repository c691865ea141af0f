/* cli/typed_line.h - reads a command line that is being typed, by the tables of the verbs. */
#ifndef CLI_TYPED_LINE_H
#define CLI_TYPED_LINE_H

#include "cli/cli.h"

enum { CLI_TYPED_MOST = 64 }; /* lists and options that are kept; more are passed over */

/* What the words before the last one say. Everything is borrowed from the words and the tables. */
struct cli_typed {
    const struct cli_verb *verb;         /* the verb or subcommand; NULL: none yet */
    const struct cli_verb *const *verbs; /* what may come as the next verb or subcommand, ends with NULL; NULL: none */
    const struct cli_option *awaited;    /* the option whose value is the last word; NULL: none */
    const struct cli_option *given[CLI_TYPED_MOST];
    size_t n_given, n_operands;
    bool only_operands;                        /* a "--" stands before the last word */
    const char *files[CLI_TYPED_MOST + 1];     /* the values of -c; ends with NULL */
    const char *overrides[CLI_TYPED_MOST + 1]; /* the values of -o; ends with NULL */
    const char *topic, *broker;                /* the last -t and --broker; NULL: not given */
    const char *last;                          /* the word to complete, or the part of it behind "--name=" */
    size_t attached;                           /* bytes of the word before `last` */
};

/* words: those behind "eventbus", the last of which is to be completed; n is at least 1. Words that fit no table are passed over. */
void cli_typed_read(struct cli_typed *, const struct cli_verb *const *verbs, const char *const *words, size_t n);

/* Calls each for every option that may stand here. */
void cli_typed_options(const struct cli_typed *, void (*each)(void *arg, const struct cli_option *), void *arg);

#endif
