/* plugins/sqlite/consumer/balance.c - shares the slots of a group among its live members: each has its part, takes free
 * slots up to it, and gives up slots beyond it once nothing of theirs is in flight. To look costs a read; only a change
 * costs a transaction. */
#include "consumer/state.h"

#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "consumer/takeover.h"
#include "topic/groups.h"

enum {
    ASK_BACK_MS = 250, /* then the host is asked to return what keeps this member from giving up a slot */
    DEAD_AT_ONCE = 32  /* members taken over in one transaction */
};

/* The members of a group, as its rows say. */
struct group_view {
    struct sq_runs freed;   /* slots that nobody owns */
    unsigned members, rank; /* live ones, with this one; how many of them have a lower id */
    int64_t strict;         /* the first live member that wants all slots; 0: none does */
    bool we_are_there;
    unsigned n_dead;
    int64_t dead[DEAD_AT_ONCE];
    int64_t next, next_until_ms; /* the live member with the next higher id, or the first of all: the one to watch */
    int64_t first, first_until_ms;
};

static void see_live(struct group_view *p, const struct sq_consumer *c, int64_t owner, int64_t until_ms, bool strict) {
    p->members++;
    if (strict && p->strict == 0)
        p->strict = owner;
    p->rank += owner < c->member;
    if (owner == c->member)
        return;
    if (p->first == 0) {
        p->first = owner;
        p->first_until_ms = until_ms;
    }
    if (owner > c->member && p->next == 0) {
        p->next = owner;
        p->next_until_ms = until_ms;
    }
}

static int32_t see_row(struct group_view *p, const struct sq_consumer *c, sqlite3_stmt *row, struct eb_error *err) {
    int64_t owner = sqlite3_column_int64(row, 0), until_ms = sqlite3_column_int64(row, 2);
    struct sq_owned_slots state;

    if (owner == c->member) {
        p->we_are_there = true;
        see_live(p, c, owner, until_ms, c->sub->order == EB_ORDER_STRICT);
    } else if (owner != 0 && sq_member_lives(&c->store, owner, until_ms)) {
        see_live(p, c, owner, until_ms, sqlite3_column_int(row, 3) != 0);
    } else if (owner != 0) {
        if (p->n_dead < DEAD_AT_ONCE)
            p->dead[p->n_dead++] = owner;
    } else {
        if (!sq_owned_slots_read(&state, sq_bytes(row, 1)))
            return sq_damaged(&c->store, err, "the free slots of group %s cannot be read", c->sub->group);
        p->freed = state.runs;
    }
    return EB_OK;
}

static int32_t look(struct sq_consumer *c, const struct sq_assignment *assignment, struct group_view *p, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_SHARES);
    int32_t row, status = EB_OK;

    *p = (struct group_view){ 0 };
    sqlite3_bind_int64(rows, 1, assignment->grp);
    while (status == EB_OK && (row = sq_row(&c->store, rows, SQ_SHARE_SHAPE, err)) != 0)
        status = row < 0 ? row : see_row(p, c, rows, err);
    sqlite3_reset(rows);
    if (p->next == 0) {
        p->next = p->first;
        p->next_until_ms = p->first_until_ms;
    }
    return status;
}

int32_t sq_read_free(struct sq_consumer *c, const struct sq_assignment *assignment, struct sq_runs *freed,
                     struct eb_error *err) {
    struct group_view p;
    int32_t status = look(c, assignment, &p, err);

    *freed = p.freed;
    return status;
}

/* How many slots this member should have: the parts of all live members add up to all slots. */
static unsigned part(const struct sq_consumer *c, const struct group_view *p) {
    if (p->strict != 0)
        return p->strict == c->member ? SQ_SLOTS : 0;
    return SQ_SLOTS / p->members + (p->rank < SQ_SLOTS % p->members);
}

/* ---- giving up ---- */

static uint64_t idle_slots(const struct sq_assignment *assignment, uint64_t among) {
    uint64_t idle = 0;

    for (unsigned slot = 0; slot < SQ_SLOTS; slot++)
        if (among >> slot & 1 && assignment->n_inflight[slot] == 0)
            idle |= (uint64_t)1 << slot;
    return idle;
}

static unsigned least_busy(const struct sq_assignment *assignment, uint64_t among) {
    unsigned best = SQ_SLOTS;

    for (unsigned slot = 0; slot < SQ_SLOTS; slot++)
        if (among >> slot & 1 && (best == SQ_SLOTS || assignment->n_inflight[slot] < assignment->n_inflight[best]))
            best = slot;
    return best;
}

