/* plugins/sqlite/topic/topics.c - see topics.h. */
#include "topic/topics.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "format/slots.h"
#include "format/buffer.h"

enum { NAME_MAX_LEN = 255 };

/* ---- of any instance ---- */

const char *sq_topic_name_error(struct eb_text name) {
    if (!name.data || name.len == 0)
        return "its topic has no name";
    if (name.len > NAME_MAX_LEN)
        return "its topic's name is longer than 255 bytes";
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == 127 || name.data[i] == '*')
            return "its topic's name has a control character or a '*'";
    return NULL;
}

int32_t sq_topic_id(struct sq_store *store, const char *name, int64_t *id, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_TOPIC_BY_NAME);
    int32_t row;

    *id = 0;
    sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
    row = sq_row(store, find, "t", err);
    if (row <= 0)
        return row;
    *id = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    return EB_OK;
}

int32_t sq_topic_make(struct sq_store *store, const char *name, int64_t *id, bool *made, struct eb_error *err) {
    int32_t status = sq_topic_id(store, name, id, err);
    sqlite3_stmt *add;

    *made = false;
    if (status != EB_OK || *id != 0)
        return status;
    add = sq_sql(store, SQ_TOPIC_ADD);
    sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
    status = sq_run(store, add, err);
    if (status != EB_OK)
        return status;
    *id = sqlite3_last_insert_rowid(store->db);
    if (*id < 1 || *id > SQ_TOPIC_MAX)
        return sq_damaged(store, err, "the numbers of topics are used up");
    *made = true;
    return EB_OK;
}

/* The end as the topic's row and its last message tell it. EB_GONE: no such topic. */
static int32_t read_end(struct sq_store *store, int64_t id, int64_t *seq, int64_t *time, struct eb_error *err) {
    sqlite3_stmt *tail = sq_sql(store, SQ_TOPIC_TAIL);
    int32_t row;

    sqlite3_bind_int64(tail, 1, id);
    row = sq_row(store, tail, "sMO", err);
    if (row < 0)
        return row;
    if (row == 0)
        return EB_GONE;
    *seq = sq_seq(sqlite3_column_int64(tail, 1));       /* NULL reads as 0 */
    *time = sqlite3_column_int64(tail, 2);
    if (*time < -SQ_TIME_MAX || *time > SQ_TIME_MAX) {
        sqlite3_reset(tail);
        return sq_damaged(store, err, "a message was stored at no time there is");
    }
    if (*seq == 0)
        *seq = sqlite3_column_int64(tail, 0);
    sqlite3_reset(tail);
    return EB_OK;
}

int32_t sq_topic_extent(struct sq_store *store, int64_t id, struct sq_extent *extent, struct eb_error *err) {
    sqlite3_stmt *oldest = sq_sql(store, SQ_TOPIC_OLDEST);
    int32_t status = read_end(store, id, &extent->last, &extent->last_ms, err), row;

    if (status != EB_OK)
        return status;
    extent->first = extent->last + 1;
    extent->first_ms = extent->last_ms;
    sqlite3_bind_int64(oldest, 1, id);
    row = sq_row(store, oldest, "mT", err);
    if (row <= 0)
        return row;
    extent->first = sq_seq(sqlite3_column_int64(oldest, 0));
    extent->first_ms = sqlite3_column_int64(oldest, 1);
    sqlite3_reset(oldest);
    return extent->first <= extent->last ? EB_OK : sq_damaged(store, err, "messages are out of order");
}

/* ---- a producer's own ---- */

static struct sq_topic *look_up(const struct sq_topics *topics, struct eb_text name, uint64_t hash) {
    if (topics->n_buckets == 0)
        return NULL;
    for (struct sq_topic *topic = topics->buckets[hash & (topics->n_buckets - 1)]; topic; topic = topic->next)
        if (topic->hash == hash && topic->len == name.len && memcmp(topic->name, name.data, name.len) == 0)
            return topic;
    return NULL;
}

static bool grow(struct sq_topics *topics) {
    size_t n = topics->n_buckets ? 2 * topics->n_buckets : 64;
    struct sq_topic **buckets = calloc(n, sizeof *buckets);

    if (!buckets)
        return false;
    for (size_t i = 0; i < topics->n_buckets; i++)
        for (struct sq_topic *topic = topics->buckets[i], *next; topic; topic = next) {
            next = topic->next;
            topic->next = buckets[topic->hash & (n - 1)];
            buckets[topic->hash & (n - 1)] = topic;
        }
    free(topics->buckets);
    topics->buckets = buckets;
    topics->n_buckets = n;
    return true;
}

static struct sq_topic *add(struct sq_topics *topics, struct eb_text name, uint64_t hash) {
    struct sq_topic *topic;

    if (topics->n == topics->n_buckets && !grow(topics))
        return NULL;
    topic = calloc(1, sizeof *topic);
    if (!topic)
        return NULL;
    topic->name = strndup(name.data, name.len);
    if (!topic->name) {
        free(topic);
        return NULL;
    }
    topic->len = name.len;
    topic->hash = hash;
    topic->futex = sq_shm_topic_index(name.data, name.len);
    topic->next = topics->buckets[hash & (topics->n_buckets - 1)];
    topics->buckets[hash & (topics->n_buckets - 1)] = topic;
    topics->n++;
    return topic;
}

/* A topic that was removed since we looked has another id now. */
static int32_t look_at_end(struct sq_topics *topics, struct sq_store *store, struct sq_topic *topic, struct eb_error *err) {
    int32_t status = EB_GONE;
    bool made = false;

    if (topic->id != 0)
        status = read_end(store, topic->id, &topic->seq, &topic->time, err);
    if (status == EB_GONE) {
        status = sq_topic_make(store, topic->name, &topic->id, &made, err);
        if (made)
            topic->made = topics->transaction;
        if (status == EB_OK)
            status = read_end(store, topic->id, &topic->seq, &topic->time, err);
    }
    if (status == EB_OK)
        topic->looked = topics->transaction;
    return status;
}

int32_t sq_topics_find(struct sq_topics *topics, struct sq_store *store, struct eb_text name, struct sq_topic **found,
                       struct eb_error *err) {
    uint64_t hash = sq_key_hash(name);
    struct sq_topic *topic = look_up(topics, name, hash);

    if (!topic)
        topic = add(topics, name, hash);
    if (!topic)
        return sq_no_memory(err);
    *found = topic;
    return topic->looked == topics->transaction ? EB_OK : look_at_end(topics, store, topic, err);
}

void sq_topics_undo(struct sq_topics *topics) {
    for (size_t i = 0; i < topics->n_buckets; i++)
        for (struct sq_topic *topic = topics->buckets[i]; topic; topic = topic->next)
            if (topic->made == topics->transaction)
                topic->id = 0;
}

void sq_topics_free(struct sq_topics *topics) {
    for (size_t i = 0; i < topics->n_buckets; i++)
        for (struct sq_topic *topic = topics->buckets[i], *next; topic; topic = next) {
            next = topic->next;
            free(topic->name);
            free(topic);
        }
    free(topics->buckets);
    *topics = (struct sq_topics){0};
}
