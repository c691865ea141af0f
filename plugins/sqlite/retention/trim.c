/* plugins/sqlite/retention/trim.c - see trim.h. */
#include "retention/trim.h"

#include <eventbus/plugin-help/error.h>

#include "format/owned_slots.h"
#include "topic/topics.h"

enum { ROWS_AT_ONCE = 1000, BYTES_AT_ONCE = 4 << 20 };

/* ---- what groups need ---- */

static int64_t lower(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Lowers *first to the first position past a cursor, or in flight. */
static int32_t see_row(struct sq_store *store, struct eb_text bytes, int64_t *first, struct eb_error *err) {
    struct sq_owned_slots owned;
    int64_t seq;

    if (!sq_owned_slots_read(&owned, bytes))
        return sq_damaged(store, err, "the progress of a group cannot be read");
    if (owned.runs.n > 0)
        *first = lower(*first, owned.runs.run[0].cursor + 1);
    while (sq_owned_slots_next(&owned, &seq))
        *first = lower(*first, seq);
    return EB_OK;
}

static int32_t see_rows(struct sq_store *store, int64_t group, int64_t *first, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(store, SQ_SHARE_STATES);
    int32_t row, status = EB_OK;

    sqlite3_bind_int64(rows, 1, group);
    while (status == EB_OK && (row = sq_row(store, rows, "b", err)) != 0)
        status = row < 0 ? row : see_row(store, sq_bytes(rows, 0), first, err);
    sqlite3_reset(rows);
    return status;
}

static int32_t see_delayed(struct sq_store *store, int64_t group, int64_t *first, struct eb_error *err) {
    sqlite3_stmt *lowest = sq_sql(store, SQ_HOLD_LOWEST);
    int32_t row;

    sqlite3_bind_int64(lowest, 1, group);
    row = sq_row(store, lowest, "s", err);
    if (row <= 0)
        return row;
    *first = lower(*first, sqlite3_column_int64(lowest, 0));
    sqlite3_reset(lowest);
    return EB_OK;
}

int32_t sq_trim_floor(struct sq_store *store, int64_t topic, int64_t *first, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(store, SQ_GROUPS_OF_TOPIC);
    int32_t row, status = EB_OK;

    *first = INT64_MAX;
    sqlite3_bind_int64(list, 1, topic);
    while (status == EB_OK && (row = sq_row(store, list, "g", err)) != 0) {
        int64_t group = row > 0 ? sqlite3_column_int64(list, 0) : 0;
        status = row < 0 ? row : see_rows(store, group, first, err);
        if (status == EB_OK)
            status = see_delayed(store, group, first, err);
    }
    sqlite3_reset(list);
    return status;
}

/* ---- removing ---- */

static int32_t delete_between(struct sq_store *store, int64_t topic, int64_t first, int64_t last, struct eb_error *err) {
    int32_t status = SQ_RUN(store, SQ_MSG_DELETE, err, sq_id(topic, first), sq_id(topic, last));

    if (status == EB_OK && sqlite3_changes(store->db) == 0) /* or trimming would not end */
        return sq_damaged(store, err, "messages cannot be removed");
    return status;
}

/* A topic without messages keeps its last position, so that none is used twice. */
static int32_t remember_last(struct sq_store *store, int64_t topic, int64_t last, struct eb_error *err) {
    return SQ_RUN(store, SQ_TOPIC_SET_LAST, err, topic, last);
}

/* Chooses how far one transaction goes, so that it is short whatever the messages are. */
static int32_t choose_some(struct sq_store *store, int64_t topic, int64_t first, int64_t upto, struct sq_trimmed *some,
                           struct eb_error *err) {
    sqlite3_stmt *sizes = sq_sql(store, SQ_MSG_SIZES);
    int32_t row;

    some->last = first - 1;
    sqlite3_bind_int64(sizes, 1, sq_id(topic, first));
    sqlite3_bind_int64(sizes, 2, sq_id(topic, upto));
    while ((row = sq_row(store, sizes, "mi", err)) > 0) {
        some->last = sq_seq(sqlite3_column_int64(sizes, 0));
        some->bytes += sqlite3_column_int64(sizes, 1);
        if (++some->rows == ROWS_AT_ONCE || some->bytes >= BYTES_AT_ONCE)
            break;
    }
    sqlite3_reset(sizes);
    return row < 0 ? row : EB_OK;
}

static void add(struct sq_trimmed *sum, const struct sq_trimmed *some) {
    sum->last = some->last;
    sum->rows += some->rows;
    sum->bytes += some->bytes;
    sum->unsettled += some->unsettled;
}

/* Asks the groups within the transaction, so that none joins or goes back between this and the removal. */
static int32_t last_to_go(struct sq_store *store, const struct sq_trim *trim, int64_t newest, int64_t *upto, int64_t *needed,
                          struct eb_error *err) {
    int32_t status = sq_trim_floor(store, trim->topic, needed, err);

    *upto = trim->upto < *needed ? trim->upto : *needed - 1;
    if (*upto < trim->upto_anyway)
        *upto = trim->upto_anyway;
    *upto = lower(*upto, trim->newest_too ? newest : newest - 1);
    return status;
}

static int32_t trim_some(struct sq_store *store, const struct sq_trim *trim, struct sq_trimmed *some, struct eb_error *err) {
    struct sq_extent extent;
    int64_t upto = 0, needed;
    int32_t status = sq_topic_extent(store, trim->topic, &extent, err);

    if (status == EB_OK)
        status = last_to_go(store, trim, extent.last, &upto, &needed, err);
    if (status != EB_OK)
        return status < 0 ? status : EB_END; /* the topic was removed */
    if (extent.first > upto)
        return EB_END;
    status = choose_some(store, trim->topic, extent.first, upto, some, err);
    if (status == EB_OK && some->last == extent.last)
        status = remember_last(store, trim->topic, some->last, err);
    if (status != EB_OK)
        return status;
    if (some->last >= needed)
        some->unsettled = needed > extent.first ? some->last - needed + 1 : some->rows;
    return delete_between(store, trim->topic, extent.first, some->last, err);
}

int32_t sq_trim_some(struct sq_store *store, const struct sq_trim *trim, int64_t until_ms, struct sq_trimmed *sum,
                     struct eb_error *err) {
    struct sq_trimmed some = { 0 };
    int32_t status = sq_begin(store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = sq_end(store, trim_some(store, trim, &some, err), err);
    if (status == EB_OK)
        add(sum, &some);
    return status;
}

int32_t sq_trim_all(struct sq_store *store, int64_t topic, struct eb_error *err) {
    struct sq_extent extent;
    int32_t status = sq_topic_extent(store, topic, &extent, err);

    if (status != EB_OK || extent.first > extent.last)
        return status < 0 ? status : EB_OK;
    status = remember_last(store, topic, extent.last, err);
    return status == EB_OK ? delete_between(store, topic, extent.first, extent.last, err) : status;
}
