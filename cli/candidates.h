/* cli/candidates.h - the words that may stand next in a command line: verbs, options, and names that the configuration and the
 * running broker have. */
#ifndef CLI_CANDIDATES_H
#define CLI_CANDIDATES_H

#include "cli/typed_line.h"

/* A line of its own in place of candidates: the shell completes names of files. */
extern const char cli_candidates_files[];

/* Prints them on standard output, one a line, sorted, each with what it means behind a tab where that is known. A broker or a
 * configuration that cannot be read has no candidates. Returns false when there is no memory. */
bool cli_candidates_print(const struct cli_call *, const struct cli_typed *);

#endif
