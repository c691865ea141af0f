/* plugins/sqlite/format/owned_slots.h - what a row of the share table says: which slots a member owns, how far it has read each of them,
 * and which messages up to there are still out at it. One row written a batch is all that acknowledging costs. Pure. */
#ifndef SQ_OWNED_SLOTS_H
#define SQ_OWNED_SLOTS_H

#include "format/slots.h"
#include "format/buffer.h"

/* Starts a state in an empty buffer; then come n_out positions in any order. False: no memory. */
bool sq_owned_slots_write(struct sq_buffer *, const struct sq_runs *, size_t n_out);
void sq_owned_slots_write_inflight(struct sq_buffer *, int64_t seq, int64_t *last);

/* A state as it was read; the bytes are borrowed. */
struct sq_owned_slots {
    struct sq_runs runs;
    size_t n_out;                       /* left to be read by sq_owned_slots_next */
    struct sq_reader outs;
    int64_t last;
};

/* False: the bytes are no state. */
bool sq_owned_slots_read(struct sq_owned_slots *, struct eb_text bytes);

/* The next position that is out; false: there are no more. */
bool sq_owned_slots_next(struct sq_owned_slots *, int64_t *seq);

#endif