/* Chooses which slots leave: as many as the member has beyond its part, first those that are quickest to give up. */
static void choose_leaving(struct sq_assignment *assignment, unsigned mine, unsigned want) {
    uint64_t slots = sq_runs_slots(&assignment->runs), before = assignment->leaving;
    unsigned beyond = mine > want ? mine - want : 0;

    assignment->leaving &= slots;
    while (sq_slots_count(assignment->leaving) > beyond)
        assignment->leaving &= assignment->leaving - 1;
    while (sq_slots_count(assignment->leaving) < beyond)
        assignment->leaving |= (uint64_t)1 << least_busy(assignment, slots & ~assignment->leaving);
    if (assignment->leaving & ~before)
        assignment->leaving_since_ms = ebp_monotonic_ms();
    if (before & ~assignment->leaving) { /* some slots stay after all */
        assignment->unread = true;
        assignment->due_ms = 0;
    }
}

/* Puts back what was read of leaving slots and not delivered. */
static bool put_back_leaving(struct sq_consumer *c, const struct sq_assignment *assignment) {
    struct sq_inflight *entry = c->to_deliver.first;

    c->to_deliver.first = NULL;
    for (struct sq_inflight *next; entry; entry = next) {
        next = entry->next_listed;
        if (entry->assignment != assignment || !(assignment->leaving >> entry->slot & 1))
            sq_inflight_append(&c->to_deliver, entry);
        else if (!sq_put_back(c, entry))
            return false;
    }
    return true;
}

void sq_revoke_leaving(struct sq_consumer *c, struct sq_assignment *assignment) {
    uint64_t tokens[64];
    size_t n = 0;

    if (assignment->leaving == 0 || ebp_monotonic_ms() - assignment->leaving_since_ms < ASK_BACK_MS)
        return;
    for (struct sq_inflight *entry = assignment->inflight; entry; entry = entry->next) {
        if (entry->state != SQ_DELIVERED || entry->revoked || !(assignment->leaving >> entry->slot & 1))
            continue;
        entry->revoked = true;
        tokens[n++] = ebp_token(&entry->token);
        if (n == sizeof tokens / sizeof *tokens) {
            c->host->revoke(c->host, tokens, n, (uint32_t)c->settings->lease);
            n = 0;
        }
    }
    if (n > 0)
        c->host->revoke(c->host, tokens, n, (uint32_t)c->settings->lease);
}

/* ---- the change ---- */

/* The slots as they will be once the transaction is committed. */
struct change {
    struct sq_runs runs, freed;
    uint64_t given, taken;
};

static bool plan(const struct sq_consumer *c, const struct sq_assignment *assignment, const struct group_view *p,
                 struct change *to) {
    unsigned mine, want = part(c, p);
    uint64_t free_slots = sq_runs_slots(&p->freed);

    to->runs = assignment->runs;
    to->freed = p->freed;
    to->given = idle_slots(assignment, assignment->leaving);
    to->taken = 0;
    if (!sq_runs_move(&to->runs, to->given, &to->freed))
        return false;
    mine = sq_slots_count(sq_runs_slots(&to->runs));
    for (; mine < want && free_slots != 0; mine++, free_slots &= free_slots - 1)
        to->taken |= free_slots & (0 - free_slots);
    return sq_runs_move(&to->freed, to->taken, &to->runs);
}

/* The file may hold any number as a time: a wait longer than a verdict can ask for is impossible. */
static bool is_possible(int64_t due_ms, int64_t now_ms) {
    return due_ms <= now_ms || due_ms - now_ms <= UINT32_MAX;
}

static void log_impossible_due(const struct sq_consumer *c, const struct sq_assignment *assignment, int64_t seq) {
    ebp_log(c->host, EBP_LOG_WARNING,
            "topic %s: group %s has an impossible retry time for position %lld, and perhaps for "
            "others; they are retried now",
            assignment->name, c->sub->group, (long long)seq);
}

static int32_t load_delayed(struct sq_consumer *c, struct sq_assignment *assignment, uint64_t slots, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_HOLDS);
    int64_t now_ms = ebp_monotonic_ms(), last = 0;
    bool logged = false;
    int32_t row;

    sqlite3_bind_int64(rows, 1, assignment->grp);
    while ((row = sq_row(&c->store, rows, "siiiiio", err)) > 0) {
        struct sq_delayed_message msg = { .seq = sqlite3_column_int64(rows, 0),
                                          .slot = (uint32_t)sqlite3_column_int(rows, 1) % SQ_SLOTS,
                                          .key = (uint64_t)sqlite3_column_int64(rows, 2),
                                          .attempts = (uint32_t)sqlite3_column_int64(rows, 4),
                                          .deliveries = (uint32_t)sqlite3_column_int64(rows, 5),
                                          .due_ms = sqlite3_column_int64(rows, 3),
                                          .stored = true };
        if (msg.seq <= last) {
            sqlite3_reset(rows);
            return sq_damaged(&c->store, err, "the delayed messages of group %s are out of order", c->sub->group);
        }
        last = msg.seq;
        if (!(slots >> msg.slot & 1))
            continue;
        if (!is_possible(msg.due_ms, now_ms)) {
            msg.due_ms = 0;
            if (!logged)
                log_impossible_due(c, assignment, msg.seq);
            logged = true;
        }
        if (!sq_delayed_add(&assignment->delayed, &msg)) {
            sqlite3_reset(rows);
            return ebp_no_memory(err);
        }
    }
    return row;
}

