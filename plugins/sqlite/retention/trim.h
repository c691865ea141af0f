/* plugins/sqlite/retention/trim.h - removes old messages, some at a time, so that nobody waits long. */
#ifndef SQ_TRIM_H
#define SQ_TRIM_H

#include "store/store.h"

struct sq_trim {
    int64_t topic;
    int64_t upto;        /* the last position to remove if every group has settled it */
    int64_t upto_anyway; /* the last position to remove in any case; 0: none */
    bool newest_too;
};

/* What was removed; sq_trim_some adds to it. */
struct sq_trimmed {
    int64_t last; /* the last position */
    int64_t rows, bytes;
    int64_t unsettled; /* of the rows: at or behind the first one that some group has not settled */
};

/* Sets *first to the first position that some group of the topic may not have settled; INT64_MAX: there is no group. Never
 * too high; too low where a message between two others was settled before them. */
int32_t sq_trim_floor(struct sq_store *, int64_t topic, int64_t *first, struct eb_error *);

/* In a transaction of its own: asks the groups and removes some of the oldest messages. EB_OK: there may be more; EB_END:
 * there are no more; or negative. */
int32_t sq_trim_some(struct sq_store *, const struct sq_trim *, int64_t until_ms, struct sq_trimmed *, struct eb_error *);

/* Within a transaction: removes all messages of the topic. */
int32_t sq_trim_all(struct sq_store *, int64_t topic, struct eb_error *);

#endif
