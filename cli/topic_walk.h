/* cli/topic_walk.h - reads a topic in bounded steps, to tell what stands before a point. */
#ifndef CLI_TOPIC_WALK_H
#define CLI_TOPIC_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/topic_state.h"

/* The first message at or after a point in each partition that has one. */
struct cli_firsts {
    struct cli_first {
        uint32_t partition;
        bool reached; /* by cli_firsts_count_before */
        char *position;
    } * list;
    size_t n;
    bool whole; /* false: there may be others; the topic has more partitions than were seen, or more messages than are read */
};

/* Reads from a point until each partition was seen, to the end, or to the bound of what is read. An error says that the
 * broker cannot browse. Free the firsts in either case. */
enum eb_status cli_firsts_find(struct cli_topic *, const struct eb_point *, struct cli_firsts *, struct eb_error *);
void cli_firsts_free(struct cli_firsts *);

/* Whether two finds stand at the same place; true also if that is not known. */
bool cli_firsts_equal(const struct cli_firsts *, const struct cli_firsts *);

/* Counts the messages before these, which cli_firsts_find found whole. *more: there are more, beyond the bound. */
enum eb_status cli_firsts_count_before(struct cli_topic *, struct cli_firsts *, int64_t *count, bool *more, struct eb_error *);

#endif
