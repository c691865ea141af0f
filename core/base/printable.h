/* core/base/printable.h - escapes text from outside, so that it may be shown: eventbus/printable.h says what may be. */
#ifndef EBI_PRINTABLE_H
#define EBI_PRINTABLE_H

#include <eventbus/printable.h>
#include "base/bytes.h"

/* What to do with a piece of text. */
enum ebi_printable {
    EBI_SHOW,   /* a character that is shown as it is */
    EBI_ESCAPE, /* a character that is shown by its number */
    EBI_BROKEN  /* bytes that are not UTF-8: they are replaced by U+FFFD */
};

/* Returns the length of the piece that text (len > 0) starts with, never 0; *what is what to do with it, *character its number, 0 where
 * the bytes are broken. */
size_t ebi_printable_step(const char *text, size_t len, enum ebi_printable *what, uint32_t *character);

/* Adds text on one line: \n and \t for these two, \x1b for other control characters, \u{202e} for other characters that may not be
 * shown, U+FFFD for bytes that are not UTF-8. Returns false, with part of it added, when there is no memory. */
bool ebi_printable_add(struct ebi_bytes *, const char *text, size_t len);

/* The same with " and \ escaped by a backslash, for text that stands in quotes. */
bool ebi_printable_add_quoted(struct ebi_bytes *, const char *text, size_t len);

/* Escapes JSON text from byte `from` on: each character of a string that may not be shown becomes \uXXXX, so the values
 * stay the same. Blanks and newlines between values are left alone. Returns false, and changes nothing, when there is no
 * memory. */
bool ebi_printable_json(struct ebi_bytes *json, size_t from);

/* Adds text as a JSON string, with its quotes; what may not be shown (eventbus/printable.h) is escaped, bytes
 * that are not UTF-8 are replaced by U+FFFD. */
bool ebi_bytes_add_json_string(struct ebi_bytes *, const char *text, size_t len);

/* The same, but escapes only what JSON requires: for texts that are compared byte by byte. */
bool ebi_bytes_add_json_least(struct ebi_bytes *, const char *text, size_t len);

#endif
