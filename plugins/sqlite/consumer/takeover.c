/* plugins/sqlite/consumer/takeover.c - see takeover.h. */
#include "consumer/takeover.h"

#include <assert.h>
#include <eventbus/plugin-help/error.h>

static int32_t insert_delayed(struct sq_consumer *c, const struct sq_assignment *assignment, int64_t seq, int64_t slot,
                              int64_t key, struct eb_error *err) {
    const int64_t due = 0, attempts = 0, deliveries = 1, holder = 0;

    return SQ_RUN(&c->store, SQ_HOLD_SET, err, assignment->grp, seq, slot, key, due, attempts, deliveries, holder);
}

/* A message that was trimmed needs no retry. */
static int32_t delay_inflight(struct sq_consumer *c, const struct sq_assignment *assignment, int64_t seq,
                              struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(&c->store, SQ_MSG_SLOT_KEY);
    int64_t slot = 0, key = 0;
    int32_t row;

    sqlite3_bind_int64(find, 1, sq_id(assignment->topic, seq));
    row = sq_row(&c->store, find, "iB", err);
    if (row > 0) {
        slot = sq_note_slot(sqlite3_column_int64(find, 0));
        key = (int64_t)sq_key_hash(sq_bytes(find, 1));
        sqlite3_reset(find);
    }
    return row > 0 ? insert_delayed(c, assignment, seq, slot, key, err) : row;
}

static int32_t take_slots(struct sq_consumer *c, const struct sq_assignment *assignment, struct eb_text bytes,
                          struct sq_runs *freed, struct eb_error *err) {
    struct sq_owned_slots owned;
    int64_t seq;
    int32_t status = EB_OK;

    if (!sq_owned_slots_read(&owned, bytes))
        return sq_damaged(&c->store, err, "the slots of a member of group %s cannot be read", c->sub->group);
    while (status == EB_OK && sq_owned_slots_next(&owned, &seq))
        status = delay_inflight(c, assignment, seq, err);
    if (status == EB_OK && !sq_runs_move(&owned.runs, SQ_ALL_SLOTS, freed))
        status = sq_damaged(&c->store, err, "a slot of group %s has two owners", c->sub->group);
    return status;
}

static int32_t remove_member(struct sq_consumer *c, int64_t member, struct eb_error *err) {
    sqlite3_stmt *any = sq_sql(&c->store, SQ_SHARE_ANY);
    int32_t row;

    sqlite3_bind_int64(any, 1, member);
    row = sq_step(&c->store, any, err);
    sqlite3_reset(any);
    return row == 0 ? SQ_RUN(&c->store, SQ_MEMBER_DELETE, err, member) : row < 0 ? row : EB_OK;
}

int32_t sq_take_over(struct sq_consumer *c, const struct sq_assignment *assignment, int64_t member, struct sq_runs *freed,
                     struct eb_error *err) {
    sqlite3_stmt *one = sq_sql(&c->store, SQ_SHARE_ONE);
    int32_t status;

    assert(sq_in_transaction(&c->store) && member != c->member);
    sqlite3_bind_int64(one, 1, assignment->grp);
    sqlite3_bind_int64(one, 2, member);
    status = sq_row(&c->store, one, "b", err);
    if (status > 0) {
        status = take_slots(c, assignment, sq_bytes(one, 0), freed, err);
        sqlite3_reset(one);
    }
    if (status == EB_OK)
        status = SQ_RUN(&c->store, SQ_HOLD_DROP_HOLDER, err, assignment->grp, member);
    if (status == EB_OK)
        status = SQ_RUN(&c->store, SQ_SHARE_DELETE, err, assignment->grp, member);
    return status == EB_OK ? remove_member(c, member, err) : status;
}
