/* cli/lines.h - reads a stream by lines of bounded length. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* An event may be as large as the queue (queue_bytes, 64 MiB), and JSON writes a control character in six bytes:
 * `produce` reads every line that `consume` prints. */
enum { CLI_LONGEST_EVENT = 64 << 20, CLI_LONGEST_LINE = 7 * CLI_LONGEST_EVENT };

struct cli_lines {
    FILE *file;
    const char *name; /* for messages: "standard input", or the path */
    uint64_t number;  /* number of the line read last, from 1 */
    uint64_t taken;   /* bytes that were read */
    uint64_t end;     /* a line that begins after this many bytes is not read */
    struct ebi_bytes line;
};

/* Opens a file; path "-" is standard input. The caller closes it with cli_lines_close, also after an error. */
enum eb_status cli_lines_open(struct cli_lines *, const char *path, struct eb_error *);

/* If the stream is this file, to which the caller appends, limits reading to its present length. Returns whether it
 * is. */
bool cli_lines_end_before_growth(struct cli_lines *, const char *path);

/* Gives the next line that is not blank, without its newline, borrowed until the next call. EB_END: no line is left.
 * EB_PERMANENT: the line is too long, and the next call goes on after it. EB_FATAL: reading failed. */
enum eb_status cli_lines_next(struct cli_lines *, const char **line, size_t *len, struct eb_error *);

/* Returns whether something follows the line read last, as far as that is known without waiting. It may read, so call
 * it only at the end. */
bool cli_lines_has_more(struct cli_lines *);

/* Puts "standard input:3: " before the text of err. */
void cli_lines_context(const struct cli_lines *, struct eb_error *);

void cli_lines_close(struct cli_lines *);

#endif
