/* plugins/sqlite/format/buffer.c - see buffer.h. */
#include "format/buffer.h"

#include <stdlib.h>
#include <string.h>

void sq_buffer_free(struct sq_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct sq_buffer){ 0 };
}

void sq_put_number(struct sq_buffer *buffer, uint64_t number) {
    for (; number > 0x7f; number >>= 7)
        buffer->data[buffer->len++] = (unsigned char)(number | 0x80);
    buffer->data[buffer->len++] = (unsigned char)number;
}

void sq_put_bytes(struct sq_buffer *buffer, const void *bytes, size_t len) {
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
}

bool sq_get_number(struct sq_reader *reader, uint64_t *number) {
    *number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        if (shift == 63 && byte > 1)
            return false; /* beyond 64 bits */
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool sq_get_bytes(struct sq_reader *reader, size_t len, struct eb_text *bytes) {
    if (len > (size_t)(reader->end - reader->at))
        return false;
    *bytes = (struct eb_text){ (const char *)reader->at, len };
    reader->at += len;
    return true;
}
