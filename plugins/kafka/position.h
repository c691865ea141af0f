/* plugins/kafka/position.h - a position in a topic: "P:OFFSET[,P:OFFSET...]", an offset for each partition that it names. */
#ifndef KF_POSITION_H
#define KF_POSITION_H

#include <stdbool.h>
#include <eventbus/plugin.h>

/* Checks a point of any kind. Returns EB_OK, or EB_PERMANENT with what is wrong. */
int32_t kf_position_check(const struct eb_point *, struct eb_error *);

/* Sets the offset that a checked position names for a partition. Returns false if it does not name the partition. */
bool kf_position_offset(const char *position, int32_t partition, int64_t *offset);

/* Writes "P:OFFSET" with a NUL behind it, and returns its length. Neither number is negative. */
enum { KF_POSITION_ROOM = 40 };
size_t kf_position_print(char room[KF_POSITION_ROOM], int32_t partition, int64_t offset);

/* The same as a text in `room`; NULL for an offset below 0, which stands for none. */
static inline const char *kf_position_text(char room[KF_POSITION_ROOM], int32_t partition, int64_t offset) {
    if (offset < 0)
        return NULL;
    kf_position_print(room, partition, offset);
    return room;
}

#endif
