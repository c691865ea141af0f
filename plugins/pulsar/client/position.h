/* client/position.h - positions: LEDGER:ENTRY[:PARTITION[:INDEX]], as Pulsar writes message ids.
 *
 * Ledgers and entries count up in each partition, -1 stands for no partition, and INDEX is the place in a batch of messages,
 * which share an entry. */
#ifndef PL_POSITION_H
#define PL_POSITION_H

#include "client/libpulsar.h"

#include <stdint.h>
#include <eventbus/plugin.h>

struct pl_position {
    int64_t ledger, entry;
    int32_t partition, index; /* -1: none */
    int32_t batch_size;       /* how many messages the entry has; 0: unknown or one */
};

enum { PL_POSITION_ROOM = 72 };

/* Writes the shortest text, with a NUL at its end, and returns its length. */
size_t pl_position_text(const struct pl_position *, char out[PL_POSITION_ROOM]);

/* EB_PERMANENT, EB_KIND_CONFIG: malformed; the text says how a position looks. */
int32_t pl_position_parse(struct eb_text text, struct pl_position *, struct eb_error *);

/* Below, equal to or above 0, by ledger, entry and index; a position without index comes before those of its batch. The
 * partition does not count. */
int pl_position_compare(const struct pl_position *, const struct pl_position *);

/* What a message id says. False: no memory, or bytes that are none. */
bool pl_position_of_id(pulsar_message_id_t *, struct pl_position *);

/* What the bytes of a message id say that pulsar_message_id_serialize writes. False: they are none. */
bool pl_position_of_bytes(const void *bytes, size_t len, struct pl_position *);

/* A new message id, for seek and readers, to be freed by pulsar_message_id_free. It is of no use for acknowledging a message
 * of a batch: only the id that came with the message is. NULL: no memory. */
pulsar_message_id_t *pl_position_id(const struct pl_position *);

#endif
