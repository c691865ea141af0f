/* plugins/sqlite/topic/rows.c - see rows.h. */
#include "topic/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How a row lies in a buffer, its bytes behind it. */
struct lying {
    int64_t seq, time_ms;
    size_t key_len, head_len, body_len;
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
    row->head = sq_bytes(from, 4);
    row->body = sq_bytes(from, 5);
    if (row->id > after)
        return status;
    sqlite3_reset(from);
    return sq_damaged(store, err, "messages are out of order");
}

bool sq_row_keep(struct sq_buffer *rows, const struct sq_row *row, size_t *at) {
    struct lying lying = { .seq = row->seq, .time_ms = row->time_ms, .key_len = row->key.len, .head_len = row->head.len,
                           .body_len = row->body.len, .has_key = row->key.data, .has_body = row->body.data };

    if (!sq_buffer_reserve(rows, sizeof lying + row->key.len + row->head.len + row->body.len))
        return false;
    *at = rows->len;
    sq_put_bytes(rows, &lying, sizeof lying);
    sq_put_bytes(rows, row->key.data, row->key.len);
    sq_put_bytes(rows, row->head.data, row->head.len);
    sq_put_bytes(rows, row->body.data, row->body.len);
    return true;
}

size_t sq_row_size(const struct sq_row *row) {
    return row->key.len + row->head.len + row->body.len;
}

struct sq_row sq_row_at(const struct sq_buffer *rows, size_t at, size_t *next) {
    const char *bytes = (const char *)rows->data + at + sizeof(struct lying);
    struct lying lying;
    struct sq_row row = {0};

    memcpy(&lying, rows->data + at, sizeof lying);
    row.seq = lying.seq;
    row.time_ms = lying.time_ms;
    row.key = (struct eb_text){ lying.has_key ? bytes : NULL, lying.key_len };
    bytes += lying.key_len;
    row.head = (struct eb_text){ bytes, lying.head_len };
    bytes += lying.head_len;
    row.body = (struct eb_text){ lying.has_body ? bytes : NULL, lying.body_len };
    if (next)
        *next = at + sizeof lying + lying.key_len + lying.head_len + lying.body_len;
    return row;
}

/* ---- as a message ---- */

static int32_t fill_from_head(struct sq_decoder *decoder, struct sq_store *store, struct eb_message *message,
                              struct eb_error *err) {
    const struct sq_head *head = &decoder->head;
    int32_t status;

    message->id = head->id;
    message->key_avro = head->key_avro;
    message->attrs = head->pairs;
    message->n_attrs = head->n_attrs;
    message->headers = head->n_headers ? head->pairs + head->n_attrs : NULL;
    message->n_headers = head->n_headers;
    status = sq_schemas_get(&decoder->schemas, store, head->schema, &message->schema, err);
    return status == EB_OK ? sq_schemas_get(&decoder->schemas, store, head->key_schema, &message->key_schema, err) : status;
}

int32_t sq_row_decode(struct sq_decoder *decoder, struct sq_store *store, const struct sq_row *row, const char *topic,
                      struct eb_message *message, struct eb_error *err) {
    const char *decode_error = sq_head_read(&decoder->head, row->head);

    *message = (struct eb_message){ .size = sizeof *message, .time_ms = row->time_ms, .topic = sq_text(topic),
                                    .key = row->key, .payload = row->body };
    message->position.len = (size_t)snprintf(decoder->position, sizeof decoder->position, "%" PRId64, row->seq);
    message->position.data = decoder->position;
    if (!decode_error)
        return fill_from_head(decoder, store, message, err);
    message->decode_error = sq_text(decode_error);
    return EB_OK;
}

void sq_decoder_free(struct sq_decoder *decoder) {
    sq_head_free(&decoder->head);
    sq_schemas_free(&decoder->schemas);
}
