/* plugins/kafka/record/frame.c - see frame.h. */
#include "frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void kf_frame_put(char *to, uint32_t id) {
    to[0] = '\0';
    to[1] = (char)(id >> 24);
    to[2] = (char)(id >> 16);
    to[3] = (char)(id >> 8);
    to[4] = (char)id;
}

bool kf_frame_take(struct eb_text framed, uint32_t *id, struct eb_text *inside) {
    const unsigned char *at = (const unsigned char *)framed.data;

    if (framed.len < KF_FRAME || at[0] != 0)
        return false;
    *id = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    *inside = (struct eb_text){ framed.data + KF_FRAME, framed.len - KF_FRAME };
    return true;
}

/* ---- Keys ---- */

/* Reads a long: zigzag, seven bits a byte. Returns how many bytes it has; 0: it does not end. */
static size_t read_long(struct eb_text avro, int64_t *value) {
    uint64_t bits = 0;

    for (size_t i = 0; i < avro.len && i < 10; i++) {
        bits |= (uint64_t)((unsigned char)avro.data[i] & 0x7F) << (7 * i);
        if (!((unsigned char)avro.data[i] & 0x80)) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return i + 1;
        }
    }
    return 0;
}

static bool string_text(struct eb_text avro, struct eb_text *text) {
    int64_t len;
    size_t head = read_long(avro, &len);

    if (head == 0 || len < 0 || (uint64_t)len != avro.len - head)
        return false;
    *text = (struct eb_text){ avro.data + head, (size_t)len };
    return true;
}

static bool long_text(struct eb_text avro, char room[KF_KEY_ROOM], struct eb_text *text) {
    int64_t value;

    if (avro.len == 0 || read_long(avro, &value) != avro.len)
        return false;
    text->len = (size_t)snprintf(room, KF_KEY_ROOM, "%" PRId64, value);
    text->data = room;
    return true;
}

static bool boolean_text(struct eb_text avro, struct eb_text *text) {
    if (avro.len != 1 || (unsigned char)avro.data[0] > 1)
        return false;
    *text = avro.data[0] ? (struct eb_text){ "true", 4 } : (struct eb_text){ "false", 5 };
    return true;
}

static bool is_type(struct eb_text type, const char *name) {
    return type.len == strlen(name) && memcmp(type.data, name, type.len) == 0;
}

bool kf_key_text(struct eb_text type, struct eb_text avro, char room[KF_KEY_ROOM], struct eb_text *text) {
    if (type.data && (is_type(type, "string") || is_type(type, "bytes")))
        return string_text(avro, text);
    if (type.data && (is_type(type, "long") || is_type(type, "int")))
        return long_text(avro, room, text);
    if (type.data && is_type(type, "boolean"))
        return boolean_text(avro, text);
    if (!type.data && (string_text(avro, text) || long_text(avro, room, text)))
        return true;
    *text = avro;
    return true;
}
