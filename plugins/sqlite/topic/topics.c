/* plugins/sqlite/topic/topics.c - see topics.h. */
#include "topic/topics.h"

#include <string.h>

enum { NAME_MAX_LEN = 255 };

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
        return sq_damaged(store, err, "no topic ids are left");
    *made = true;
    return EB_OK;
}

int32_t sq_topic_end(struct sq_store *store, int64_t id, int64_t *seq, int64_t *time_ms, struct eb_error *err) {
    sqlite3_stmt *tail = sq_sql(store, SQ_TOPIC_TAIL);
    int32_t row;

    sqlite3_bind_int64(tail, 1, id);
    row = sq_row(store, tail, "sMO", err);
    if (row < 0)
        return row;
    if (row == 0)
        return EB_GONE;
    *seq = sq_seq(sqlite3_column_int64(tail, 1)); /* NULL reads as 0 */
    *time_ms = sqlite3_column_int64(tail, 2);
    if (*time_ms < -SQ_TIME_MAX || *time_ms > SQ_TIME_MAX) {
        sqlite3_reset(tail);
        return sq_damaged(store, err, "a message has an impossible time");
    }
    if (*seq == 0)
        *seq = sqlite3_column_int64(tail, 0);
    sqlite3_reset(tail);
    return EB_OK;
}

static int32_t read_extent(struct sq_store *store, int64_t id, struct sq_extent *extent, struct eb_error *err) {
    sqlite3_stmt *oldest = sq_sql(store, SQ_TOPIC_OLDEST);
    int32_t status = sq_topic_end(store, id, &extent->last, &extent->last_ms, err), row;

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

/* Both ends are read at one moment. Otherwise the first message of a topic, stored between the two reads, would look as if it
 * stood behind the last one. */
int32_t sq_topic_extent(struct sq_store *store, int64_t id, struct sq_extent *extent, struct eb_error *err) {
    bool alone = !sq_in_transaction(store);
    int32_t status = alone ? sq_begin_reading(store, err) : EB_OK;

    if (status == EB_OK)
        status = read_extent(store, id, extent, err);
    if (alone)
        sq_end_reading(store);
    return status;
}
