/* core/schema/out.h - adding to an ebi_bytes in many small pieces without a call for each. */
#ifndef EBI_OUT_H
#define EBI_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

/* Between begin and end the bytes are this one's alone. */
struct ebi_out {
    struct ebi_bytes *bytes;
    char *at, *end;             /* where the next byte goes; behind the last one there is room for */
};

/* Room for `more` bytes at least. False: no memory. */
bool ebi_out_grow(struct ebi_out *, size_t more);

static inline bool ebi_out_room(struct ebi_out *out, size_t more) {
    return (size_t)(out->end - out->at) >= more || ebi_out_grow(out, more);
}

/* False: no memory. */
bool ebi_out_begin(struct ebi_out *, struct ebi_bytes *);

void ebi_out_end(struct ebi_out *);         /* keeps what was added */
void ebi_out_undo(struct ebi_out *, size_t len);    /* the bytes are `len` long, as before */

static inline bool ebi_out_add(struct ebi_out *out, const void *data, size_t len) {
    if (!ebi_out_room(out, len))
        return false;
    memcpy(out->at, data, len);
    out->at += len;
    return true;
}

/* ---- Avro's numbers, where there is room for them ---- */

enum { EBI_LONG_MOST = 10 };                /* bytes of a long */

static inline void ebi_put_long(struct ebi_out *out, int64_t value) {
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);

    while (bits > 0x7F) {
        *out->at++ = (char)(0x80 | (bits & 0x7F));
        bits >>= 7;
    }
    *out->at++ = (char)bits;
}

void ebi_put_double(struct ebi_out *, double);
void ebi_put_float(struct ebi_out *, float);

#endif
