/* plugins/sqlite/retention/age_marks.h - how old messages are, by the monotonic clock: a mark says that a topic had its
 * messages up to a position at some time, so that they are at least that old. The wall clock is not used. Retention makes
 * the marks. */
#ifndef SQ_AGE_MARKS_H
#define SQ_AGE_MARKS_H

#include "store/store.h"
#include "topic/topics.h"

/* The last position that was surely there at that time (ebp_monotonic_ms); 0: none is known. EB_OK or negative. */
int32_t sq_mark_old(struct sq_store *, int64_t topic, int64_t at_ms, int64_t *seq, struct eb_error *);

/* When the first mark behind that position was made; INT64_MAX: there is none. EB_OK or negative. */
int32_t sq_mark_next(struct sq_store *, int64_t topic, int64_t seq, int64_t *at_ms, struct eb_error *);

/* When the next mark is to be made, if marks are `every_ms` apart; INT64_MAX: the newest message has one. */
int32_t sq_mark_wanted(struct sq_store *, int64_t topic, const struct sq_extent *, int64_t every_ms, int64_t *from_ms,
                       struct eb_error *);

/* Makes a mark for all messages there are now, in a transaction of its own. EB_OK or negative. */
int32_t sq_mark_make(struct sq_store *, int64_t topic, int64_t until_ms, struct eb_error *);

/* Within a transaction: deletes the marks of a topic that is being removed. */
int32_t sq_mark_remove_all(struct sq_store *, int64_t topic, struct eb_error *);

#endif
