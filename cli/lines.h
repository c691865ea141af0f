/* cli/lines.h - reading a stream line by line, each bounded. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* An event fills the queue (queue_bytes, 64 MiB) at most, but JSON has six bytes for a control character: what `consume` prints,
 * `produce` takes. */
enum { CLI_LONGEST_EVENT = 64 << 20, CLI_LONGEST_LINE = 7 * CLI_LONGEST_EVENT };

struct cli_lines {
    FILE *file;
    const char *name; /* for messages: "standard input", or the path */
    uint64_t number;  /* of the line read last, from 1 */
    uint64_t taken;   /* bytes that were read */
    uint64_t end;     /* no line that begins behind so many bytes is read */
    struct ebi_bytes line;
};

/* path "-": standard input. To be given to cli_lines_close, also after a failure. */
enum eb_status cli_lines_open(struct cli_lines *, const char *path, struct eb_error *);

/* Where the stream is this very file, which the caller adds to: reads it only as far as it reaches now. Answers whether it
 * is. */
bool cli_lines_end_before_growth(struct cli_lines *, const char *path);

/* The next line that is not blank, without its newline; borrowed until the next call. EB_END: there is none.
 * EB_PERMANENT: this one is too long, the next call goes on behind it; EB_FATAL: reading failed. */
enum eb_status cli_lines_next(struct cli_lines *, const char **line, size_t *len, struct eb_error *);

/* Whether there is something behind the line read last, as far as can be told without waiting for it. For the end: it may read
 * on. */
bool cli_lines_has_more(struct cli_lines *);

/* Puts "standard input:3: " in front of what err says. */
void cli_lines_context(const struct cli_lines *, struct eb_error *);

void cli_lines_close(struct cli_lines *);

#endif
