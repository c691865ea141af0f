/* plugins/sqlite/consumer/settle.c - messages under way: their tokens, the host's verdicts on them, and what it is told back. */
#include "consumer/state.h"

#include <stdlib.h>

#include "store/clock.h"
#include "error.h"

/* ---- entries ---- */

uint64_t sq_token(const struct sq_entry *entry) {
    return (uint64_t)entry->generation << 32 | (entry->number + 1);
}

static struct sq_entry *entry_of(const struct sq_consumer *c, uint64_t token) {
    uint64_t number = (token & UINT32_MAX) - 1;
    struct sq_entry *entry = number < c->n_entries ? c->entries[number] : NULL;

    return entry && entry->state != SQ_FREE && sq_token(entry) == token ? entry : NULL;
}

bool sq_room(const struct sq_consumer *c, size_t bytes) {
    bool fits = c->sub->max_bytes == 0 || c->bytes + bytes <= c->sub->max_bytes;

    return c->under_way < c->limit && (fits || c->under_way == 0);
}

static struct sq_entry *make_entry(struct sq_consumer *c) {
    uint32_t room = c->room_entries ? 2 * c->room_entries : 64;
    struct sq_entry *entry, **entries;

    if (c->n_entries == c->room_entries) {
        entries = realloc(c->entries, room * sizeof *entries);
        if (!entries)
            return NULL;
        c->entries = entries;
        c->room_entries = room;
    }
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->number = c->n_entries;
    return c->entries[c->n_entries++] = entry;
}

struct sq_entry *sq_entry_new(struct sq_consumer *c, struct sq_share *share, struct sq_held *held, int64_t seq, uint64_t key,
                              uint32_t slot, size_t bytes) {
    struct sq_entry *entry = c->free_entries;

    if (entry)
        c->free_entries = entry->line;
    else if (!(entry = make_entry(c)))
        return NULL;
    *entry = (struct sq_entry){ .number = entry->number, .generation = entry->generation + 1, .state = SQ_READ, .slot = slot,
                                .seq = seq, .key = key, .bytes = bytes, .share = share, .held = held,
                                .next = share->entries };
    if (share->entries)
        share->entries->previous = entry;
    share->entries = entry;
    share->under_way[slot]++;
    share->n_log += held == NULL;
    c->under_way++;
    c->bytes += bytes;
    sq_line_append(&c->rows_line, entry);
    return entry;
}

/* It no longer counts as one without a verdict. */
static void uncount(struct sq_consumer *c, struct sq_entry *entry) {
    c->under_way--;
    c->bytes -= entry->bytes;
    if (entry->share)
        entry->share->n_log -= entry->held == NULL;
}

static void unlink_entry(struct sq_entry *entry) {
    struct sq_share *share = entry->share;

    if (entry->previous)
        entry->previous->next = entry->next;
    else
        share->entries = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    share->under_way[entry->slot]--;
    if (share->leaving >> entry->slot & 1 && share->under_way[entry->slot] == 0)
        share->check = true;                            /* the slot can be given up */
    entry->share = NULL;
    entry->previous = entry->next = NULL;
}

void sq_entry_free(struct sq_consumer *c, struct sq_entry *entry) {
    if (entry->share)
        unlink_entry(entry);
    entry->state = SQ_FREE;
    entry->line = c->free_entries;
    c->free_entries = entry;
}

void sq_line_append(struct sq_line_of *line, struct sq_entry *entry) {
    if (!line->first)
        line->end = &line->first;
    entry->line = NULL;
    *line->end = entry;
    line->end = &entry->line;
}

void sq_window_free(struct sq_consumer *c) {
    for (uint32_t i = 0; i < c->n_entries; i++)
        free(c->entries[i]);
    free(c->entries);
    sq_buffer_free(&c->rows);
    sq_buffer_free(&c->state);
}

/* ---- verdicts ---- */

/* The held one of an entry; an entry from the log becomes held. NULL: no memory. */
static struct sq_held *hold_entry(struct sq_entry *entry) {
    struct sq_held held = { .seq = entry->seq, .key = entry->key, .slot = entry->slot, .deliveries = 1 };

    return entry->held ? entry->held : sq_hold_add(&entry->share->hold, &held);
}

/* Not tried: neither a failure nor a delivery. */
static bool hold_untried(struct sq_entry *entry) {
    struct sq_held *held = hold_entry(entry);

    if (!held)
        return false;
    held->out = false;
    held->due_ms = 0;
    held->deliveries -= held->deliveries > 0;
    sq_hold_write(&entry->share->hold, held);
    return true;
}

static bool hold_failed(struct sq_entry *entry, uint32_t delay_ms) {
    struct sq_held *held = hold_entry(entry);

    if (!held)
        return false;
    held->out = false;
    held->attempts++;
    held->due_ms = sq_ticks_ms() + delay_ms;
    sq_hold_write(&entry->share->hold, held);
    return true;
}

