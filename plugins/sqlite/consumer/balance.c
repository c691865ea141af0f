/* plugins/sqlite/consumer/balance.c - shares the slots of a group among its live members: each has its part, takes what is free up to
 * it, and gives up what is beyond it once nothing of that is under way. Looking costs a read; only a change costs a
 * transaction. */
#include "consumer/state.h"

#include <stdio.h>
#include <string.h>

#include "store/clock.h"
#include "error.h"
#include "topic/groups.h"
#include "consumer/takeover.h"

enum {
    ASK_BACK_MS = 250,          /* after that the host is asked to give back what keeps us from giving up a slot */
    DEAD_AT_ONCE = 32           /* members taken over in one transaction */
};

/* The members of a group as its rows tell. */
struct picture {
    struct sq_runs freed;       /* slots of nobody */
    unsigned members, rank;     /* live ones, ourselves included; how many of them come before us */
    int64_t strict;             /* the first live one that wants all slots; 0: nobody does */
    bool we_are_there;
    unsigned n_dead;
    int64_t dead[DEAD_AT_ONCE];
    int64_t next, next_until_ms;        /* the live one behind us, or the first of all: the one we watch */
    int64_t first, first_until_ms;
};

static void see_live(struct picture *p, const struct sq_consumer *c, int64_t owner, int64_t until_ms, bool strict) {
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

static int32_t see_row(struct picture *p, const struct sq_consumer *c, sqlite3_stmt *row, struct eb_error *err) {
    int64_t owner = sqlite3_column_int64(row, 0), until_ms = sqlite3_column_int64(row, 2);
    struct sq_state state;

    if (owner == c->member) {
        p->we_are_there = true;
        see_live(p, c, owner, until_ms, c->sub->order == EB_ORDER_STRICT);
    } else if (owner != 0 && sq_member_lives(&c->store, owner, until_ms)) {
        see_live(p, c, owner, until_ms, sqlite3_column_int(row, 3) != 0);
    } else if (owner != 0) {
        if (p->n_dead < DEAD_AT_ONCE)
            p->dead[p->n_dead++] = owner;
    } else {
        if (!sq_state_read(&state, sq_bytes(row, 1)))
            return sq_damaged(&c->store, err, "the free slots of group %s cannot be read", c->sub->group);
        p->freed = state.runs;
    }
    return EB_OK;
}

static int32_t look(struct sq_consumer *c, const struct sq_share *share, struct picture *p, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_SHARES);
    int32_t row, status = EB_OK;

    *p = (struct picture){0};
    sqlite3_bind_int64(rows, 1, share->grp);
    while (status == EB_OK && (row = sq_row(&c->store, rows, SQ_SHARE_SHAPE, err)) != 0)
        status = row < 0 ? row : see_row(p, c, rows, err);
    sqlite3_reset(rows);
    if (p->next == 0) {
        p->next = p->first;
        p->next_until_ms = p->first_until_ms;
    }
    return status;
}

int32_t sq_read_free(struct sq_consumer *c, const struct sq_share *share, struct sq_runs *freed, struct eb_error *err) {
    struct picture p;
    int32_t status = look(c, share, &p, err);

    *freed = p.freed;
    return status;
}

/* Our part: the parts of all live members add up to all slots. */
static unsigned part(const struct sq_consumer *c, const struct picture *p) {
    if (p->strict != 0)
        return p->strict == c->member ? SQ_SLOTS : 0;
    return SQ_SLOTS / p->members + (p->rank < SQ_SLOTS % p->members);
}

/* ---- giving up ---- */

static uint64_t idle_slots(const struct sq_share *share, uint64_t among) {
    uint64_t idle = 0;

    for (unsigned slot = 0; slot < SQ_SLOTS; slot++)
        if (among >> slot & 1 && share->under_way[slot] == 0)
            idle |= (uint64_t)1 << slot;
    return idle;
}

static unsigned least_busy(const struct sq_share *share, uint64_t among) {
    unsigned best = SQ_SLOTS;

    for (unsigned slot = 0; slot < SQ_SLOTS; slot++)
        if (among >> slot & 1 && (best == SQ_SLOTS || share->under_way[slot] < share->under_way[best]))
            best = slot;
    return best;
}

/* Chooses as many to leave as we have beyond our part, those first that are quickest to give up. */
static void choose_leaving(struct sq_share *share, unsigned mine, unsigned want) {
    uint64_t slots = sq_runs_slots(&share->runs), before = share->leaving;
    unsigned beyond = mine > want ? mine - want : 0;

    share->leaving &= slots;
    while (sq_slots_count(share->leaving) > beyond)
        share->leaving &= share->leaving - 1;
    while (sq_slots_count(share->leaving) < beyond)
        share->leaving |= (uint64_t)1 << least_busy(share, slots & ~share->leaving);
    if (share->leaving & ~before)
        share->leaving_since_ms = sq_ticks_ms();
    if (before & ~share->leaving) {                     /* some stay after all */
        share->unread = true;
        share->due_ms = 0;
    }
}

