/* core/json/base64.h - bytes as text, RFC 4648 with its padding. */
#ifndef EBI_BASE64_H
#define EBI_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* The text of `len` bytes takes so many characters. */
static inline size_t ebi_base64_len(size_t len) {
    return (len + 2) / 3 * 4;
}

/* Writes it, without a NUL; answers its end. */
char *ebi_base64_write(char *text, const void *bytes, size_t len);

/* Reads it back; text and bytes may be the same place. False: not base64, or not padded. */
bool ebi_base64_read(void *bytes, size_t *len, const char *text, size_t text_len);

#endif
