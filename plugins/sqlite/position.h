/* plugins/sqlite/position.h - where in a topic a point is. */
#ifndef SQ_POSITION_H
#define SQ_POSITION_H

#include "topic/topics.h"

/* EB_PERMANENT: the point is of a kind or form that this broker does not have; err says why. */
int32_t sq_position_check(const struct eb_point *, struct eb_error *);

/* Sets *cursor to the position before the first message at or after the point, between first - 1 and last of the topic.
 * EB_OK, EB_GONE: no such topic, or negative. */
int32_t sq_position_cursor(struct sq_store *, int64_t topic, const struct eb_point *, int64_t *cursor, struct eb_error *);

/* EB_END, with the reason in err: the point is a position behind the end of the topic (0: the topic is yet to be created).
 * The name is for the reason. */
int32_t sq_position_reach(struct sq_store *, int64_t topic, const char *name, const struct eb_point *, struct eb_error *);

#endif
