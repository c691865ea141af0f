/* plugins/sqlite/retention/topic_size.h - how many bytes the messages of a topic have, counted once and then kept up to
 * date. */
#ifndef SQ_TOPIC_SIZE_H
#define SQ_TOPIC_SIZE_H

#include "topic/topics.h"
#include "retention/trim.h"

/* The bytes of the positions first..last of a topic. */
struct sq_size {
    int64_t topic, first, last, bytes;
};

/* Belongs to one thread; zeroed: empty. */
struct sq_sizes {
    size_t n, room;
    struct sq_size *list; /* ordered by topic */
};

void sq_sizes_free(struct sq_sizes *);

/* Counts some more rows; *bytes: those counted so far. EB_OK; EB_FULL: there are more rows to count; or negative. */
int32_t sq_size_count(struct sq_sizes *, struct sq_store *, int64_t topic, const struct sq_extent *, int64_t *bytes,
                      struct eb_error *);

/* Takes removed messages off. */
void sq_size_removed(struct sq_sizes *, int64_t topic, const struct sq_trimmed *);

/* Sets *upto to the last one of the oldest messages that together have at least so many bytes; looks at some thousands at
 * most. */
int32_t sq_size_cut(struct sq_store *, int64_t topic, const struct sq_extent *, int64_t bytes, int64_t *upto,
                    struct eb_error *);

#endif
