/* core/base/bytes.h - a growing run of bytes. */
#ifndef EBI_BYTES_H
#define EBI_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <eventbus/error.h>

/* All zero is an empty one. One thread at a time. */
struct ebi_bytes {
    char *data; /* len bytes, then a NUL; NULL before the first use */
    size_t len;
    size_t room; /* what data has room for, the NUL not counted */
};

/* Each returns false, and changes nothing, where there is no memory. */
bool ebi_bytes_reserve(struct ebi_bytes *, size_t more);
bool ebi_bytes_add(struct ebi_bytes *, const void *data, size_t len);
bool ebi_bytes_add_text(struct ebi_bytes *, const char *text);
bool ebi_bytes_add_format(struct ebi_bytes *, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool ebi_bytes_add_vformat(struct ebi_bytes *, const char *format, va_list) __attribute__((format(printf, 2, 0)));

/* Adds text as a JSON string, with its quotes; what may not be shown (eventbus/printable.h) is escaped, bytes
 * that are not UTF-8 are replaced by U+FFFD. */
bool ebi_bytes_add_json_string(struct ebi_bytes *, const char *text, size_t len);

/* The same, but escapes only what JSON requires: for texts that are compared byte by byte. */
bool ebi_bytes_add_json_least(struct ebi_bytes *, const char *text, size_t len);

/* Adds everything that can be read from a descriptor, to its end. EB_PERMANENT, EB_KIND_DATA: more than `limit` bytes; EB_FATAL: it
 * cannot be read, or no memory. The error names no file: the caller puts that in front. */
enum eb_status ebi_bytes_fill(struct ebi_bytes *, int fd, size_t limit, struct eb_error *);

void ebi_bytes_clear(struct ebi_bytes *); /* empty, memory kept */
void ebi_bytes_free(struct ebi_bytes *);  /* it is all zero again */

#endif
