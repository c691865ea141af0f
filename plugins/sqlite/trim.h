/* plugins/sqlite/trim.h - old messages go, some at a time, so that nobody waits long. */
#ifndef SQ_TRIM_H
#define SQ_TRIM_H

#include "store.h"

/* The first position that some group of the topic has not settled; INT64_MAX: no group needs any. */
int32_t sq_trim_floor(struct sq_store *, int64_t topic, int64_t *first, struct eb_error *);

/* Removes some of the oldest messages up to a position, in a transaction of its own. EB_OK: there may be more; EB_END: all
 * are gone; or negative. */
int32_t sq_trim_some(struct sq_store *, int64_t topic, int64_t upto, int64_t until_ms, struct eb_error *);

/* Within a transaction: removes all messages of the topic. */
int32_t sq_trim_all(struct sq_store *, int64_t topic, struct eb_error *);

#endif
