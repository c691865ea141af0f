/* plugins/sqlite/retention/age_marks.c - see age_marks.h. */
#include "retention/age_marks.h"

#include "common/clock.h"

enum { MARKS_MAX = 128 };               /* marks of a topic; beyond, every second one is deleted */

/* Sets *is to the first column of the row, or to `otherwise` without a row. */
static int32_t number(struct sq_store *store, sqlite3_stmt *find, int64_t otherwise, int64_t *is, struct eb_error *err) {
    int32_t row = sq_row(store, find, "T", err);

    *is = row > 0 ? sqlite3_column_int64(find, 0) : otherwise;
    sqlite3_reset(find);
    return row < 0 ? row : EB_OK;
}

int32_t sq_mark_old(struct sq_store *store, int64_t topic, int64_t at_ms, int64_t *seq, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_MARK_OLD);

    sqlite3_bind_int64(find, 1, topic);
    sqlite3_bind_int64(find, 2, at_ms);
    return number(store, find, 0, seq, err);
}

int32_t sq_mark_next(struct sq_store *store, int64_t topic, int64_t seq, int64_t *at_ms, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_MARK_NEXT);

    sqlite3_bind_int64(find, 1, topic);
    sqlite3_bind_int64(find, 2, seq);
    return number(store, find, INT64_MAX, at_ms, err);
}

int32_t sq_mark_wanted(struct sq_store *store, int64_t topic, const struct sq_extent *extent, int64_t every_ms,
                       int64_t *from_ms, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_MARK_NEWEST);
    int32_t row;

    *from_ms = INT64_MAX;
    if (extent->first > extent->last)
        return EB_OK;
    sqlite3_bind_int64(find, 1, topic);
    row = sq_row(store, find, "sT", err);
    if (row == 0)
        *from_ms = 0;
    else if (row > 0 && sqlite3_column_int64(find, 0) < extent->last)
        *from_ms = sqlite3_column_int64(find, 1) + every_ms;
    sqlite3_reset(find);
    return row < 0 ? row : EB_OK;
}

static int32_t thin(struct sq_store *store, int64_t topic, struct eb_error *err) {
    sqlite3_stmt *count = sq_sql(store, SQ_MARKS_COUNT), *remove = sq_sql(store, SQ_MARKS_THIN);
    int64_t n = 0;
    int32_t status;

    sqlite3_bind_int64(count, 1, topic);
    status = number(store, count, 0, &n, err);
    if (status != EB_OK || n <= MARKS_MAX)
        return status;
    sqlite3_bind_int64(remove, 1, topic);
    return sq_run(store, remove, err);
}

static int32_t drop_below(struct sq_store *store, int64_t topic, int64_t first, struct eb_error *err) {
    sqlite3_stmt *remove = sq_sql(store, SQ_MARKS_DELETE);

    sqlite3_bind_int64(remove, 1, topic);
    sqlite3_bind_int64(remove, 2, first);
    return sq_run(store, remove, err);
}

static int32_t add(struct sq_store *store, int64_t topic, int64_t seq, struct eb_error *err) {
    sqlite3_stmt *make = sq_sql(store, SQ_MARK_ADD);

    sqlite3_bind_int64(make, 1, topic);
    sqlite3_bind_int64(make, 2, seq);
    sqlite3_bind_int64(make, 3, ebp_monotonic_ms());
    return sq_run(store, make, err);
}

static int32_t make(struct sq_store *store, int64_t topic, struct eb_error *err) {
    struct sq_extent extent;
    int32_t status = sq_topic_extent(store, topic, &extent, err);

    if (status != EB_OK || extent.first > extent.last)
        return status < 0 ? status : EB_OK;             /* removed or emptied since */
    status = drop_below(store, topic, extent.first, err);
    if (status == EB_OK)
        status = add(store, topic, extent.last, err);
    return status == EB_OK ? thin(store, topic, err) : status;
}

int32_t sq_mark_make(struct sq_store *store, int64_t topic, int64_t until_ms, struct eb_error *err) {
    int32_t status = sq_begin(store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = make(store, topic, err);
    if (status != EB_OK) {
        sq_rollback(store);
        return status;
    }
    return sq_commit(store, err);
}

int32_t sq_mark_remove_all(struct sq_store *store, int64_t topic, struct eb_error *err) {
    return drop_below(store, topic, INT64_MAX, err);
}
