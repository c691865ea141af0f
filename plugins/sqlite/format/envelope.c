/* plugins/sqlite/format/envelope.c - see envelope.h. A version byte, then numbers, texts and pairs as plugin-help/bytes.h
 * writes them. */
#include "format/envelope.h"

enum { FORMAT = 1 };

/* ---- writing ---- */

bool sq_envelope_write(struct ebp_bytes *out, const struct eb_message *message, uint64_t schema, uint64_t key_schema) {
    static const unsigned char version = FORMAT;
    size_t room = 1 + 2 * EBP_NUMBER_MAX + ebp_text_room(message->id) + ebp_text_room(message->key_avro) +
                  ebp_pairs_room(message->attrs, message->n_attrs) + ebp_pairs_room(message->headers, message->n_headers);

    if (!ebp_bytes_reserve(out, room))
        return false;
    ebp_put_bytes(out, &version, 1);
    ebp_put_number(out, schema);
    ebp_put_number(out, key_schema);
    ebp_put_text(out, message->id);
    ebp_put_text(out, message->key_avro);
    ebp_put_pairs(out, message->attrs, message->n_attrs);
    ebp_put_pairs(out, message->headers, message->n_headers);
    return true;
}

/* ---- reading ---- */

const char *sq_envelope_read(struct sq_envelope *envelope, struct eb_text bytes) {
    struct ebp_reader in = ebp_reader_of(bytes.data, bytes.len);
    struct ebp_pairs pairs = envelope->pairs;
    int32_t status;

    pairs.n = 0;
    *envelope = (struct sq_envelope){ .pairs = pairs };
    if (bytes.len < 1 || *in.at++ != FORMAT)
        return "its stored envelope is of a version this plugin does not know";
    if (!ebp_get_number(&in, &envelope->schema) || !ebp_get_number(&in, &envelope->key_schema) ||
        !ebp_get_text(&in, &envelope->id) || !ebp_get_text(&in, &envelope->key_avro))
        return "its stored envelope is damaged";
    status = ebp_get_pairs(&in, SIZE_MAX, &envelope->pairs, &envelope->n_attrs);
    if (status == EB_OK)
        status = ebp_get_pairs(&in, SIZE_MAX, &envelope->pairs, &envelope->n_headers);
    return status == EB_OK          ? NULL
           : status == EB_RETRIABLE ? "no memory to read its envelope"
                                    : "its stored envelope is damaged";
}

void sq_envelope_free(struct sq_envelope *envelope) {
    ebp_pairs_free(&envelope->pairs);
    *envelope = (struct sq_envelope){ 0 };
}
