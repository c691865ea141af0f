/* plugins/sqlite/topic/group_progress.c - see group_progress.h. */
#include "topic/group_progress.h"

#include <eventbus/plugin-help/error.h>

#include "format/owned_slots.h"
#include "topic/groups.h"
#include "topic/topics.h"

enum { ROWS_AT_ONCE = 20000 }; /* rows read by one statement: a long read would stop checkpoints */

/* What is known while the rows are read. */
struct survey {
    struct sq_extent extent;
    struct sq_runs runs; /* of all slots, whoever owns them */
    struct sq_group_progress *is;
};

static void count_open(struct survey *s, int64_t seq, bool at_live) {
    if (seq < s->extent.first || seq > s->extent.last)
        return; /* it was trimmed */
    s->is->lag++;
    s->is->unsettled += at_live;
    if (seq < s->is->next)
        s->is->next = seq;
}

static int32_t read_row(struct survey *s, const struct sq_store *store, sqlite3_stmt *row, struct eb_error *err) {
    int64_t owner = sqlite3_column_int64(row, 0), seq;
    bool live = owner != 0 && sq_member_lives(store, owner, sqlite3_column_int64(row, 2));
    struct sq_owned_slots owned;

    if (!sq_owned_slots_read(&owned, sq_bytes(row, 1)))
        return sq_damaged(store, err, "the slots of a member cannot be read");
    s->is->members += live;
    while (sq_owned_slots_next(&owned, &seq))
        count_open(s, seq, live);
    return sq_runs_move(&owned.runs, SQ_ALL_SLOTS, &s->runs) ? EB_OK : sq_damaged(store, err, "a slot has two owners");
}

static int32_t read_rows(struct survey *s, struct sq_store *store, int64_t group, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(store, SQ_SHARES);
    int32_t row, status = EB_OK;

    sqlite3_bind_int64(rows, 1, group);
    while (status == EB_OK && (row = sq_row(store, rows, SQ_SHARE_SHAPE, err)) != 0)
        status = row < 0 ? row : read_row(s, store, rows, err);
    sqlite3_reset(rows);
    return status;
}

static int32_t read_delayed(struct survey *s, struct sq_store *store, int64_t group, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(store, SQ_HOLD_SEQS);
    int32_t row;

    sqlite3_bind_int64(rows, 1, group);
    sqlite3_bind_int64(rows, 2, SQ_SEQ_MAX);
    while ((row = sq_row(store, rows, "sio", err)) > 0) {
        int64_t holder = sqlite3_column_int64(rows, 2);
        bool live = holder != 0 && sq_member_lives(store, holder, INT64_MAX);
        count_open(s, sqlite3_column_int64(rows, 0), live);
    }
    return row;
}

static int64_t cursor_of(const struct sq_runs *runs, unsigned slot) {
    for (unsigned i = 0; i < runs->n; i++)
        if (runs->run[i].slots >> slot & 1)
            return runs->run[i].cursor;
    return SQ_SEQ_MAX;
}

/* Between the lowest and the highest cursor only the slot of each message says whether it was read. */
static int32_t count_between(struct survey *s, struct sq_store *store, int64_t topic, int64_t from, int64_t upto,
                             struct eb_error *err) {
    sqlite3_stmt *scan = sq_sql(store, SQ_MSG_SLOTS_BETWEEN);

    while (from < upto) {
        int64_t part = upto - from > ROWS_AT_ONCE ? from + ROWS_AT_ONCE : upto;
        int32_t row;

        sqlite3_bind_int64(scan, 1, sq_id(topic, from));
        sqlite3_bind_int64(scan, 2, sq_id(topic, part));
        while ((row = sq_row(store, scan, "mi", err)) > 0) {
            int64_t seq = sq_seq(sqlite3_column_int64(scan, 0));
            if (seq > cursor_of(&s->runs, sq_note_slot(sqlite3_column_int64(scan, 1))))
                count_open(s, seq, false);
        }
        if (row < 0)
            return row;
        from = part;
    }
    return EB_OK;
}

/* Past the highest cursor no message was read, and positions are consecutive. */
static void count_rest(struct survey *s, int64_t highest) {
    int64_t first = highest + 1 > s->extent.first ? highest + 1 : s->extent.first;

    if (first > s->extent.last)
        return;
    s->is->lag += s->extent.last - first + 1;
    if (first < s->is->next)
        s->is->next = first;
}

static int32_t read_progress(struct sq_store *store, int64_t topic, int64_t group, struct sq_group_progress *is,
                             struct eb_error *err) {
    struct survey s = { .is = is };
    int64_t lowest, highest;
    int32_t status = sq_topic_extent(store, topic, &s.extent, err);

    if (status != EB_OK)
        return status;
    *is = (struct sq_group_progress){ .next = s.extent.last + 1, .last = s.extent.last };
    status = read_rows(&s, store, group, err);
    if (status == EB_OK)
        status = read_delayed(&s, store, group, err);
    if (status != EB_OK || s.runs.n == 0)
        return status;
    lowest = s.runs.run[0].cursor;
    highest = s.runs.run[s.runs.n - 1].cursor;
    status = count_between(&s, store, topic, lowest > s.extent.first - 1 ? lowest : s.extent.first - 1,
                           highest < s.extent.last ? highest : s.extent.last, err);
    count_rest(&s, highest);
    return status;
}

/* Reads everything at one moment, so that the numbers fit each other while members work. */
int32_t sq_group_progress(struct sq_store *store, int64_t topic, int64_t group, struct sq_group_progress *is,
                          struct eb_error *err) {
    bool alone = !sq_in_transaction(store);
    int32_t status = alone ? sq_begin_reading(store, err) : EB_OK;

    if (status == EB_OK)
        status = read_progress(store, topic, group, is, err);
    if (alone)
        sq_end_reading(store);
    return status;
}
