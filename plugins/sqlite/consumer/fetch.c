/* plugins/sqlite/consumer/fetch.c - reads messages that may be delivered now: delayed ones first, then those past the
 * cursors. Reading takes no lock that writers wait for; a message is this member's only once its claim is committed. */
#include "consumer/state.h"

#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

enum {
    ROWS_BYTES = 4 << 20,  /* read for one delivery at most, but always one message */
    ROWS_AT_ONCE = 100000, /* rows passed, those of other members too, before other work gets its turn */
    JUMP_BYTES = 8192,     /* of rows of other members: a page; behind more it pays to search for the next row */
    PICKED = 128
};

static bool fits(const struct sq_consumer *c, size_t bytes) {
    return sq_inflight_fits(c, bytes) && (c->rows.len == 0 || c->rows.len + bytes <= ROWS_BYTES);
}

/* Puts a row in flight. EB_FULL: no room for it now. */
static int32_t take_row(struct sq_consumer *c, struct sq_assignment *assignment, struct sq_delayed_message *msg,
                        const struct sq_row *row, uint64_t key, uint32_t slot, struct eb_error *err) {
    size_t bytes = sq_row_size(row), at;
    struct sq_inflight *entry;

    c->full = !fits(c, bytes);
    if (c->full)
        return EB_FULL;
    if (!sq_row_keep(&c->rows, row, &at))
        return ebp_no_memory(err);
    entry = sq_inflight_add(c, assignment, msg, row->seq, key, slot, bytes);
    if (!entry)
        return ebp_no_memory(err);
    entry->row = at;
    entry->deliveries = msg ? msg->deliveries + 1 : 1;
    entry->attempts = msg ? msg->attempts : 0;
    assignment->dirty = true;
    return EB_OK;
}

/* ---- held ones ---- */

struct picked {
    size_t want, n;
    struct sq_delayed_message *list[PICKED];
};

static bool pick(void *arg, struct sq_delayed_message *msg) {
    struct picked *picked = arg;

    picked->list[picked->n++] = msg;
    return picked->n < picked->want;
}

static int32_t take_delayed(struct sq_consumer *c, struct sq_assignment *assignment, struct sq_delayed_message *msg,
                            struct eb_error *err) {
    sqlite3_stmt *one = sq_sql(&c->store, SQ_MSG_ONE);
    struct sq_row row;
    int32_t status;

    sqlite3_bind_int64(one, 1, sq_id(assignment->topic, msg->seq));
    status = sq_row_of_message(&c->store, one, sq_id(assignment->topic, msg->seq) - 1, &row, err);
    if (status < 0)
        return status;
    if (status == 0) { /* it was trimmed: nothing is left to do */
        sq_delayed_delete(&assignment->delayed, msg);
        assignment->dirty = c->go_on = true;
        return EB_EMPTY;
    }
    status = take_row(c, assignment, msg, &row, msg->key, msg->slot, err);
    sqlite3_reset(one);
    if (status != EB_OK)
        return status;
    msg->in_flight = true;
    msg->deliveries++;
    sq_delayed_write(&assignment->delayed, msg);
    return EB_OK;
}

/* EB_OK; EB_FULL: no more fit; or negative. */
static int32_t fetch_delayed(struct sq_consumer *c, struct sq_assignment *assignment, size_t *want, struct eb_error *err) {
    uint64_t slots = sq_runs_slots(&assignment->runs) & ~assignment->leaving;
    struct picked picked = { .want = *want < PICKED ? *want : PICKED };
    int64_t now_ms = ebp_monotonic_ms();

    if (assignment->delayed.n == 0)
        assignment->due_ms = INT64_MAX;
    if (assignment->due_ms > now_ms)
        return EB_OK;
    assignment->due_ms = sq_delayed_ready(&assignment->delayed, now_ms, slots, pick, &picked);
    for (size_t i = 0; i < picked.n; i++) {
        int32_t status = take_delayed(c, assignment, picked.list[i], err);
        if (status != EB_OK || picked.n == picked.want)
            assignment->due_ms = 0; /* there are more, or some wait behind it */
        if (status < 0 || status == EB_FULL)
            return status;
        *want -= status == EB_OK;
    }
    return EB_OK;
}

/* ---- from the log ---- */

/* Reads one run: slots that were read up to the same cursor. */
struct reading {
    struct sq_consumer *c;
    struct sq_assignment *assignment;
    uint64_t slots;
    int64_t end; /* the last position to read */
    int64_t upto, reached;
    int64_t passed; /* by all runs that were read */
    size_t want;
    bool to_the_end; /* nothing is left to read up to `upto` */
};

