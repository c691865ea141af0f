/* cli/out.h - standard output, which carries data only. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Once, before anything is written: lines go out one by one unless they go to a file. */
void cli_out_start(void);

/* Each answers false once something could not be written: there is no use in going on then. */
bool cli_out(const void *data, size_t len);
bool cli_out_line(const char *text, size_t len); /* and a newline */

/* Lines for people. What may not be shown (eventbus/printable.h) is escaped, but for newlines: a text from outside that
 * may hold some is written by cli_put, which escapes them too. */
bool cli_outf(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool cli_put(const char *text);

/* The object as one line, and gives it up; NULL is no memory. */
struct json_t;
bool cli_out_json(struct json_t *);

/* One event or line is complete: pushed out now, unless to a file. */
bool cli_out_event(void);

/* The same also to a file: for what another program waits to see there. */
bool cli_out_now(void);

/* Pushes out what waits; answers the exit status: `status`, or 0 where the reader has gone, or 3 with a message where
 * the data could not be written. */
int cli_out_end(int status);

#endif
