/* plugins/sqlite/format/envelope.h - the envelope of a message: all of it but topic, key and payload, as the column
 * msg.head keeps it. */
#ifndef SQ_ENVELOPE_H
#define SQ_ENVELOPE_H

#include <eventbus/plugin-help/bytes.h>

/* Appends the message's envelope. schema and key_schema: ids in the table schema; 0: none. False: no memory. */
bool sq_envelope_write(struct ebp_bytes *, const struct eb_message *, uint64_t schema, uint64_t key_schema);

/* An envelope that was read; attributes first, headers behind them in one array. Belongs to one thread; zeroed: empty. */
struct sq_envelope {
    uint64_t schema, key_schema;
    struct eb_text id, key_avro;
    struct ebp_pairs pairs;
    size_t n_attrs, n_headers;
};

/* Reads an envelope, which points into the bytes afterwards. NULL: read; otherwise what is wrong, for a message's
 * decode_error. */
const char *sq_envelope_read(struct sq_envelope *, struct eb_text bytes);
void sq_envelope_free(struct sq_envelope *);

#endif
