/* plugins/sqlite/producer/topic_table.h - the topics that a producer sends to, by name, and where each ends within the
 * transaction. */
#ifndef SQ_TOPIC_TABLE_H
#define SQ_TOPIC_TABLE_H

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then; without it uthash ends the process */
#include <uthash.h>

#include "store/store.h"

struct sq_topic {
    char *name;
    unsigned futex;        /* its number in the side file */
    int64_t id;            /* 0: unknown */
    uint64_t looked, made; /* the transactions in which its end was read and its row was inserted */
    int64_t seq, time;     /* of the last message */
    uint64_t noted;        /* the transaction in which `note` was set */
    int64_t note;          /* of the slots of the messages behind the next one: see slots.h */
    UT_hash_handle hh;
};

/* Belongs to one thread; zeroed: empty. */
struct sq_topic_table {
    uint64_t transaction; /* the owner counts it up at each begin */
    struct sq_topic *by_name;
};

void sq_topic_table_free(struct sq_topic_table *);

/* Within a transaction: finds the topic, or inserts its row, and reads its end. EB_OK or negative. */
int32_t sq_topic_table_find(struct sq_topic_table *, struct sq_store *, struct eb_text name, struct sq_topic **,
                            struct eb_error *);

/* The transaction was rolled back: forgets the topics that it inserted. */
void sq_topic_table_undo(struct sq_topic_table *);

#endif