/* What was read of leaving slots and not handed over goes back. */
static bool clear_rows(struct sq_consumer *c, const struct sq_share *share) {
    struct sq_entry *entry = c->rows_line.first;

    c->rows_line.first = NULL;
    for (struct sq_entry *next; entry; entry = next) {
        next = entry->line;
        if (entry->share != share || !(share->leaving >> entry->slot & 1))
            sq_line_append(&c->rows_line, entry);
        else if (!sq_put_back(c, entry))
            return false;
    }
    return true;
}

void sq_ask_back(struct sq_consumer *c, struct sq_share *share) {
    uint64_t tokens[64];
    size_t n = 0;

    if (share->leaving == 0 || sq_ticks_ms() - share->leaving_since_ms < ASK_BACK_MS)
        return;
    for (struct sq_entry *entry = share->entries; entry; entry = entry->next) {
        if (entry->state != SQ_OUT || entry->revoked || !(share->leaving >> entry->slot & 1))
            continue;
        entry->revoked = true;
        tokens[n++] = sq_token(entry);
        if (n == sizeof tokens / sizeof *tokens) {
            c->host->revoke(c->host, tokens, n, (uint32_t)c->settings->lease);
            n = 0;
        }
    }
    if (n > 0)
        c->host->revoke(c->host, tokens, n, (uint32_t)c->settings->lease);
}

/* ---- the change ---- */

/* What the slots will be, beside what they are, until the transaction is through. */
struct change {
    struct sq_runs runs, freed;
    uint64_t given, taken;
};

static bool plan(const struct sq_consumer *c, const struct sq_share *share, const struct picture *p, struct change *to) {
    unsigned mine, want = part(c, p);
    uint64_t free_slots = sq_runs_slots(&p->freed);

    to->runs = share->runs;
    to->freed = p->freed;
    to->given = idle_slots(share, share->leaving);
    to->taken = 0;
    if (!sq_runs_move(&to->runs, to->given, &to->freed))
        return false;
    mine = sq_slots_count(sq_runs_slots(&to->runs));
    for (; mine < want && free_slots != 0; mine++, free_slots &= free_slots - 1)
        to->taken |= free_slots & (0 - free_slots);
    return sq_runs_move(&to->freed, to->taken, &to->runs);
}

/* A stored time is a number like any other that a file may hold: no wait is longer than a verdict can ask for. */
static bool is_possible(int64_t due_ms, int64_t now_ms) {
    return due_ms <= now_ms || due_ms - now_ms <= UINT32_MAX;
}

static void tell_impossible(const struct sq_consumer *c, const struct sq_share *share, int64_t seq) {
    char text[EB_ERROR_ROOM];

    snprintf(text, sizeof text, "topic %s: group %s was to try position %lld again at a time that is too far off to be one, and "
             "perhaps others; they are tried again now", share->name, c->sub->group, (long long)seq);
    c->host->log(c->host, 4, text);
}

static int32_t load_held(struct sq_consumer *c, struct sq_share *share, uint64_t slots, struct eb_error *err) {
    sqlite3_stmt *rows = sq_sql(&c->store, SQ_HOLDS);
    int64_t now_ms = sq_ticks_ms(), last = 0;
    bool told = false;
    int32_t row;

    sqlite3_bind_int64(rows, 1, share->grp);
    while ((row = sq_row(&c->store, rows, "siiiiio", err)) > 0) {
        struct sq_held held = { .seq = sqlite3_column_int64(rows, 0), .slot = (uint32_t)sqlite3_column_int(rows, 1) % SQ_SLOTS,
                                .key = (uint64_t)sqlite3_column_int64(rows, 2),
                                .attempts = (uint32_t)sqlite3_column_int64(rows, 4),
                                .deliveries = (uint32_t)sqlite3_column_int64(rows, 5),
                                .due_ms = sqlite3_column_int64(rows, 3), .stored = true };
        if (held.seq <= last) {
            sqlite3_reset(rows);
            return sq_damaged(&c->store, err, "what group %s holds back is out of order", c->sub->group);
        }
        last = held.seq;
        if (!(slots >> held.slot & 1))
            continue;
        if (!is_possible(held.due_ms, now_ms)) {
            held.due_ms = 0;
            if (!told)
                tell_impossible(c, share, held.seq);
            told = true;
        }
        if (!sq_hold_add(&share->hold, &held)) {
            sqlite3_reset(rows);
            return sq_no_memory(err);
        }
    }
    return row;
}

