/* core/json/base64.h - bytes as text, RFC 4648 with its padding. */
#ifndef EBI_BASE64_H
#define EBI_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Returns how many characters the text of `len` bytes has. */
static inline size_t ebi_base64_len(size_t len) {
    return (len + 2) / 3 * 4;
}

/* Writes the text, without a NUL, and returns its end. */
char *ebi_base64_write(char *text, const void *bytes, size_t len);

/* Reads the text back; text and bytes may be the same place. Returns false: it is not base64, or not padded. */
bool ebi_base64_read(void *bytes, size_t *len, const char *text, size_t text_len);

#endif
