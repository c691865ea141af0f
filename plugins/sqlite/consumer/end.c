/* plugins/sqlite/consumer/end.c - for a consumer that stops at the end (until_end): where the end is, and whether the
 * group has settled everything up to there, except what live other members have in flight. */
#include "consumer/state.h"

#include <eventbus/plugin-help/error.h>

#include "topic/groups.h"
#include "topic/topics.h"

int32_t sq_read_ends(struct sq_consumer *c, struct eb_error *err) {
    for (size_t i = 0; i < c->n_assignments; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        struct sq_extent extent = { 0 };
        int32_t status = assignment->joined ? sq_topic_extent(&c->store, assignment->topic, &extent, err) : EB_OK;
        if (status < 0)
            return status;
        assignment->end = extent.last;
    }
    c->ends_read = true;
    return EB_OK;
}

/* Whether a message up to the end lies past the cursor of its slot. */
static int32_t find_unread(struct sq_consumer *c, const struct sq_assignment *assignment, const struct sq_runs *runs,
                           bool *unread, struct eb_error *err) {
    sqlite3_stmt *scan = sq_sql(&c->store, SQ_MSG_SLOTS_BETWEEN);
    int32_t row = 0;

    if (runs->n == 0 || runs->run[0].cursor >= assignment->end)
        return EB_OK;
    sqlite3_bind_int64(scan, 1, sq_id(assignment->topic, runs->run[0].cursor));
    sqlite3_bind_int64(scan, 2, sq_id(assignment->topic, assignment->end));
    while (!*unread && (row = sq_row(&c->store, scan, "mi", err)) > 0)
        for (unsigned i = 0; i < runs->n; i++)
            if (runs->run[i].slots >> sq_note_slot(sqlite3_column_int64(scan, 1)) & 1)
                *unread = runs->run[i].cursor < sq_seq(sqlite3_column_int64(scan, 0));
    sqlite3_reset(scan);
    return row < 0 ? row : EB_OK;
}

static bool has_out(struct sq_owned_slots *owned, int64_t upto) {
    int64_t seq;

    while (sq_owned_slots_next(owned, &seq))
        if (seq <= upto)
            return true;
    return false;
}

/* Looks at the slots of another member, or at free ones. */
static int32_t look_at_other(struct sq_consumer *c, struct sq_assignment *assignment, sqlite3_stmt *row, bool *open,
                             struct eb_error *err) {
    int64_t owner = sqlite3_column_int64(row, 0);
    bool lives = owner != 0 && sq_member_lives(&c->store, owner, sqlite3_column_int64(row, 2));
    struct sq_owned_slots owned;

    if (!sq_owned_slots_read(&owned, sq_bytes(row, 1)))
        return sq_damaged(&c->store, err, "the slots of a member of group %s cannot be read", c->sub->group);
    if (owner != 0 && !lives) {
        assignment->check = true;
        *open = *open || has_out(&owned, assignment->end);
    }
    return find_unread(c, assignment, &owned.runs, open, err);
}

static int32_t look_at_others(struct sq_consumer *c, struct sq_assignment *assignment, bool *open, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_SHARES);
    int32_t row, status = EB_OK;

    sqlite3_bind_int64(rows, 1, assignment->grp);
    while (status == EB_OK && !*open && (row = sq_row(&c->store, rows, SQ_SHARE_SHAPE, err)) != 0)
        if (row < 0)
            status = row;
        else if (sqlite3_column_int64(rows, 0) != c->member)
            status = look_at_other(c, assignment, rows, open, err);
    sqlite3_reset(rows);
    return status;
}

static int32_t lives(struct sq_consumer *c, int64_t member, bool *does, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(&c->store, SQ_MEMBER_UNTIL);
    int32_t row;

    sqlite3_bind_int64(find, 1, member);
    row = sq_row(&c->store, find, "i", err);
    *does = row > 0 && sq_member_lives(&c->store, member, sqlite3_column_int64(find, 0));
    sqlite3_reset(find);
    return row < 0 ? row : EB_OK;
}

/* Looks at delayed messages of slots that this member does not own: a waiting one is open, one in flight at a live member
 * is not. */
static int32_t look_at_delayed(struct sq_consumer *c, struct sq_assignment *assignment, bool *open, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_HOLD_SEQS);
    uint64_t ours = sq_runs_slots(&assignment->runs);
    int32_t row, status = EB_OK;

    sqlite3_bind_int64(rows, 1, assignment->grp);
    sqlite3_bind_int64(rows, 2, assignment->end);
    while (status == EB_OK && !*open && (row = sq_row(&c->store, rows, "sio", err)) != 0) {
        int64_t holder = row > 0 ? sqlite3_column_int64(rows, 2) : 0;
        bool at_live = false;
        if (row < 0) {
            status = row;
            break;
        }
        if (ours >> sq_note_slot(sqlite3_column_int64(rows, 1)) & 1)
            continue;
        if (holder != 0)
            status = lives(c, holder, &at_live, err);
        *open = !at_live;
    }
    sqlite3_reset(rows);
    return status;
}

static bool ours_is_done(const struct sq_assignment *assignment) {
    return assignment->inflight == NULL && sq_delayed_lowest(&assignment->delayed) > assignment->end &&
           (assignment->runs.n == 0 || assignment->runs.run[0].cursor >= assignment->end);
}

int32_t sq_at_end(struct sq_consumer *c, struct eb_error *err) {
    for (size_t i = 0; i < c->n_assignments; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        bool open = false;
        int32_t status;

        if (assignment->end == 0)
            continue;
        if (!assignment->joined || !ours_is_done(assignment))
            return EB_OK;
        status = look_at_others(c, assignment, &open, err);
        if (status == EB_OK && !open)
            status = look_at_delayed(c, assignment, &open, err);
        if (status != EB_OK)
            return status;
        if (open)
            return EB_OK;
    }
    return EB_END;
}
