/* plugins/sqlite/topic/rows.c - see rows.h. */
#include "topic/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/text.h>

/* How a row lies in a buffer, followed by its bytes. */
struct kept_row {
    int64_t seq, time_ms;
    size_t key_len, envelope_len, body_len;
    bool has_key, has_body;
};

int32_t sq_row_of_message(struct sq_store *store, sqlite3_stmt *from, int64_t after, struct sq_row *row, struct eb_error *err) {
    int32_t status = sq_row(store, from, "miTBbB", err);

    if (status <= 0)
        return status;
    row->id = sqlite3_column_int64(from, 0);
    row->note = sqlite3_column_int64(from, 1);
    row->time_ms = sqlite3_column_int64(from, 2);
    row->seq = sq_seq(row->id);
    row->key = sq_bytes(from, 3);
    row->envelope = sq_bytes(from, 4);
    row->body = sq_bytes(from, 5);
    if (row->id > after)
        return status;
    sqlite3_reset(from);
    return sq_damaged(store, err, "messages are out of order");
}

bool sq_row_keep(struct ebp_bytes *rows, const struct sq_row *row, size_t *at) {
    struct kept_row kept_row = { .seq = row->seq,
                                 .time_ms = row->time_ms,
                                 .key_len = row->key.len,
                                 .envelope_len = row->envelope.len,
                                 .body_len = row->body.len,
                                 .has_key = row->key.data,
                                 .has_body = row->body.data };

    if (!ebp_bytes_reserve(rows, sizeof kept_row + row->key.len + row->envelope.len + row->body.len))
        return false;
    *at = rows->len;
    ebp_put_bytes(rows, &kept_row, sizeof kept_row);
    ebp_put_bytes(rows, row->key.data, row->key.len);
    ebp_put_bytes(rows, row->envelope.data, row->envelope.len);
    ebp_put_bytes(rows, row->body.data, row->body.len);
    return true;
}

size_t sq_row_size(const struct sq_row *row) {
    return row->key.len + row->envelope.len + row->body.len;
}

struct sq_row sq_row_at(const struct ebp_bytes *rows, size_t at, size_t *next) {
    const char *bytes = (const char *)rows->data + at + sizeof(struct kept_row);
    struct kept_row kept_row;
    struct sq_row row = { 0 };

    memcpy(&kept_row, rows->data + at, sizeof kept_row);
    row.seq = kept_row.seq;
    row.time_ms = kept_row.time_ms;
    row.key = (struct eb_text){ kept_row.has_key ? bytes : NULL, kept_row.key_len };
    bytes += kept_row.key_len;
    row.envelope = (struct eb_text){ bytes, kept_row.envelope_len };
    bytes += kept_row.envelope_len;
    row.body = (struct eb_text){ kept_row.has_body ? bytes : NULL, kept_row.body_len };
    if (next)
        *next = at + sizeof kept_row + kept_row.key_len + kept_row.envelope_len + kept_row.body_len;
    return row;
}

/* ---- as a message ---- */

static int32_t fill_from_envelope(struct sq_decoder *decoder, struct sq_store *store, struct eb_message *message,
                                  struct eb_error *err) {
    const struct sq_envelope *envelope = &decoder->envelope;
    int32_t status;

    message->id = envelope->id;
    message->key_avro = envelope->key_avro;
    message->attrs = envelope->pairs.all;
    message->n_attrs = envelope->n_attrs;
    message->headers = envelope->n_headers ? envelope->pairs.all + envelope->n_attrs : NULL;
    message->n_headers = envelope->n_headers;
    status = sq_schemas_get(&decoder->schemas, store, envelope->schema, &message->schema, err);
    return status == EB_OK ? sq_schemas_get(&decoder->schemas, store, envelope->key_schema, &message->key_schema, err) : status;
}

int32_t sq_row_decode(struct sq_decoder *decoder, struct sq_store *store, const struct sq_row *row, const char *topic,
                      struct eb_message *message, struct eb_error *err) {
    const char *decode_error = sq_envelope_read(&decoder->envelope, row->envelope);

    *message = (struct eb_message){
        .size = sizeof *message, .time_ms = row->time_ms, .topic = ebp_text_of(topic), .key = row->key, .payload = row->body
    };
    message->position.len = (size_t)snprintf(decoder->position, sizeof decoder->position, "%" PRId64, row->seq);
    message->position.data = decoder->position;
    if (!decode_error)
        return fill_from_envelope(decoder, store, message, err);
    message->decode_error = ebp_text_of(decode_error);
    return EB_OK;
}

void sq_decoder_free(struct sq_decoder *decoder) {
    sq_envelope_free(&decoder->envelope);
    sq_schemas_free(&decoder->schemas);
}
