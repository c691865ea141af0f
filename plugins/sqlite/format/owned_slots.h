/* plugins/sqlite/format/owned_slots.h - the column share.state: which slots a member owns, how far it has read each of
 * them, and which messages up to there it has in flight. To acknowledge a batch costs no more than writing this one row.
 * Pure. */
#ifndef SQ_OWNED_SLOTS_H
#define SQ_OWNED_SLOTS_H

#include <eventbus/plugin-help/bytes.h>

#include "format/slots.h"

/* Begins a row in an empty buffer; the positions of n_out messages in flight follow, in any order. False: no memory. */
bool sq_owned_slots_write(struct ebp_bytes *, const struct sq_runs *, size_t n_out);
void sq_owned_slots_write_inflight(struct ebp_bytes *, int64_t seq, int64_t *last);

/* A row that was read; the bytes are borrowed. */
struct sq_owned_slots {
    struct sq_runs runs;
    size_t n_out; /* positions left to read by sq_owned_slots_next */
    struct ebp_reader outs;
    int64_t last;
};

/* Reads a row. False: the bytes are damaged. */
bool sq_owned_slots_read(struct sq_owned_slots *, struct eb_text bytes);

/* Reads the next position in flight; false: there are no more. */
bool sq_owned_slots_next(struct sq_owned_slots *, int64_t *seq);

#endif
