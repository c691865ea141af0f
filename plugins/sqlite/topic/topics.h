/* plugins/sqlite/topic/topics.h - finds a topic, inserts one, and tells the extent of its messages. */
#ifndef SQ_TOPICS_H
#define SQ_TOPICS_H

#include "store/store.h"

/* NULL when a topic may have this name; else what is wrong with it, for "cannot be stored: %s". */
const char *sq_topic_name_error(struct eb_text name);

/* The id of a topic; 0: there is none. EB_OK or negative. */
int32_t sq_topic_id(struct sq_store *, const char *name, int64_t *id, struct eb_error *);

/* Within a transaction: the id of a topic, whose row is inserted if there is none. */
int32_t sq_topic_make(struct sq_store *, const char *name, int64_t *id, bool *made, struct eb_error *);

/* The position and the time of a topic's last message. EB_GONE: no such topic. */
int32_t sq_topic_end(struct sq_store *, int64_t id, int64_t *seq, int64_t *time_ms, struct eb_error *);

/* The first and the last position of a topic's messages; first = last + 1 when it has none. */
struct sq_extent {
    int64_t first, last, first_ms, last_ms;
};

/* EB_GONE: no such topic. */
int32_t sq_topic_extent(struct sq_store *, int64_t id, struct sq_extent *, struct eb_error *);

#endif
