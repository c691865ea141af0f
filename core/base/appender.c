/* core/base/appender.c - see appender.h. */
#include "base/appender.h"

bool ebi_append_begin(struct ebi_appender *out, struct ebi_bytes *bytes) {
    if (!ebi_bytes_reserve(bytes, 64))
        return false;
    *out = (struct ebi_appender){ .bytes = bytes, .at = bytes->data + bytes->len, .end = bytes->data + bytes->room };
    return true;
}

void ebi_append_end(struct ebi_appender *out) {
    out->bytes->len = (size_t)(out->at - out->bytes->data);
    *out->at = '\0';
}

void ebi_append_undo(struct ebi_appender *out, size_t len) {
    out->bytes->len = len;
    out->bytes->data[len] = '\0';
}

bool ebi_append_grow(struct ebi_appender *out, size_t more) {
    ebi_append_end(out);
    if (!ebi_bytes_reserve(out->bytes, more))
        return false;
    out->at = out->bytes->data + out->bytes->len;
    out->end = out->bytes->data + out->bytes->room;
    return true;
}
