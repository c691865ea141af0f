/* plugins/sqlite/consumer/takeover.h - what a member that is gone had becomes free. */
#ifndef SQ_TAKEOVER_H
#define SQ_TAKEOVER_H

#include "consumer/state.h"

/* Within a transaction: adds the slots of this member's share to `freed`, puts what was out at it into the hold, counted as
 * a delivery but not as a failure, and removes the share; the member too, when that was its last. */
int32_t sq_take_over(struct sq_consumer *, const struct sq_assignment *, int64_t member, struct sq_runs *freed, struct eb_error *);

#endif