/* A later message of a delayed key waits behind the delayed one. */
static int32_t delay_follower(struct reading *r, int64_t seq, uint64_t key, uint32_t slot, struct eb_error *err) {
    struct sq_delayed_message follower = { .seq = seq, .key = key, .slot = slot },
                              *msg = sq_delayed_add(&r->assignment->delayed, &follower);

    if (!msg)
        return ebp_no_memory(err);
    sq_delayed_write(&r->assignment->delayed, msg);
    r->assignment->dirty = true;
    if (r->assignment->delayed.in_slot[slot] >= SQ_DELAYED_MAX_IN_SLOT)
        r->slots &= ~((uint64_t)1 << slot); /* the slot is not read further */
    return EB_OK;
}

/* Looks at a row of this member's slots. EB_OK: go on; EB_FULL: stop before this one; negative. */
static int32_t look_at_row(struct reading *r, const struct sq_row *row, struct eb_error *err) {
    uint32_t slot = sq_note_slot(row->note);
    uint64_t key = sq_key_hash(row->key);
    int32_t status;

    if (sq_delayed_blocks(&r->assignment->delayed, key)) {
        if (r->assignment->delayed.strict)
            return EB_FULL;
        status = delay_follower(r, row->seq, key, slot, err);
    } else {
        status = take_row(r->c, r->assignment, NULL, row, key, slot, err);
        r->want -= status == EB_OK;
    }
    if (status == EB_OK)
        r->reached = row->seq;
    return status;
}

/* Reads on from `reached`. Rows of other slots do not come up. */
static void begin_scan(const struct reading *r, sqlite3_stmt *scan, int64_t upto) {
    sqlite3_reset(scan);
    sqlite3_bind_int64(scan, 1, sq_id(r->assignment->topic, r->reached));
    sqlite3_bind_int64(scan, 2, sq_id(r->assignment->topic, upto));
    sqlite3_bind_int64(scan, 3, (int64_t)r->slots);
}

/* Jumps over rows of other slots which, as the last row notes, are behind it: if they are large, their pages are not even
 * read. */
static bool jumps(struct reading *r, const struct sq_row *row, int64_t upto) {
    int64_t foreign = sq_note_foreign(row->note, r->slots);

    if (foreign * (int64_t)sq_row_size(row) < JUMP_BYTES)
        return false;
    r->reached = r->reached + foreign < upto ? r->reached + foreign : upto;
    return true;
}

/* Passes a part without rows of these slots. A part without any row was trimmed, and perhaps much more behind it. */
static int32_t pass(struct reading *r, int64_t upto, struct eb_error *err) {
    sqlite3_stmt *next = sq_sql(&r->c->store, SQ_MSG_NEXT);
    int64_t seq;
    int32_t row;

    sqlite3_bind_int64(next, 1, sq_id(r->assignment->topic, r->reached));
    sqlite3_bind_int64(next, 2, sq_id(r->assignment->topic, r->upto));
    row = sq_row(&r->c->store, next, "M", err);
    if (row < 0)
        return row;
    seq = sqlite3_column_type(next, 0) == SQLITE_NULL ? r->upto : sq_seq(sqlite3_column_int64(next, 0)) - 1;
    sqlite3_reset(next);
    r->reached = seq > upto ? seq : upto;
    return EB_OK;
}

static int32_t read_run(struct reading *r, struct eb_error *err) {
    sqlite3_stmt *scan = sq_sql(&r->c->store, SQ_MSG_SCAN);
    int64_t most = r->reached + (ROWS_AT_ONCE - r->passed), upto = r->upto < most ? r->upto : most;
    uint64_t slots = r->slots;
    int32_t status = EB_OK;

    begin_scan(r, scan, upto);
    while (status == EB_OK && r->want > 0 && r->slots == slots) {
        struct sq_row row;
        int32_t got = sq_row_of_message(&r->c->store, scan, sq_id(r->assignment->topic, r->reached), &row, err);
        if (got == 0)
            status = pass(r, upto, err);
        if (got <= 0) {
            r->to_the_end = got == 0 && r->reached == r->upto;
            return got < 0 ? got : status;
        }
        status = look_at_row(r, &row, err);
        if (status == EB_OK && r->slots == slots && jumps(r, &row, upto))
            begin_scan(r, scan, upto);
    }
    sqlite3_reset(scan);
    return status < 0 ? status : EB_OK;
}

/* Chooses the slots with the lowest cursor among those that may be read, and how far they are alone. False: all is read. */
static bool lowest(struct reading *r, uint64_t may) {
    const struct sq_runs *runs = &r->assignment->runs;
    unsigned i = 0;

    while (i < runs->n && !(runs->run[i].slots & may))
        i++;
    if (i == runs->n || runs->run[i].cursor >= r->end)
        return false;
    r->slots = runs->run[i].slots & may;
    r->reached = runs->run[i].cursor;
    while (++i < runs->n && !(runs->run[i].slots & may))
        continue;
    r->upto = i < runs->n && runs->run[i].cursor < r->end ? runs->run[i].cursor : r->end;
    return true;
}

