/* plugins/common/one_line.h - text from a stranger, made fit for an error or a log line. */
#ifndef EBP_ONE_LINE_H
#define EBP_ONE_LINE_H

#include <stddef.h>

/* Copies text into `out` of `room` bytes (NUL included; at least 4) as one line of UTF-8: characters that cannot be printed
 * become blanks, bytes that are not UTF-8 become '?', and a text that is too long ends in "...". */
void ebp_one_line(char *out, size_t room, const char *text, size_t len);

#endif
