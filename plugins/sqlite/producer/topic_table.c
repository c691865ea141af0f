/* plugins/sqlite/producer/topic_table.c - see topic_table.h. */
#include "producer/topic_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

#include "format/slots.h"
#include "topic/topics.h"

static struct sq_topic *add(struct sq_topic_table *table, struct eb_text name, unsigned hash) {
    struct sq_topic *topic = calloc(1, sizeof *topic);

    if (!topic || !(topic->name = strndup(name.data, name.len))) {
        free(topic);
        return NULL;
    }
    topic->futex = sq_shm_topic_index(name.data, name.len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, table->by_name, topic->name, name.len, hash, topic);
    if (topic->hh.tbl)
        return topic;
    free(topic->name);
    free(topic);
    return NULL;
}

/* Reads the topic's end. A topic that was removed since has another id now. */
static int32_t refresh(struct sq_topic_table *table, struct sq_store *store, struct sq_topic *topic, struct eb_error *err) {
    int32_t status = EB_GONE;
    bool made = false;

    if (topic->id != 0)
        status = sq_topic_end(store, topic->id, &topic->seq, &topic->time, err);
    if (status == EB_GONE) {
        status = sq_topic_make(store, topic->name, &topic->id, &made, err);
        if (made)
            topic->made = table->transaction;
        if (status == EB_OK)
            status = sq_topic_end(store, topic->id, &topic->seq, &topic->time, err);
    }
    if (status == EB_OK)
        topic->looked = table->transaction;
    return status;
}

int32_t sq_topic_table_find(struct sq_topic_table *table, struct sq_store *store, struct eb_text name, struct sq_topic **found,
                            struct eb_error *err) {
    unsigned hash = (unsigned)sq_key_hash(name);
    struct sq_topic *topic;

    assert(sq_in_transaction(store));
    HASH_FIND_BYHASHVALUE(hh, table->by_name, name.data, name.len, hash, topic);
    if (!topic)
        topic = add(table, name, hash);
    if (!topic)
        return ebp_no_memory(err);
    *found = topic;
    return topic->looked == table->transaction ? EB_OK : refresh(table, store, topic, err);
}

void sq_topic_table_undo(struct sq_topic_table *table) {
    for (struct sq_topic *topic = table->by_name; topic; topic = topic->hh.next)
        if (topic->made == table->transaction)
            topic->id = 0;
}

void sq_topic_table_free(struct sq_topic_table *table) {
    struct sq_topic *topic, *next;

    HASH_ITER(hh, table->by_name, topic, next) {
        HASH_DEL(table->by_name, topic);
        free(topic->name);
        free(topic);
    }
    *table = (struct sq_topic_table){ 0 };
}
