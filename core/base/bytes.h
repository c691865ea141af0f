/* core/base/bytes.h - a growing run of bytes. */
#ifndef EBI_BYTES_H
#define EBI_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

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

void ebi_bytes_clear(struct ebi_bytes *); /* empty, memory kept */
void ebi_bytes_free(struct ebi_bytes *);  /* it is all zero again */

#endif
