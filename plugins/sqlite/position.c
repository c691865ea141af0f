/* plugins/sqlite/position.c - see position.h. */
#include "position.h"

#include <inttypes.h>
#include <eventbus/plugin-help/error.h>

/* Parses a position, a number from 0; one larger than any counts as the largest. */
static bool parse(struct eb_text text, int64_t *seq) {
    *seq = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *seq = *seq >= SQ_SEQ_MAX / 10 ? SQ_SEQ_MAX : *seq * 10 + (text.data[i] - '0');
    }
    return text.len > 0;
}

int32_t sq_position_check(const struct eb_point *point, struct eb_error *err) {
    int64_t seq;
    int32_t status = EB_OK;

    if (point->kind == EB_POSITION && (!point->position.data || !parse(point->position, &seq)))
        status = ebp_error(err, EB_PERMANENT, 0, "\"%.*s\" is not a position: here it is a number from 1",
                           (int)(point->position.len < 40 ? point->position.len : 40),
                           point->position.data ? point->position.data : "");
    else if (point->kind < EB_EARLIEST || point->kind > EB_POSITION)
        status = ebp_error(err, EB_PERMANENT, 0, "unknown kind of point: %d", point->kind);
    if (status != EB_OK && err)
        err->kind = EB_KIND_CONFIG;
    return status;
}

/* Whether a message was stored before that time. One that was trimmed was. */
static int32_t is_before(struct sq_store *store, int64_t id, int64_t time_ms, bool *before, struct eb_error *err) {
    sqlite3_stmt *look = sq_sql(store, SQ_MSG_TIME);
    int32_t row;

    sqlite3_bind_int64(look, 1, id);
    row = sq_row(store, look, "T", err);
    *before = row == 0 || (row > 0 && sqlite3_column_int64(look, 0) < time_ms);
    sqlite3_reset(look);
    return row < 0 ? row : EB_OK;
}

/* Positions are consecutive and times never go back: halving finds the first one at or after the time. */
static int32_t search_time(struct sq_store *store, int64_t topic, const struct sq_extent *extent, int64_t time_ms,
                           int64_t *cursor, struct eb_error *err) {
    int64_t low = extent->first, high = extent->last + 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        bool before;
        int32_t status = is_before(store, sq_id(topic, middle), time_ms, &before, err);
        if (status != EB_OK)
            return status;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    *cursor = low - 1;
    return EB_OK;
}

int32_t sq_position_reach(struct sq_store *store, int64_t topic, const char *name, const struct eb_point *point,
                          struct eb_error *err) {
    struct sq_extent extent = { .last = 0 };
    int64_t seq = 0;
    int32_t status = point->kind == EB_POSITION && topic != 0 ? sq_topic_extent(store, topic, &extent, err) : EB_OK;

    if (status != EB_OK || point->kind != EB_POSITION)
        return status;
    parse(point->position, &seq);
    if (seq <= extent.last + 1)
        return EB_OK;
    ebp_error(err, EB_PERMANENT, 0, "position %.*s is behind the end of topic %s, which is %" PRId64,
              (int)(point->position.len < 40 ? point->position.len : 40), point->position.data, name, extent.last + 1);
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_END;
}

int32_t sq_position_cursor(struct sq_store *store, int64_t topic, const struct eb_point *point, int64_t *cursor,
                           struct eb_error *err) {
    struct sq_extent extent;
    int64_t seq = 0;
    int32_t status = sq_position_check(point, err);

    if (status == EB_OK)
        status = sq_topic_extent(store, topic, &extent, err);
    if (status != EB_OK)
        return status;
    if (point->kind == EB_TIME)
        return search_time(store, topic, &extent, point->time_ms, cursor, err);
    if (point->kind == EB_POSITION)
        parse(point->position, &seq);
    *cursor = point->kind == EB_LATEST ? extent.last : seq - 1;
    if (*cursor < extent.first - 1)
        *cursor = extent.first - 1;
    if (*cursor > extent.last)
        *cursor = extent.last;
    return EB_OK;
}
