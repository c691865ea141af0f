/* core/base/appender.h - adding to an ebi_bytes in many small pieces without a call for each. */
#ifndef EBI_APPENDER_H
#define EBI_APPENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

/* Between begin and end the bytes are this one's alone. */
struct ebi_appender {
    struct ebi_bytes *bytes;
    char *at, *end;             /* where the next byte goes; behind the last one there is room for */
};

/* Room for `more` bytes at least. False: no memory. */
bool ebi_append_grow(struct ebi_appender *, size_t more);

static inline bool ebi_append_room(struct ebi_appender *out, size_t more) {
    return (size_t)(out->end - out->at) >= more || ebi_append_grow(out, more);
}

/* False: no memory. */
bool ebi_append_begin(struct ebi_appender *, struct ebi_bytes *);

void ebi_append_end(struct ebi_appender *);         /* keeps what was added */
void ebi_append_undo(struct ebi_appender *, size_t len);    /* the bytes are `len` long, as before */

static inline bool ebi_append(struct ebi_appender *out, const void *data, size_t len) {
    if (!ebi_append_room(out, len))
        return false;
    memcpy(out->at, data, len);
    out->at += len;
    return true;
}

#endif
