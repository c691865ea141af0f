/* plugins/sqlite/consumer/takeover.h - frees what a dead member had. */
#ifndef SQ_TAKEOVER_H
#define SQ_TAKEOVER_H

#include "consumer/state.h"

/* Within a transaction: adds the slots of this member to `freed`, makes what it had in flight delayed messages that are
 * due at once (each counts as a delivery, not as a failure), and deletes its row of the table share; the member itself
 * too, if that was its last. */
int32_t sq_take_over(struct sq_consumer *, const struct sq_assignment *, int64_t member, struct sq_runs *freed,
                     struct eb_error *);

#endif