static uint64_t readable(const struct sq_assignment *assignment) {
    return sq_runs_slots(&assignment->runs) & ~(assignment->leaving | sq_delayed_full_slots(&assignment->delayed));
}

/* Reads the run with the lowest cursor. EB_OK: there may be more; EB_FULL: not now; EB_END: all is read; or negative. */
static int32_t read_on(struct reading *r, struct eb_error *err) {
    struct sq_assignment *assignment = r->assignment;
    uint64_t slots;
    int64_t from;
    int32_t status;

    if (!lowest(r, readable(assignment)))
        return EB_END;
    slots = r->slots;
    from = r->reached;
    r->to_the_end = false;
    status = read_run(r, err);
    if (r->reached > from) {
        sq_runs_advance(&assignment->runs, slots, r->reached);
        assignment->dirty = true;
        r->passed += r->reached - from;
    }
    if (status != EB_OK)
        return status;
    if (r->to_the_end)
        return r->upto == r->end ? EB_END : EB_OK;
    return r->slots != slots ? EB_OK : EB_FULL; /* a slot is full: the others go on */
}

/* Reads up to the end that was noted for until_end, or to the newest row. */
static int32_t find_end(struct reading *r, struct eb_error *err) {
    sqlite3_stmt *newest = sq_sql(&r->c->store, SQ_TOPIC_NEWEST);
    int64_t id = 0;
    int32_t status = EB_OK;

    r->end = r->assignment->end;
    if (r->end < SQ_SEQ_MAX)
        return EB_OK;
    sqlite3_bind_int64(newest, 1, r->assignment->topic);
    status = sq_number(&r->c->store, SQ_TOPIC_NEWEST, &id, err);
    r->end = sq_seq(id); /* 0: there is no row */
    return status;
}

static int32_t fetch_log(struct sq_consumer *c, struct sq_assignment *assignment, size_t *want, struct eb_error *err) {
    struct reading r = { .c = c, .assignment = assignment, .want = *want };
    int32_t status = assignment->unread ? find_end(&r, err) : EB_OK;

    while (assignment->unread && status == EB_OK && r.want > 0 && r.passed < ROWS_AT_ONCE)
        status = read_on(&r, err);
    if (status == EB_END && readable(assignment) == sq_runs_slots(&assignment->runs))
        assignment->unread = false;
    if (r.passed >= ROWS_AT_ONCE)
        c->go_on = true;
    *want = r.want;
    return status < 0 ? status : EB_OK;
}

/* ---- all ---- */

static int32_t fetch_assignment(struct sq_consumer *c, struct sq_assignment *assignment, size_t *want, struct eb_error *err) {
    int32_t status = fetch_delayed(c, assignment, want, err);

    if (status == EB_OK && *want > 0)
        status = fetch_log(c, assignment, want, err);
    return status < 0 ? status : EB_OK;
}

static bool has_to_wait(const struct sq_inflight *entry) {
    return entry->delayed ? sq_delayed_is_blocked(entry->delayed) : sq_delayed_blocks(&entry->assignment->delayed, entry->key);
}

/* Messages that were read and not delivered are put back if an earlier one of their key was delayed since. */
static bool put_back_blocked(struct sq_consumer *c) {
    struct sq_inflight *entry = c->to_deliver.first;

    c->to_deliver.first = NULL;
    for (struct sq_inflight *next; entry; entry = next) {
        next = entry->next_listed;
        if (!has_to_wait(entry))
            sq_inflight_append(&c->to_deliver, entry);
        else if (!sq_put_back(c, entry))
            return false;
    }
    return true;
}

static int32_t fetch_assignments(struct sq_consumer *c, size_t want, struct eb_error *err) {
    int32_t status = sq_begin_reading(&c->store, err);

    for (size_t i = 0; i < c->n_assignments && want > 0 && status == EB_OK; i++) {
        struct sq_assignment *assignment = c->assignments[(c->turn + i) % c->n_assignments];
        if (assignment->joined)
            status = fetch_assignment(c, assignment, &want, err);
    }
    sq_end_reading(&c->store);
    c->turn++;
    return status;
}

int32_t sq_fetch(struct sq_consumer *c, size_t want, struct eb_error *err) {
    c->full = false;
    if (!put_back_blocked(c))
        return ebp_no_memory(err);
    for (const struct sq_inflight *entry = c->to_deliver.first; entry && want > 0; entry = entry->next_listed)
        want--; /* they were read before and not delivered */
    if (!c->to_deliver.first)
        c->rows.len = 0;
    return fetch_assignments(c, want, err);
}
