/* plugins/sqlite/topic/topics.h - the topics that a producer sends to, by name, and where each ends within a transaction. */
#ifndef SQ_TOPICS_H
#define SQ_TOPICS_H

#include "store/store.h"

struct sq_topic {
    char *name;
    size_t len;
    uint64_t hash;
    unsigned futex;                      /* in the side file */
    int64_t id;                         /* 0: not known */
    uint64_t looked, made;              /* the transactions in which its end was read and its row was made */
    int64_t seq, time;                  /* the last message's */
    uint64_t noted;                     /* the transaction of */
    int64_t note;                       /* this: of the slots of the messages that come next, see slots.h */
    struct sq_topic *next;
};

/* Belongs to one thread; zeroed: empty. */
struct sq_topics {
    uint64_t transaction;               /* counted up at each begin */
    size_t n, n_buckets;
    struct sq_topic **buckets;
};

void sq_topics_free(struct sq_topics *);

/* Within a transaction: the topic, made if there is none, with its end. EB_OK or negative. */
int32_t sq_topics_find(struct sq_topics *, struct sq_store *, struct eb_text name, struct sq_topic **, struct eb_error *);

/* The transaction did not happen: forgets what it made. */
void sq_topics_undo(struct sq_topics *);

/* The id of a topic; 0: there is none. EB_OK or negative. */
int32_t sq_topic_id(struct sq_store *, const char *name, int64_t *id, struct eb_error *);

/* The same within a transaction, made if there is none. */
int32_t sq_topic_make(struct sq_store *, const char *name, int64_t *id, bool *made, struct eb_error *);

/* The first and the last position of a topic's messages; first = last + 1 when it has none. EB_GONE: no such topic. */
struct sq_extent {
    int64_t first, last, first_ms, last_ms;
};

int32_t sq_topic_extent(struct sq_store *, int64_t id, struct sq_extent *, struct eb_error *);

/* NULL when a topic may have this name, else why not. */
const char *sq_topic_name_error(struct eb_text name);

#endif
