/* cli/out.h - writes to standard output, which carries only data. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Call it once before anything is written: lines are flushed one by one unless standard output is a file. */
void cli_out_start(void);

/* Each function returns false once a write has failed; the caller then stops. */
bool cli_out(const void *data, size_t len);
bool cli_out_line(const char *text, size_t len); /* adds a newline */

/* Writes lines for people, and escapes what may not be shown (eventbus/printable.h) except newlines. Write a text from
 * outside with cli_put, which escapes newlines too. */
bool cli_outf(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool cli_put(const char *text);

/* Writes the object as one line and drops the reference to it. NULL stands for no memory. */
struct json_t;
bool cli_out_json(struct json_t *);

/* Flushes a complete event or line, unless standard output is a file. */
bool cli_out_event(void);

/* Flushes also to a file, for a program that waits for the line there. */
bool cli_out_now(void);

/* Flushes everything. Returns the exit status: `status`, or 0 if the reader has closed the pipe, or 3 with a message
 * if the data could not be written. */
int cli_out_end(int status);

#endif
