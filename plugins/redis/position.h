/* plugins/redis/position.h - places in a topic. */
#ifndef RD_POSITION_H
#define RD_POSITION_H

#include "entry.h"

/* EB_OK, or EB_PERMANENT: no place in a stream. */
int32_t rd_point_check(const struct eb_point *, struct eb_error *);

/* The id that a group starts behind; "$" for the end. NULL: the beginning. */
void rd_point_start(const struct eb_point *, char text[RD_ID_ROOM]);

#endif
