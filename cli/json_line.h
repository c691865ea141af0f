/* cli/json_line.h - puts one JSON object together on a line, field by field, for what a verb lists. */
#ifndef CLI_JSON_LINE_H
#define CLI_JSON_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

/* Each function adds one field, with a comma if the object has one before it, and returns false if there is no memory.
 * A text that is NULL and a number below 0 are unknown: null. */
bool cli_json_open(struct ebi_bytes *);
bool cli_json_text(struct ebi_bytes *, const char *name, const char *text);
bool cli_json_number(struct ebi_bytes *, const char *name, int64_t number);
bool cli_json_flag(struct ebi_bytes *, const char *name, bool is);

/* Ends the object. Prints and frees the line, or only frees it if made is false, and returns whether it was printed. */
bool cli_json_close(struct ebi_bytes *, bool made);

#endif