static bool decide(struct sq_consumer *c, struct sq_entry *entry, const struct eb_verdict *verdict) {
    bool kept = true;

    if (verdict->kind == EB_RETRY)
        kept = hold_failed(entry, verdict->delay_ms);
    else if (verdict->kind == EB_RETURN)
        kept = hold_untried(entry);
    else if (entry->held)
        sq_hold_delete(&entry->share->hold, entry->held);
    if (!kept)
        return false;
    uncount(c, entry);
    entry->share->dirty = true;
    entry->share->due_ms = 0;                           /* what waited behind it may go */
    entry->held = NULL;
    entry->state = SQ_DECIDED;
    sq_line_append(&c->decided, entry);
    return true;
}

static void tell_gone(struct sq_consumer *c, struct sq_entry *entry) {
    uint64_t token = sq_token(entry);

    uncount(c, entry);
    sq_entry_free(c, entry);
    c->host->settled(c->host, &token, 1, EB_GONE);
}

int32_t sq_settle(struct sq_consumer *c, const struct eb_verdict *verdict, struct eb_error *err) {
    struct sq_entry *entry = entry_of(c, verdict->token);

    if (verdict->kind == EB_EXTEND)
        c->renew = true;
    else if (entry && entry->state == SQ_LOST)
        tell_gone(c, entry);
    else if (entry && entry->state == SQ_OUT && !decide(c, entry, verdict))
        return sq_no_memory(err);
    return EB_OK;                                       /* a token that is not out: nobody waits for an answer */
}

void sq_report_decided(struct sq_consumer *c, int32_t status) {
    uint64_t tokens[256];
    size_t n = 0;

    for (struct sq_entry *entry = c->decided.first, *next; entry; entry = next) {
        next = entry->line;
        tokens[n++] = sq_token(entry);
        sq_entry_free(c, entry);
        if (n == sizeof tokens / sizeof *tokens || !next) {
            c->host->settled(c->host, tokens, n, status);
            c->settled += n;
            n = 0;
        }
    }
    c->decided.first = NULL;
}

/* ---- giving back, losing ---- */

static void remove_from_line(struct sq_line_of *line, const struct sq_share *share) {
    struct sq_entry *kept = line->first;

    line->first = NULL;
    for (struct sq_entry *entry = kept, *next; entry; entry = next) {
        next = entry->line;
        if (entry->share != share)
            sq_line_append(line, entry);
    }
}

bool sq_put_back(struct sq_consumer *c, struct sq_entry *entry) {
    struct sq_share *share = entry->share;

    if (!hold_untried(entry))
        return false;
    uncount(c, entry);
    share->dirty = true;
    share->due_ms = 0;
    sq_entry_free(c, entry);
    return true;
}

/* Tokens for one call of the host's. */
struct tokens {
    uint64_t list[256];
    size_t n;
};

static void tell(struct sq_consumer *c, struct tokens *tokens, enum sq_entry_state state) {
    if (tokens->n > 0 && state == SQ_LOST)
        c->host->revoke(c->host, tokens->list, tokens->n, 0);
    else if (tokens->n > 0)
        c->host->settled(c->host, tokens->list, tokens->n, EB_GONE);
    tokens->n = 0;
}

/* What is at the host stays there until it has its verdict; of the others, those that have theirs are told. */
static void lose_entry(struct sq_consumer *c, struct sq_entry *entry, struct tokens *revoked, struct tokens *gone) {
    struct tokens *told = entry->state == SQ_OUT ? revoked : gone;

    if (told->n == sizeof told->list / sizeof *told->list)
        tell(c, told, told == revoked ? SQ_LOST : SQ_DECIDED);
    if (entry->state == SQ_OUT || entry->state == SQ_DECIDED)
        told->list[told->n++] = sq_token(entry);
    if (entry->state == SQ_OUT) {
        unlink_entry(entry);
        entry->held = NULL;
        entry->state = SQ_LOST;
        return;
    }
    c->settled += entry->state == SQ_DECIDED;
    if (entry->state != SQ_DECIDED)
        uncount(c, entry);
    sq_entry_free(c, entry);
}

void sq_lose_share(struct sq_consumer *c, struct sq_share *share) {
    struct tokens revoked = { .n = 0 }, gone = { .n = 0 };

    remove_from_line(&c->rows_line, share);
    remove_from_line(&c->decided, share);
    while (share->entries)
        lose_entry(c, share->entries, &revoked, &gone);
    tell(c, &revoked, SQ_LOST);
    tell(c, &gone, SQ_DECIDED);
    sq_hold_free(&share->hold);
    share->runs = (struct sq_runs){0};
    share->leaving = 0;
    share->neighbour = 0;
    share->due_ms = INT64_MAX;
    share->n_log = 0;
    share->joined = share->dirty = share->lost = share->check = false;
    share->unread = true;
}
