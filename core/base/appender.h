/* core/base/appender.h - adds to an ebi_bytes in many small pieces without a call for each. */
#ifndef EBI_APPENDER_H
#define EBI_APPENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

/* Between ebi_append_begin and ebi_append_end nobody else may touch the bytes. */
struct ebi_appender {
    struct ebi_bytes *bytes;
    char *at, *end; /* where the next byte goes, and where the room ends */
};

/* Makes room for at least `more` bytes. Returns false: no memory. */
bool ebi_append_grow(struct ebi_appender *, size_t more);

static inline bool ebi_append_room(struct ebi_appender *out, size_t more) {
    return (size_t)(out->end - out->at) >= more || ebi_append_grow(out, more);
}

/* Returns false: no memory. */
bool ebi_append_begin(struct ebi_appender *, struct ebi_bytes *);

void ebi_append_end(struct ebi_appender *);              /* gives the bytes their new length */
void ebi_append_undo(struct ebi_appender *, size_t len); /* gives them the length `len`, as before */

static inline bool ebi_append(struct ebi_appender *out, const void *data, size_t len) {
    if (!ebi_append_room(out, len))
        return false;
    memcpy(out->at, data, len);
    out->at += len;
    return true;
}

#endif
