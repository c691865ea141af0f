/* plugins/sqlite/trim.c - see trim.h. */
#include "trim.h"

#include "standing.h"
#include "topics.h"

enum { ROWS_AT_ONCE = 1000 };

int32_t sq_trim_floor(struct sq_store *store, int64_t topic, int64_t *first, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(store, SQ_GROUPS_OF_TOPIC);
    int32_t row, status = EB_OK;

    *first = INT64_MAX;
    sqlite3_bind_int64(list, 1, topic);
    while (status == EB_OK && (row = sq_step(store, list, err)) != 0) {
        struct sq_standing is;
        status = row < 0 ? row : sq_standing(store, topic, sqlite3_column_int64(list, 0), &is, err);
        if (status == EB_OK && is.next < *first)
            *first = is.next;
    }
    sqlite3_reset(list);
    return status < 0 ? status : EB_OK;
}

static int32_t delete_between(struct sq_store *store, int64_t topic, int64_t first, int64_t last, struct eb_error *err) {
    sqlite3_stmt *delete = sq_sql(store, SQ_MSG_DELETE);

    sqlite3_bind_int64(delete, 1, sq_id(topic, first));
    sqlite3_bind_int64(delete, 2, sq_id(topic, last));
    return sq_run(store, delete, err);
}

/* A topic without messages remembers how far it was, so that no position comes twice. */
static int32_t remember_last(struct sq_store *store, int64_t topic, int64_t last, struct eb_error *err) {
    sqlite3_stmt *set = sq_sql(store, SQ_TOPIC_SET_LAST);

    sqlite3_bind_int64(set, 1, topic);
    sqlite3_bind_int64(set, 2, last);
    return sq_run(store, set, err);
}

static int32_t trim(struct sq_store *store, int64_t topic, int64_t upto, int64_t rows, struct eb_error *err) {
    struct sq_extent extent;
    int32_t status = sq_topic_extent(store, topic, &extent, err);
    int64_t last;

    if (status != EB_OK)
        return status < 0 ? status : EB_END;
    upto = upto < extent.last ? upto : extent.last;
    if (extent.first > upto)
        return EB_END;
    last = upto - extent.first < rows ? upto : extent.first + rows - 1;
    if (last == extent.last)
        status = remember_last(store, topic, last, err);
    return status == EB_OK ? delete_between(store, topic, extent.first, last, err) : status;
}

int32_t sq_trim_some(struct sq_store *store, int64_t topic, int64_t upto, int64_t until_ms, struct eb_error *err) {
    int32_t status = sq_begin(store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = trim(store, topic, upto, ROWS_AT_ONCE, err);
    if (status == EB_OK)
        return sq_commit(store, err);
    sq_rollback(store);
    return status;
}

int32_t sq_trim_all(struct sq_store *store, int64_t topic, struct eb_error *err) {
    int32_t status = trim(store, topic, SQ_SEQ_MAX, SQ_SEQ_MAX, err);

    return status == EB_END ? EB_OK : status;
}
