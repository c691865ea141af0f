/* plugins/sqlite/consumer/commit.c - the one transaction of a receive: verdicts, claims, and the lease, all at once. */
#include "consumer/state.h"

#include "store/clock.h"
#include "error.h"

static bool lease_is_due(const struct sq_consumer *c) {
    return c->member != 0 && (c->renew || sq_ticks_ms() - c->renewed_ms >= c->settings->lease / 3);
}

bool sq_needs_save(const struct sq_consumer *c) {
    if (c->decided.first || lease_is_due(c))
        return true;
    for (const struct sq_entry *entry = c->rows_line.first; entry; entry = entry->line)
        if (entry->state == SQ_READ)
            return true;
    return false;
}

/* ---- what is written ---- */

int32_t sq_write_state(struct sq_consumer *c, const struct sq_share *share, int64_t owner, const struct sq_runs *runs,
                       struct eb_error *err) {
    bool own = owner == c->member;
    sqlite3_stmt *set = sq_sql(&c->store, SQ_SHARE_SET);
    int64_t last = 0;
    int32_t status;

    c->state.len = 0;
    if (!sq_state_write(&c->state, runs, own ? share->n_log : 0))
        return sq_no_memory(err);
    for (const struct sq_entry *entry = own ? share->entries : NULL; entry; entry = entry->next)
        if (!entry->held && entry->state != SQ_DECIDED)
            sq_state_write_out(&c->state, entry->seq, &last);
    sqlite3_bind_int64(set, 1, share->grp);
    sqlite3_bind_int64(set, 2, owner);
    sq_bind(set, 3, (struct eb_text){ (const char *)c->state.data, c->state.len });
    status = sq_run(&c->store, set, err);
    return status == EB_OK && sqlite3_changes(c->store.db) == 0 ? EB_GONE : status;
}

static int32_t write_held(struct sq_consumer *c, const struct sq_share *share, const struct sq_held *held,
                          struct eb_error *err) {
    sqlite3_stmt *write = sq_sql(&c->store, held->dirt == SQ_TO_DELETE ? SQ_HOLD_DELETE : SQ_HOLD_SET);

    sqlite3_bind_int64(write, 1, share->grp);
    sqlite3_bind_int64(write, 2, held->seq);
    if (held->dirt == SQ_TO_DELETE)
        return held->stored ? sq_run(&c->store, write, err) : EB_OK;
    sqlite3_bind_int64(write, 3, held->slot);
    sqlite3_bind_int64(write, 4, (int64_t)held->key);
    sqlite3_bind_int64(write, 5, held->due_ms);
    sqlite3_bind_int64(write, 6, held->attempts);
    sqlite3_bind_int64(write, 7, held->deliveries);
    sqlite3_bind_int64(write, 8, held->out ? c->member : 0);
    return sq_run(&c->store, write, err);
}

/* Ours by the row that is written first: whoever takes over deletes it, and nothing of ours is written any more. */
static int32_t write_share(struct sq_consumer *c, struct sq_share *share, struct eb_error *err) {
    int32_t status = sq_write_state(c, share, c->member, &share->runs, err);

    if (status == EB_GONE) {
        share->lost = true;
        return EB_OK;
    }
    for (struct sq_held *held = share->hold.dirty; held && status == EB_OK; held = held->next_dirty)
        status = write_held(c, share, held, err);
    return status;
}

static int32_t renew(struct sq_consumer *c, int64_t now_ms, bool *member_gone, struct eb_error *err) {
    sqlite3_stmt *set = sq_sql(&c->store, SQ_MEMBER_RENEW);
    int32_t status;

    sqlite3_bind_int64(set, 1, c->member);
    sqlite3_bind_int64(set, 2, now_ms + c->settings->lease);
    status = sq_run(&c->store, set, err);
    *member_gone = status == EB_OK && sqlite3_changes(c->store.db) == 0;
    return status;
}

static int32_t write_all(struct sq_consumer *c, bool renewing, int64_t now_ms, bool *member_gone, struct eb_error *err) {
    int32_t status = renewing ? renew(c, now_ms, member_gone, err) : EB_OK;

    for (size_t i = 0; i < c->n_shares && status == EB_OK && !*member_gone; i++)
        if (c->shares[i]->joined && c->shares[i]->dirty)
            status = write_share(c, c->shares[i], err);
    return status;
}

/* ---- what follows from it ---- */

void sq_lose_all(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_shares; i++)
        if (c->shares[i]->joined)
            sq_lose_share(c, c->shares[i]);
    c->look_for_topics = true;
    if (c->member != 0 && c->store.side.map)
        sq_side_drop(&c->store.side, c->member);
    c->member = 0;
}

static void lose_lost(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_shares; i++)
        if (c->shares[i]->lost) {
            sq_lose_share(c, c->shares[i]);
            c->look_for_topics = true;
        }
}

static void became_true(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_shares; i++)
        if (c->shares[i]->dirty) {
            c->shares[i]->dirty = false;
            sq_hold_cleaned(&c->shares[i]->hold);
        }
    for (struct sq_entry *entry = c->rows_line.first; entry; entry = entry->line)
        entry->state = SQ_CLAIMED;
    sq_report_decided(c, EB_OK);
}

int32_t sq_save(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    bool renewing = lease_is_due(c), member_gone = false;
    int64_t now_ms;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    now_ms = sq_ticks_ms();
    status = write_all(c, renewing, now_ms, &member_gone, err);
    if (status == EB_OK)
        status = sq_commit(&c->store, err);
    else
        sq_rollback(&c->store);
    if (status != EB_OK) {
        for (size_t i = 0; i < c->n_shares; i++)
            c->shares[i]->lost = false;                 /* it was not read for good */
        return status;
    }
    if (renewing) {
        c->renewed_ms = now_ms;
        c->renew = false;
    }
    if (member_gone)
        sq_lose_all(c);
    lose_lost(c);
    became_true(c);
    return EB_OK;
}
