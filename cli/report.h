/* cli/report.h - telling what went wrong, on standard error, and the exit status that follows from it. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdint.h>
#include <eventbus/error.h>

enum cli_exit {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_PARTLY = 1, /* some done and some not; each was named */
    CLI_EXIT_USAGE = 2,  /* how it was called, or its configuration */
    CLI_EXIT_BROKER = 3, /* broker, registry or this machine: not reachable, or gave up */
    CLI_EXIT_DATA = 4,   /* JSON, Avro, schema */
    CLI_EXIT_PLUGIN = 5  /* plugin refused */
};

/* The exit status for an error's kind. */
enum cli_exit cli_exit_of(const struct eb_error *);

/* "eventbus: text" on standard error, as one line; what may not be shown in it is escaped. */
void cli_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tells the error and answers its exit status. */
int cli_failed(const struct eb_error *);

/* A run over many things of which some may fail. All zero at the start. */
struct cli_tally {
    uint64_t done, failed;
    enum cli_exit first; /* the class of the first failure */
};

void cli_tally_failed(struct cli_tally *, const struct eb_error *); /* tells it as well */
void cli_tally_told(struct cli_tally *, const struct eb_error *);   /* it has been told */
int cli_tally_exit(const struct cli_tally *);

#endif
