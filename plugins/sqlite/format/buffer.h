/* plugins/sqlite/format/buffer.h - bytes that grow, and the numbers of variable length that are written into them. */
#ifndef SQ_BUFFER_H
#define SQ_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/array.h>

/* Belongs to one thread. Zeroed: empty. */
struct sq_buffer {
    unsigned char *data;
    size_t len, room;
};

/* Makes room for more bytes behind len; false: no memory, nothing changed. */
static inline bool sq_buffer_reserve(struct sq_buffer *buffer, size_t more) {
    return more <= SIZE_MAX - buffer->len && EBP_RESERVE(buffer->data, buffer->room, buffer->len + more);
}
void sq_buffer_free(struct sq_buffer *);

enum { SQ_VARINT_MAX = 10 };

/* Append; the room has to be reserved before. */
void sq_put_number(struct sq_buffer *, uint64_t);
void sq_put_bytes(struct sq_buffer *, const void *, size_t);

/* Reads bytes, never past `end`. */
struct sq_reader {
    const unsigned char *at, *end;
};

bool sq_get_number(struct sq_reader *, uint64_t *);
bool sq_get_bytes(struct sq_reader *, size_t, struct eb_text *);

static inline struct eb_text sq_text(const char *text) {
    return (struct eb_text){ text, __builtin_strlen(text) };
}

#endif