static int32_t make_change(struct sq_consumer *c, struct sq_assignment *assignment, struct change *to, bool *notify,
                           struct eb_error *err) {
    struct group_view p;
    int32_t status = look(c, assignment, &p, err);

    if (status == EB_OK && !p.we_are_there)
        return EB_GONE;
    for (unsigned i = 0; i < p.n_dead && status == EB_OK; i++)
        status = sq_take_over(c, assignment, p.dead[i], &p.freed, err);
    if (status != EB_OK)
        return status;
    if (!plan(c, assignment, &p, to))
        return sq_damaged(&c->store, err, "a slot of group %s has two owners", c->sub->group);
    *notify = to->given != 0 || (p.n_dead > 0 && to->freed.n > 0) || p.n_dead == DEAD_AT_ONCE;
    status = sq_write_owned_slots(c, assignment, 0, &to->freed, err);
    if (status == EB_OK)
        status = sq_write_owned_slots(c, assignment, c->member, &to->runs, err);
    return status == EB_OK && to->taken ? load_delayed(c, assignment, to->taken, err) : status;
}

static void changed(struct sq_consumer *c, struct sq_assignment *assignment, const struct change *to, bool notify) {
    assignment->runs = to->runs;
    assignment->leaving &= ~to->given;
    sq_delayed_forget(&assignment->delayed, to->given);
    if (to->taken != 0) {
        assignment->unread = true;
        assignment->due_ms = 0;
    }
    if (notify)
        sq_shm_notify(&c->store.shm, sq_shm_group_index(c->sub->group));
}

/* EB_GONE: another member took this one's slots over. */
static int32_t transact(struct sq_consumer *c, struct sq_assignment *assignment, int64_t until_ms, struct eb_error *err) {
    struct change to = { .taken = 0 };
    bool notify = false;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = sq_end(&c->store, make_change(c, assignment, &to, &notify, err), err);
    if (status == EB_OK)
        changed(c, assignment, &to, notify);
    else
        sq_delayed_forget(&assignment->delayed, to.taken);
    return status;
}

static bool needs_change(const struct sq_consumer *c, const struct sq_assignment *assignment, const struct group_view *p) {
    unsigned mine = sq_slots_count(sq_runs_slots(&assignment->runs));

    return p->n_dead > 0 || (mine < part(c, p) && p->freed.n > 0) || idle_slots(assignment, assignment->leaving) != 0;
}

static void lose(struct sq_consumer *c, struct sq_assignment *assignment) {
    sq_lose_assignment(c, assignment);
    c->look_for_topics = true;
}

int32_t sq_balance(struct sq_consumer *c, struct sq_assignment *assignment, int64_t until_ms, struct eb_error *err) {
    struct group_view p;
    int32_t status = look(c, assignment, &p, err);

    if (status != EB_OK)
        return status;
    if (!p.we_are_there) {
        lose(c, assignment);
        return EB_OK;
    }
    choose_leaving(assignment, sq_slots_count(sq_runs_slots(&assignment->runs)), part(c, &p));
    if (assignment->leaving && !put_back_leaving(c, assignment))
        return ebp_no_memory(err);
    assignment->neighbour = p.next;
    assignment->neighbour_until_ms = p.next_until_ms;
    if (needs_change(c, assignment, &p) && assignment->dirty)
        status = sq_consumer_commit(c, until_ms, err); /* what is given up must be saved for the next owner */
    if (status == EB_OK && assignment->joined && needs_change(c, assignment, &p))
        status = transact(c, assignment, until_ms, err);
    if (status == EB_GONE) {
        lose(c, assignment);
        status = EB_OK;
    }
    if (status == EB_OK && assignment->joined)
        assignment->check = p.n_dead == DEAD_AT_ONCE;
    return status;
}

/* ---- watching ---- */

static int32_t is_gone(struct sq_consumer *c, struct sq_assignment *assignment, bool *gone, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(&c->store, SQ_MEMBER_UNTIL);
    int32_t row;

    *gone = !sq_shm_member_is_locked(&c->store.shm, assignment->neighbour);
    if (*gone || assignment->neighbour_until_ms > ebp_monotonic_ms())
        return EB_OK;
    sqlite3_bind_int64(find, 1, assignment->neighbour); /* the lease as it was last read is over: was it renewed? */
    row = sq_row(&c->store, find, "i", err);
    if (row > 0)
        assignment->neighbour_until_ms = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    *gone = row == 0 || assignment->neighbour_until_ms <= ebp_monotonic_ms();
    return row < 0 ? row : EB_OK;
}

int32_t sq_watch(struct sq_consumer *c, struct eb_error *err) {
    for (size_t i = 0; i < c->n_assignments; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        bool gone = false;
        int32_t status = assignment->joined && assignment->neighbour != 0 ? is_gone(c, assignment, &gone, err) : EB_OK;
        if (status != EB_OK)
            return status;
        assignment->check = assignment->check || gone;
    }
    return EB_OK;
}
