/* plugins/kafka/position.h - a place in a topic: "P:OFFSET[,P:OFFSET...]", one for each partition that it names. */
#ifndef KF_POSITION_H
#define KF_POSITION_H

#include <stdbool.h>
#include <eventbus/plugin.h>

/* EB_OK, or EB_PERMANENT with what is wrong: for any kind of point. */
int32_t kf_position_check(const struct eb_point *, struct eb_error *);

/* The offset that a checked position names for a partition; false: it does not name that one. */
bool kf_position_offset(const char *position, int32_t partition, int64_t *offset);

/* "P:OFFSET" of one record, NUL-ended; neither is negative. Answers its length. */
enum { KF_POSITION_ROOM = 40 };
size_t kf_position_print(char room[KF_POSITION_ROOM], int32_t partition, int64_t offset);

#endif
