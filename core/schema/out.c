/* core/schema/out.c - adding in small pieces: see out.h. */
#include "schema/out.h"

#include <endian.h>

bool ebi_out_begin(struct ebi_out *out, struct ebi_bytes *bytes) {
    if (!ebi_bytes_reserve(bytes, 64))
        return false;
    *out = (struct ebi_out){ .bytes = bytes, .at = bytes->data + bytes->len, .end = bytes->data + bytes->room };
    return true;
}

void ebi_out_end(struct ebi_out *out) {
    out->bytes->len = (size_t)(out->at - out->bytes->data);
    *out->at = '\0';
}

void ebi_out_undo(struct ebi_out *out, size_t len) {
    out->bytes->len = len;
    out->bytes->data[len] = '\0';
}

bool ebi_out_grow(struct ebi_out *out, size_t more) {
    ebi_out_end(out);
    if (!ebi_bytes_reserve(out->bytes, more))
        return false;
    out->at = out->bytes->data + out->bytes->len;
    out->end = out->bytes->data + out->bytes->room;
    return true;
}

void ebi_put_double(struct ebi_out *out, double value) {
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole64(bits);
    memcpy(out->at, &bits, sizeof bits);
    out->at += sizeof bits;
}

void ebi_put_float(struct ebi_out *out, float value) {
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole32(bits);
    memcpy(out->at, &bits, sizeof bits);
    out->at += sizeof bits;
}
