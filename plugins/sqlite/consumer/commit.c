/* plugins/sqlite/consumer/commit.c - the one transaction of a receive: verdicts, claims, and the lease, all at once. */
#include "consumer/state.h"

#include <assert.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

static bool lease_is_due(const struct sq_consumer *c) {
    return c->member != 0 && (c->renew || ebp_monotonic_ms() - c->renewed_ms >= c->settings->lease / 3);
}

bool sq_consumer_needs_commit(const struct sq_consumer *c) {
    if (c->decided.first || lease_is_due(c))
        return true;
    for (const struct sq_inflight *entry = c->to_deliver.first; entry; entry = entry->next_listed)
        if (entry->state == SQ_READ)
            return true;
    return false;
}

/* ---- what is written ---- */

int32_t sq_write_owned_slots(struct sq_consumer *c, const struct sq_assignment *assignment, int64_t owner,
                             const struct sq_runs *runs, struct eb_error *err) {
    bool own = owner == c->member;
    sqlite3_stmt *set = sq_sql(&c->store, SQ_SHARE_SET);
    int64_t last = 0;
    int32_t status;

    c->state.len = 0;
    if (!sq_owned_slots_write(&c->state, runs, own ? assignment->n_from_log : 0))
        return ebp_no_memory(err);
    for (const struct sq_inflight *entry = own ? assignment->inflight : NULL; entry; entry = entry->next)
        if (!entry->delayed && entry->state != SQ_DECIDED)
            sq_owned_slots_write_inflight(&c->state, entry->seq, &last);
    sqlite3_bind_int64(set, 1, assignment->grp);
    sqlite3_bind_int64(set, 2, owner);
    sq_bind(set, 3, (struct eb_text){ (const char *)c->state.data, c->state.len });
    status = sq_run(&c->store, set, err);
    return status == EB_OK && sqlite3_changes(c->store.db) == 0 ? EB_GONE : status;
}

static int32_t write_delayed(struct sq_consumer *c, const struct sq_assignment *assignment,
                             const struct sq_delayed_message *msg, struct eb_error *err) {
    int64_t holder = msg->in_flight ? c->member : 0;

    if (msg->change == SQ_TO_DELETE)
        return msg->stored ? SQ_RUN(&c->store, SQ_HOLD_DELETE, err, assignment->grp, msg->seq) : EB_OK;
    return SQ_RUN(&c->store, SQ_HOLD_SET, err, assignment->grp, msg->seq, msg->slot, (int64_t)msg->key, msg->due_ms,
                  msg->attempts, msg->deliveries, holder);
}

/* The row of owned slots is written first: a member that takes over deletes it, and then nothing of this assignment is
 * written. */
static int32_t write_assignment(struct sq_consumer *c, struct sq_assignment *assignment, struct eb_error *err) {
    int32_t status = sq_write_owned_slots(c, assignment, c->member, &assignment->runs, err);

    if (status == EB_GONE) {
        assignment->lost = true;
        return EB_OK;
    }
    for (struct sq_delayed_message *msg = assignment->delayed.dirty; msg && status == EB_OK; msg = msg->next_dirty)
        status = write_delayed(c, assignment, msg, err);
    return status;
}

static int32_t renew(struct sq_consumer *c, int64_t now_ms, bool *member_gone, struct eb_error *err) {
    int32_t status = SQ_RUN(&c->store, SQ_MEMBER_RENEW, err, c->member, now_ms + c->settings->lease);

    *member_gone = status == EB_OK && sqlite3_changes(c->store.db) == 0;
    return status;
}

static int32_t write_all(struct sq_consumer *c, bool renewing, int64_t now_ms, bool *member_gone, struct eb_error *err) {
    int32_t status = renewing ? renew(c, now_ms, member_gone, err) : EB_OK;

    for (size_t i = 0; i < c->n_assignments && status == EB_OK && !*member_gone; i++)
        if (c->assignments[i]->joined && c->assignments[i]->dirty)
            status = write_assignment(c, c->assignments[i], err);
    return status;
}

/* ---- what follows from it ---- */

static void lose_lost(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_assignments; i++)
        if (c->assignments[i]->lost) {
            sq_lose_assignment(c, c->assignments[i]);
            c->look_for_topics = true;
        }
}

static void after_commit(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_assignments; i++)
        if (c->assignments[i]->dirty) {
            c->assignments[i]->dirty = false;
            sq_delayed_saved(&c->assignments[i]->delayed);
        }
    for (struct sq_inflight *entry = c->to_deliver.first; entry; entry = entry->next_listed) {
        assert(entry->state == SQ_READ || entry->state == SQ_CLAIMED);
        entry->state = SQ_CLAIMED;
    }
    sq_report_decided(c, EB_OK);
}

int32_t sq_consumer_commit(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    bool renewing = lease_is_due(c), member_gone = false;
    int64_t now_ms;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    now_ms = ebp_monotonic_ms();
    status = sq_end(&c->store, write_all(c, renewing, now_ms, &member_gone, err), err);
    if (status != EB_OK) {
        for (size_t i = 0; i < c->n_assignments; i++)
            c->assignments[i]->lost = false; /* the transaction that saw it lost was rolled back */
        return status;
    }
    if (renewing) {
        c->renewed_ms = now_ms;
        c->renew = false;
    }
    if (member_gone)
        sq_lose_all(c);
    lose_lost(c);
    after_commit(c);
    return EB_OK;
}
