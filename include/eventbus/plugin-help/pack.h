/* eventbus/plugin-help/pack.h - a whole message as one string of bytes, for a broker that carries bytes and nothing beside
 * them: id, keys, attributes, headers and payload. What is read is what was written: absent or empty, any bytes, repeated
 * names, in their order. Schemas are not carried, nor what the broker knows itself: topic, position, time.
 *
 *     EB 'p' 1   then as in bytes.h: the texts id, key, key_avro; the pairs attributes, headers; the text payload
 *
 * For a broker that carries a payload with headers of text, see text_headers.h. */
#ifndef EBP_PACK_H
#define EBP_PACK_H

#include <eventbus/plugin-help/base.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/bytes.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/text.h>

/* ---- Limits ---- */

/* How many attributes and headers a message may have in all; and how many headers of a dead letter, dlq_..., beside them, so
 * that each message that was sent has room for them. */
enum { EBP_PAIRS_MAX = 4096, EBP_DLQ_PAIRS_MAX = 64 };

/* Returns NULL, or why a message can be neither packed nor written as headers: the text of an EB_PERMANENT report. */
static inline const char *ebp_unfit(const struct eb_message *message) {
    size_t dlq = 0;

    for (size_t i = 0; i < message->n_headers; i++)
        dlq += ebp_text_begins(message->headers[i].name, "dlq_");
    if (message->n_attrs > EBP_PAIRS_MAX || message->n_headers - dlq > EBP_PAIRS_MAX - message->n_attrs ||
        dlq > EBP_DLQ_PAIRS_MAX)
        return "it has more than 4096 attributes and headers";
    return NULL;
}

/* ---- Packing ---- */

/* Appends a message that fits. Returns false without memory; nothing has changed then. */
static inline bool ebp_pack(struct ebp_bytes *out, const struct eb_message *message) {
    static const unsigned char begin[] = { 0xEB, 'p', 1 };

    if (!ebp_bytes_reserve(out, sizeof begin + ebp_text_room(message->id) + ebp_text_room(message->key) +
                                    ebp_text_room(message->key_avro) + ebp_pairs_room(message->attrs, message->n_attrs) +
                                    ebp_pairs_room(message->headers, message->n_headers) + ebp_text_room(message->payload)))
        return false;
    ebp_put_bytes(out, begin, sizeof begin);
    ebp_put_text(out, message->id);
    ebp_put_text(out, message->key);
    ebp_put_text(out, message->key_avro);
    ebp_put_pairs(out, message->attrs, message->n_attrs);
    ebp_put_pairs(out, message->headers, message->n_headers);
    ebp_put_text(out, message->payload);
    return true;
}

/* ---- Unpacking ---- */

/* Returns NULL, or what is wrong with the beginning. */
static inline const char *ebp_unpack_begin(struct ebp_reader *in) {
    static const char about_version[] = "it is packed by a later version of the bus than this plugin knows";

    if (in->end - in->at < 3 || in->at[0] != 0xEB || in->at[1] != 'p')
        return "it is not a message of the event bus: it does not begin as packed messages do";
    in->at += 3;
    return in->at[-1] == 1 ? NULL : about_version;
}

static inline const char *ebp_pairs_wrong(int32_t status) {
    return status == EB_FULL ? "it has more than 4160 attributes and headers" : "its packed attributes or headers are damaged";
}

/* Reads the packed bytes into `message`: id, key, key_avro, attributes, headers and payload, which lie in the bytes and in
 * `pairs` and are valid as long as both are. Bytes that are no packed message give one with the bytes as payload and a
 * decode_error that says why, as the host wants it. Returns EB_OK, or EB_RETRIABLE without memory, filled. */
static inline int32_t ebp_unpack(struct ebp_pairs *pairs, struct eb_text bytes, struct eb_message *message,
                                 struct eb_error *err) {
    const size_t most = EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX;
    struct ebp_reader in = ebp_reader_of(bytes.data, bytes.len);
    struct eb_message read = *message;
    const char *wrong = ebp_unpack_begin(&in);
    int32_t status = EB_OK;

    pairs->n = 0;
    if (!wrong && !(ebp_get_text(&in, &read.id) && ebp_get_text(&in, &read.key) && ebp_get_text(&in, &read.key_avro)))
        wrong = "its packed id or key is damaged";
    if (!wrong && (status = ebp_get_pairs(&in, most, pairs, &read.n_attrs)) == EB_OK)
        status = ebp_get_pairs(&in, most - read.n_attrs, pairs, &read.n_headers);
    if (status == EB_RETRIABLE)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for the headers of a message");
    if (status != EB_OK)
        wrong = ebp_pairs_wrong(status);
    if (!wrong && !ebp_get_text(&in, &read.payload))
        wrong = "its packed payload is cut short";
    if (!wrong && in.at != in.end)
        wrong = "there are more bytes behind its packed payload";
    if (!wrong) {
        *message = read;
        message->attrs = message->n_attrs > 0 ? pairs->all : NULL;
        message->headers = message->n_headers > 0 ? pairs->all + message->n_attrs : NULL;
        return EB_OK;
    }
    message->id = message->key = message->key_avro = ebp_text(NULL, 0);
    message->attrs = message->headers = NULL;
    message->n_attrs = message->n_headers = 0;
    message->payload = bytes;
    message->decode_error = ebp_text_of(wrong);
    return EB_OK;
}

#endif
