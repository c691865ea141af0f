/* cli/report.h - prints errors on standard error and derives the exit status from them. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdint.h>
#include <eventbus/error.h>

enum cli_exit {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_PARTLY = 1, /* some things failed; each was named */
    CLI_EXIT_USAGE = 2,  /* the call or the configuration is wrong */
    CLI_EXIT_BROKER = 3, /* the broker, the registry or this machine failed */
    CLI_EXIT_DATA = 4,   /* JSON, Avro data or a schema is wrong */
    CLI_EXIT_PLUGIN = 5  /* a plugin was refused */
};

/* Returns the exit status for an error's kind. */
enum cli_exit cli_exit_of(const struct eb_error *);

/* Prints "eventbus: text" on standard error as one line, and escapes what may not be shown. */
void cli_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the error and returns its exit status. */
int cli_failed(const struct eb_error *);

/* The count of a run over many things of which some may fail. All zero at the start. */
struct cli_tally {
    uint64_t done, failed;
    enum cli_exit first; /* the exit status of the first failure */
};

void cli_tally_failed(struct cli_tally *, const struct eb_error *); /* prints the error as well */
void cli_tally_told(struct cli_tally *, const struct eb_error *);   /* the error was printed before */
int cli_tally_exit(const struct cli_tally *);

#endif
