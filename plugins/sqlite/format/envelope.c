/* plugins/sqlite/format/envelope.c - see envelope.h. A version byte, then numbers of variable length and texts. A text is
 * its length plus one, or 0 when it is absent, and its bytes. The name of a pair may be the number of a usual name
 * instead. */
#include "format/envelope.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

/* Never reordered, only added to: rows hold these numbers, counted from 1. */
static const char *const usual[] = {
    "type", "id", "source", "time", "minorversion", "sourcehost", "sourcelib", "datacontenttype", "specversion", "content-type",
};

enum { USUAL = sizeof usual / sizeof *usual };

static uint64_t number_of(struct eb_text name) {
    for (uint64_t i = 0; i < USUAL; i++)
        if (strlen(usual[i]) == name.len && memcmp(usual[i], name.data, name.len) == 0)
            return i + 1;
    return 0;
}

/* ---- writing ---- */

static size_t room_for_pairs(const struct eb_header *pairs, size_t n) {
    size_t room = n * 3 * SQ_VARINT_MAX;

    for (size_t i = 0; i < n; i++)
        room += pairs[i].name.len + pairs[i].value.len;
    return room;
}

static void put_text(struct sq_buffer *out, struct eb_text text) {
    if (!text.data) {
        sq_put_number(out, 0);
        return;
    }
    sq_put_number(out, text.len + 1);
    sq_put_bytes(out, text.data, text.len);
}

static void put_pairs(struct sq_buffer *out, const struct eb_header *pairs, size_t n) {
    sq_put_number(out, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t number = pairs[i].name.data ? number_of(pairs[i].name) : 0;
        sq_put_number(out, number);
        if (number == 0)
            put_text(out, pairs[i].name);
        put_text(out, pairs[i].value);
    }
}

bool sq_envelope_write(struct sq_buffer *out, const struct eb_message *message, uint64_t schema, uint64_t key_schema) {
    static const unsigned char version = FORMAT;
    size_t room = 1 + 6 * SQ_VARINT_MAX + message->id.len + message->key_avro.len +
                  room_for_pairs(message->attrs, message->n_attrs) + room_for_pairs(message->headers, message->n_headers);

    if (!sq_buffer_reserve(out, room))
        return false;
    sq_put_bytes(out, &version, 1);
    sq_put_number(out, schema);
    sq_put_number(out, key_schema);
    put_text(out, message->id);
    put_text(out, message->key_avro);
    put_pairs(out, message->attrs, message->n_attrs);
    put_pairs(out, message->headers, message->n_headers);
    return true;
}

/* ---- reading ---- */

static bool get_text(struct sq_reader *in, struct eb_text *text) {
    uint64_t len;

    *text = (struct eb_text){ NULL, 0 };
    return sq_get_number(in, &len) && (len == 0 || sq_get_bytes(in, len - 1, text));
}

static bool get_name(struct sq_reader *in, struct eb_text *name) {
    uint64_t number;

    if (!sq_get_number(in, &number) || number > USUAL)
        return false;
    if (number == 0)
        return get_text(in, name);
    *name = sq_text(usual[number - 1]);
    return true;
}

/* Each pair takes two bytes at least, so that a wrong count asks for no more memory than the row has bytes for. */
static const char *get_pairs(struct sq_envelope *envelope, struct sq_reader *in, size_t *count) {
    uint64_t n;

    if (!sq_get_number(in, &n) || n > (uint64_t)(in->end - in->at) / 2)
        return "its stored envelope is damaged";
    if (!EBP_RESERVE(envelope->pairs, envelope->room, envelope->n_attrs + envelope->n_headers + n))
        return "no memory to read its envelope";
    for (uint64_t i = 0; i < n; i++) {
        struct eb_header *pair = &envelope->pairs[envelope->n_attrs + envelope->n_headers];
        if (!get_name(in, &pair->name) || !get_text(in, &pair->value))
            return "its stored envelope is damaged";
        ++*count;
    }
    return NULL;
}

const char *sq_envelope_read(struct sq_envelope *envelope, struct eb_text bytes) {
    struct sq_reader in = { (const unsigned char *)bytes.data, (const unsigned char *)bytes.data + bytes.len };
    const char *decode_error;

    *envelope = (struct sq_envelope){ .pairs = envelope->pairs, .room = envelope->room };
    if (bytes.len < 1 || *in.at++ != FORMAT)
        return "its stored envelope is of a version this plugin does not know";
    if (!sq_get_number(&in, &envelope->schema) || !sq_get_number(&in, &envelope->key_schema) || !get_text(&in, &envelope->id) ||
        !get_text(&in, &envelope->key_avro))
        return "its stored envelope is damaged";
    decode_error = get_pairs(envelope, &in, &envelope->n_attrs);
    if (!decode_error)
        decode_error = get_pairs(envelope, &in, &envelope->n_headers);
    return decode_error;
}

void sq_envelope_free(struct sq_envelope *envelope) {
    free(envelope->pairs);
    *envelope = (struct sq_envelope){ 0 };
}