static int32_t make_change(struct sq_consumer *c, struct sq_share *share, struct change *to, bool *tell,
                           struct eb_error *err) {
    struct picture p;
    int32_t status = look(c, share, &p, err);

    if (status == EB_OK && !p.we_are_there)
        return EB_GONE;
    for (unsigned i = 0; i < p.n_dead && status == EB_OK; i++)
        status = sq_take_over(c, share, p.dead[i], &p.freed, err);
    if (status != EB_OK)
        return status;
    if (!plan(c, share, &p, to))
        return sq_damaged(&c->store, err, "a slot of group %s has two owners", c->sub->group);
    *tell = to->given != 0 || (p.n_dead > 0 && to->freed.n > 0) || p.n_dead == DEAD_AT_ONCE;
    status = sq_write_state(c, share, 0, &to->freed, err);
    if (status == EB_OK)
        status = sq_write_state(c, share, c->member, &to->runs, err);
    return status == EB_OK && to->taken ? load_held(c, share, to->taken, err) : status;
}

static void changed(struct sq_consumer *c, struct sq_share *share, const struct change *to, bool tell) {
    share->runs = to->runs;
    share->leaving &= ~to->given;
    sq_hold_forget(&share->hold, to->given);
    if (to->taken != 0) {
        share->unread = true;
        share->due_ms = 0;
    }
    if (tell)
        sq_side_tell(&c->store.side, sq_side_group_index(c->sub->group));
}

/* EB_GONE: our share was taken over. */
static int32_t transact(struct sq_consumer *c, struct sq_share *share, int64_t until_ms, struct eb_error *err) {
    struct change to = { .taken = 0 };
    bool tell = false;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = make_change(c, share, &to, &tell, err);
    if (status == EB_OK)
        status = sq_commit(&c->store, err);
    else
        sq_rollback(&c->store);
    if (status == EB_OK)
        changed(c, share, &to, tell);
    else
        sq_hold_forget(&share->hold, to.taken);
    return status;
}

static bool needs_change(const struct sq_consumer *c, const struct sq_share *share, const struct picture *p) {
    unsigned mine = sq_slots_count(sq_runs_slots(&share->runs));

    return p->n_dead > 0 || (mine < part(c, p) && p->freed.n > 0) || idle_slots(share, share->leaving) != 0;
}

static void lose(struct sq_consumer *c, struct sq_share *share) {
    sq_lose_share(c, share);
    c->look_for_topics = true;
}

int32_t sq_balance(struct sq_consumer *c, struct sq_share *share, int64_t until_ms, struct eb_error *err) {
    struct picture p;
    int32_t status = look(c, share, &p, err);

    if (status != EB_OK)
        return status;
    if (!p.we_are_there) {
        lose(c, share);
        return EB_OK;
    }
    choose_leaving(share, sq_slots_count(sq_runs_slots(&share->runs)), part(c, &p));
    if (share->leaving && !clear_rows(c, share))
        return sq_no_memory(err);
    share->neighbour = p.next;
    share->neighbour_until_ms = p.next_until_ms;
    if (needs_change(c, share, &p) && share->dirty)
        status = sq_save(c, until_ms, err);             /* what is given up has to be there for the next owner */
    if (status == EB_OK && share->joined && needs_change(c, share, &p))
        status = transact(c, share, until_ms, err);
    if (status == EB_GONE) {
        lose(c, share);
        status = EB_OK;
    }
    if (status == EB_OK && share->joined)
        share->check = p.n_dead == DEAD_AT_ONCE;
    return status;
}

/* ---- watching ---- */

static int32_t is_gone(struct sq_consumer *c, struct sq_share *share, bool *gone, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(&c->store, SQ_MEMBER_UNTIL);
    int32_t row;

    *gone = !sq_side_held(&c->store.side, share->neighbour);
    if (*gone || share->neighbour_until_ms > sq_ticks_ms())
        return EB_OK;
    sqlite3_bind_int64(find, 1, share->neighbour);      /* its lease as we knew it is over: was it renewed? */
    row = sq_row(&c->store, find, "i", err);
    if (row > 0)
        share->neighbour_until_ms = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    *gone = row == 0 || share->neighbour_until_ms <= sq_ticks_ms();
    return row < 0 ? row : EB_OK;
}

int32_t sq_watch(struct sq_consumer *c, struct eb_error *err) {
    for (size_t i = 0; i < c->n_shares; i++) {
        struct sq_share *share = c->shares[i];
        bool gone = false;
        int32_t status = share->joined && share->neighbour != 0 ? is_gone(c, share, &gone, err) : EB_OK;
        if (status != EB_OK)
            return status;
        share->check = share->check || gone;
    }
    return EB_OK;
}
