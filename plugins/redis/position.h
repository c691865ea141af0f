/* plugins/redis/position.h - positions in a topic: points of the event bus as ids of entries. */
#ifndef RD_POSITION_H
#define RD_POSITION_H

#include "entry.h"

/* EB_OK, or EB_PERMANENT: the point is not a position in a stream. */
int32_t rd_point_check(const struct eb_point *, struct eb_error *);

/* Returns the least id that an entry at the point can have; for the end of the topic, the greatest id of all. */
struct rd_id rd_point_first(const struct eb_point *);

/* Writes the id behind which a group starts; "$" for the end. NULL: the beginning. */
void rd_point_start(const struct eb_point *, char text[RD_ID_ROOM]);

#endif
