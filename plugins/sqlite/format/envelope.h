/* plugins/sqlite/format/envelope.h - all of a message but topic, key and payload, as one row keeps it. */
#ifndef SQ_ENVELOPE_H
#define SQ_ENVELOPE_H

#include "format/buffer.h"

/* Appends the message's head. schema and key_schema: ids in the schema table, 0: none. False: no memory. */
bool sq_envelope_write(struct sq_buffer *, const struct eb_message *, uint64_t schema, uint64_t key_schema);

/* What a head says; attrs first, headers behind them in one array. Belongs to one thread; zeroed: empty. */
struct sq_envelope {
    uint64_t schema, key_schema;
    struct eb_text id, key_avro;
    struct eb_header *pairs;
    size_t n_attrs, n_headers, room;
};

/* Points into the bytes. NULL: read; else why not, for a message's decode_error. */
const char *sq_envelope_read(struct sq_envelope *, struct eb_text bytes);
void sq_envelope_free(struct sq_envelope *);

#endif
