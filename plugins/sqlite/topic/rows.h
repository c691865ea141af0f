/* plugins/sqlite/topic/rows.h - rows of messages: kept in a buffer beyond their statement, and read as messages. */
#ifndef SQ_ROWS_H
#define SQ_ROWS_H

#include <eventbus/plugin-help/bytes.h>

#include "format/envelope.h"
#include "topic/schemas.h"
#include "store/store.h"

/* One row; its maker says who owns the bytes. */
struct sq_row {
    int64_t id, note, time_ms; /* id and note: only while the statement stands at the row */
    int64_t seq;
    struct eb_text key, envelope, body;
};

/* Steps a statement with the columns id, slot, time, key, head, body, and checks each value; the row has to stand behind
 * the id `after`. The bytes are the statement's until the next step. 1: a row; 0: none; negative: failed, and the
 * statement is reset. */
int32_t sq_row_of_message(struct sq_store *, sqlite3_stmt *, int64_t after, struct sq_row *, struct eb_error *);

/* Appends a row and sets *at to where it lies. False: no memory. */
bool sq_row_keep(struct ebp_bytes *, const struct sq_row *, size_t *at);

/* The bytes of a row, roughly: what its message counts in the host's limits. */
size_t sq_row_size(const struct sq_row *);

/* The row at that place; sets *next, which may be NULL, to where the next one lies. */
struct sq_row sq_row_at(const struct ebp_bytes *, size_t at, size_t *next);

/* What is needed to read rows as messages. Belongs to one thread; zeroed: empty. */
struct sq_decoder {
    struct sq_envelope envelope;
    struct sq_schemas schemas;
    char position[24];
};

/* Fills a message but for token, lease, deliveries and failures. It borrows from the row, the decoder and the topic's
 * name. A damaged row makes a message with a decode_error. EB_OK or negative. */
int32_t sq_row_decode(struct sq_decoder *, struct sq_store *, const struct sq_row *, const char *topic, struct eb_message *,
                      struct eb_error *);
void sq_decoder_free(struct sq_decoder *);

#endif
