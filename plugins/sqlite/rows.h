/* plugins/sqlite/rows.h - rows of messages kept beyond their statement, and read as messages. */
#ifndef SQ_ROWS_H
#define SQ_ROWS_H

#include "head.h"
#include "schemas.h"
#include "store.h"
#include "text.h"

/* The next row (id, slot, time, key, head, body), which lies behind that id. As sq_row. */
int32_t sq_row_of_message(struct sq_store *, sqlite3_stmt *, int64_t after, struct eb_error *);

/* One row; the bytes are the buffer's. */
struct sq_row {
    int64_t seq, time_ms;
    struct eb_text key, head, body;
};

/* Appends the statement's row (id, slot, time, key, head, body) and says where it lies. False: no memory. */
bool sq_row_keep(struct sq_buffer *, sqlite3_stmt *, size_t *at);

/* The bytes it will take, roughly; what a message counts for in the host's bounds. */
size_t sq_row_size(sqlite3_stmt *);

/* The row that lies there; *next, which may be NULL, is set to where the one behind it lies. */
struct sq_row sq_row_at(const struct sq_buffer *, size_t at, size_t *next);

/* What reading rows as messages needs; one thread's; zeroed: empty. */
struct sq_decoder {
    struct sq_head head;
    struct sq_schemas schemas;
    char position[24];
};

/* Fills a message but for token, lease, deliveries, failures; it borrows from the row, the decoder and the topic's name. A
 * row that cannot be read makes a message with a flaw. EB_OK or negative. */
int32_t sq_row_decode(struct sq_decoder *, struct sq_store *, const struct sq_row *, const char *topic, struct eb_message *,
                      struct eb_error *);
void sq_decoder_free(struct sq_decoder *);

#endif
