/* plugins/sqlite/retention/age_marks.c - see age_marks.h. */
#include "retention/age_marks.h"

#include <eventbus/plugin-help/clock.h>

enum { MARKS_MAX = 128 }; /* marks of a topic; beyond, every second one is deleted */

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
    sqlite3_stmt *count = sq_sql(store, SQ_MARKS_COUNT);
    int64_t n = 0;
    int32_t status;

    sqlite3_bind_int64(count, 1, topic);
    status = number(store, count, 0, &n, err);
    if (status != EB_OK || n <= MARKS_MAX)
        return status;
    return SQ_RUN(store, SQ_MARKS_THIN, err, topic);
}

static int32_t make(struct sq_store *store, int64_t topic, struct eb_error *err) {
    struct sq_extent extent;
    int32_t status = sq_topic_extent(store, topic, &extent, err);

    if (status != EB_OK || extent.first > extent.last)
        return status < 0 ? status : EB_OK; /* removed or emptied since */
    status = SQ_RUN(store, SQ_MARKS_DELETE, err, topic, extent.first);
    if (status == EB_OK)
        status = SQ_RUN(store, SQ_MARK_ADD, err, topic, extent.last, ebp_monotonic_ms());
    return status == EB_OK ? thin(store, topic, err) : status;
}

int32_t sq_mark_make(struct sq_store *store, int64_t topic, int64_t until_ms, struct eb_error *err) {
    int32_t status = sq_begin(store, until_ms, err);

    return status == EB_OK ? sq_end(store, make(store, topic, err), err) : status;
}

int32_t sq_mark_remove_all(struct sq_store *store, int64_t topic, struct eb_error *err) {
    return SQ_RUN(store, SQ_MARKS_DELETE, err, topic, INT64_MAX);
}
