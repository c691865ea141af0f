/* plugins/sqlite/topic/rows.h - rows of messages kept beyond their statement, and read as messages. */
#ifndef SQ_ROWS_H
#define SQ_ROWS_H

#include "format/envelope.h"
#include "topic/schemas.h"
#include "store/store.h"
#include "format/buffer.h"

/* One row; whose the bytes are says who made it. */
struct sq_row {
    int64_t id, note, time_ms;          /* id and note: while it is the statement's alone */
    int64_t seq;
    struct eb_text key, envelope, body;
};

/* The next row of a statement (id, slot, time, key, head, body), each value checked; it stands behind `after`, an id. Its bytes
 * are the statement's, until that goes on. 1; 0: there is none; or negative, and the statement is reset. */
int32_t sq_row_of_message(struct sq_store *, sqlite3_stmt *, int64_t after, struct sq_row *, struct eb_error *);

/* Appends a row and says where it lies. False: no memory. */
bool sq_row_keep(struct sq_buffer *, const struct sq_row *, size_t *at);

/* The bytes it will take, roughly; what a message counts for in the host's bounds. */
size_t sq_row_size(const struct sq_row *);

/* The row that lies there; *next, which may be NULL, is set to where the one behind it lies. */
struct sq_row sq_row_at(const struct sq_buffer *, size_t at, size_t *next);

/* What reading rows as messages needs; one thread's; zeroed: empty. */
struct sq_decoder {
    struct sq_envelope envelope;
    struct sq_schemas schemas;
    char position[24];
};

/* Fills a message but for token, lease, deliveries, failures; it borrows from the row, the decoder and the topic's name. A
 * row that cannot be read makes a message with a decode_error. EB_OK or negative. */
int32_t sq_row_decode(struct sq_decoder *, struct sq_store *, const struct sq_row *, const char *topic, struct eb_message *,
                      struct eb_error *);
void sq_decoder_free(struct sq_decoder *);

#endif
