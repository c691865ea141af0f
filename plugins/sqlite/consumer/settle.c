/* plugins/sqlite/consumer/settle.c - messages under way: their tokens, the host's verdicts on them, and what it is told back. */
#include "consumer/state.h"

#include <stdlib.h>

#include "store/clock.h"
#include "error.h"

/* ---- entries ---- */

uint64_t sq_token(const struct sq_inflight *entry) {
    return (uint64_t)entry->generation << 32 | (entry->number + 1);
}

static struct sq_inflight *entry_of(const struct sq_consumer *c, uint64_t token) {
    uint64_t number = (token & UINT32_MAX) - 1;
    struct sq_inflight *entry = number < c->n_entries ? c->entries[number] : NULL;

    return entry && entry->state != SQ_FREE && sq_token(entry) == token ? entry : NULL;
}

bool sq_inflight_fits(const struct sq_consumer *c, size_t bytes) {
    bool fits = c->sub->max_bytes == 0 || c->bytes + bytes <= c->sub->max_bytes;

    return c->n_inflight < c->limit && (fits || c->n_inflight == 0);
}

static struct sq_inflight *make_entry(struct sq_consumer *c) {
    uint32_t room = c->room_entries ? 2 * c->room_entries : 64;
    struct sq_inflight *entry, **entries;

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

struct sq_inflight *sq_inflight_add(struct sq_consumer *c, struct sq_assignment *assignment, struct sq_delayed_message *msg, int64_t seq, uint64_t key,
                              uint32_t slot, size_t bytes) {
    struct sq_inflight *entry = c->free_entries;

    if (entry)
        c->free_entries = entry->next_listed;
    else if (!(entry = make_entry(c)))
        return NULL;
    *entry = (struct sq_inflight){ .number = entry->number, .generation = entry->generation + 1, .state = SQ_READ, .slot = slot,
                                .seq = seq, .key = key, .bytes = bytes, .assignment = assignment, .delayed = msg,
                                .next = assignment->entries };
    if (assignment->entries)
        assignment->entries->previous = entry;
    assignment->entries = entry;
    assignment->n_inflight[slot]++;
    assignment->n_from_log += msg == NULL;
    c->n_inflight++;
    c->bytes += bytes;
    sq_inflight_append(&c->to_deliver, entry);
    return entry;
}

/* It no longer counts as one without a verdict. */
static void uncount(struct sq_consumer *c, struct sq_inflight *entry) {
    c->n_inflight--;
    c->bytes -= entry->bytes;
    if (entry->assignment)
        entry->assignment->n_from_log -= entry->delayed == NULL;
}

static void unlink_entry(struct sq_inflight *entry) {
    struct sq_assignment *assignment = entry->assignment;

    if (entry->previous)
        entry->previous->next = entry->next;
    else
        assignment->entries = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    assignment->n_inflight[entry->slot]--;
    if (assignment->leaving >> entry->slot & 1 && assignment->n_inflight[entry->slot] == 0)
        assignment->check = true;                            /* the slot can be given up */
    entry->assignment = NULL;
    entry->previous = entry->next = NULL;
}

void sq_inflight_remove(struct sq_consumer *c, struct sq_inflight *entry) {
    if (entry->assignment)
        unlink_entry(entry);
    entry->state = SQ_FREE;
    entry->next_listed = c->free_entries;
    c->free_entries = entry;
}

void sq_inflight_append(struct sq_inflight_list *list, struct sq_inflight *entry) {
    if (!list->first)
        list->end = &list->first;
    entry->next_listed = NULL;
    *list->end = entry;
    list->end = &entry->next_listed;
}

void sq_inflight_free(struct sq_consumer *c) {
    for (uint32_t i = 0; i < c->n_entries; i++)
        free(c->entries[i]);
    free(c->entries);
    sq_buffer_free(&c->rows);
    sq_buffer_free(&c->state);
}

/* ---- verdicts ---- */

/* The held one of an entry; an entry from the log becomes held. NULL: no memory. */
static struct sq_delayed_message *delayed_of(struct sq_inflight *entry) {
    struct sq_delayed_message msg = { .seq = entry->seq, .key = entry->key, .slot = entry->slot, .deliveries = 1 };

    return entry->delayed ? entry->delayed : sq_delayed_add(&entry->assignment->delayed, &msg);
}

/* Not tried: neither a failure nor a delivery. */
static bool delay_untried(struct sq_inflight *entry) {
    struct sq_delayed_message *msg = delayed_of(entry);

    if (!msg)
        return false;
    msg->out = false;
    msg->due_ms = 0;
    msg->deliveries -= msg->deliveries > 0;
    sq_delayed_write(&entry->assignment->delayed, msg);
    return true;
}

static bool delay_failed(struct sq_inflight *entry, uint32_t delay_ms) {
    struct sq_delayed_message *msg = delayed_of(entry);

    if (!msg)
        return false;
    msg->out = false;
    msg->attempts++;
    msg->due_ms = sq_ticks_ms() + delay_ms;
    sq_delayed_write(&entry->assignment->delayed, msg);
    return true;
}

static bool decide(struct sq_consumer *c, struct sq_inflight *entry, const struct eb_verdict *verdict) {
    bool kept = true;

    if (verdict->kind == EB_RETRY)
        kept = delay_failed(entry, verdict->delay_ms);
    else if (verdict->kind == EB_RETURN)
        kept = delay_untried(entry);
    else if (entry->delayed)
        sq_delayed_delete(&entry->assignment->delayed, entry->delayed);
    if (!kept)
        return false;
    uncount(c, entry);
    entry->assignment->dirty = true;
    entry->assignment->due_ms = 0;                           /* what waited behind it may go */
    entry->delayed = NULL;
    entry->state = SQ_DECIDED;
    sq_inflight_append(&c->decided, entry);
    return true;
}

static void report_gone(struct sq_consumer *c, struct sq_inflight *entry) {
    uint64_t token = sq_token(entry);

    uncount(c, entry);
    sq_inflight_remove(c, entry);
    c->host->settled(c->host, &token, 1, EB_GONE);
}

int32_t sq_settle(struct sq_consumer *c, const struct eb_verdict *verdict, struct eb_error *err) {
    struct sq_inflight *entry = entry_of(c, verdict->token);

    if (verdict->kind == EB_EXTEND)
        c->renew = true;
    else if (entry && entry->state == SQ_LOST)
        report_gone(c, entry);
    else if (entry && entry->state == SQ_OUT && !decide(c, entry, verdict))
        return sq_no_memory(err);
    return EB_OK;                                       /* a token that is not out: nobody waits for an answer */
}

void sq_report_decided(struct sq_consumer *c, int32_t status) {
    uint64_t tokens[256];
    size_t n = 0;

    for (struct sq_inflight *entry = c->decided.first, *next; entry; entry = next) {
        next = entry->next_listed;
        tokens[n++] = sq_token(entry);
        sq_inflight_remove(c, entry);
        if (n == sizeof tokens / sizeof *tokens || !next) {
            c->host->settled(c->host, tokens, n, status);
            c->settled += n;
            n = 0;
        }
    }
    c->decided.first = NULL;
}

/* ---- giving back, losing ---- */

static void remove_from_list(struct sq_inflight_list *list, const struct sq_assignment *assignment) {
    struct sq_inflight *kept = list->first;

    list->first = NULL;
    for (struct sq_inflight *entry = kept, *next; entry; entry = next) {
        next = entry->next_listed;
        if (entry->assignment != assignment)
            sq_inflight_append(list, entry);
    }
}

bool sq_put_back(struct sq_consumer *c, struct sq_inflight *entry) {
    struct sq_assignment *assignment = entry->assignment;

    if (!delay_untried(entry))
        return false;
    uncount(c, entry);
    assignment->dirty = true;
    assignment->due_ms = 0;
    sq_inflight_remove(c, entry);
    return true;
}

/* Tokens for one call of the host's. */
struct tokens {
    uint64_t list[256];
    size_t n;
};

static void report(struct sq_consumer *c, struct tokens *tokens, enum sq_inflight_state state) {
    if (tokens->n > 0 && state == SQ_LOST)
        c->host->revoke(c->host, tokens->list, tokens->n, 0);
    else if (tokens->n > 0)
        c->host->settled(c->host, tokens->list, tokens->n, EB_GONE);
    tokens->n = 0;
}

/* What is at the host stays there until it has its verdict; of the others, those that have theirs are told. */
static void lose_entry(struct sq_consumer *c, struct sq_inflight *entry, struct tokens *revoked, struct tokens *gone) {
    struct tokens *list = entry->state == SQ_OUT ? revoked : gone;

    if (list->n == sizeof list->list / sizeof *list->list)
        report(c, list, list == revoked ? SQ_LOST : SQ_DECIDED);
    if (entry->state == SQ_OUT || entry->state == SQ_DECIDED)
        list->list[list->n++] = sq_token(entry);
    if (entry->state == SQ_OUT) {
        unlink_entry(entry);
        entry->delayed = NULL;
        entry->state = SQ_LOST;
        return;
    }
    c->settled += entry->state == SQ_DECIDED;
    if (entry->state != SQ_DECIDED)
        uncount(c, entry);
    sq_inflight_remove(c, entry);
}

void sq_lose_assignment(struct sq_consumer *c, struct sq_assignment *assignment) {
    struct tokens revoked = { .n = 0 }, gone = { .n = 0 };

    remove_from_list(&c->to_deliver, assignment);
    remove_from_list(&c->decided, assignment);
    while (assignment->entries)
        lose_entry(c, assignment->entries, &revoked, &gone);
    report(c, &revoked, SQ_LOST);
    report(c, &gone, SQ_DECIDED);
    sq_delayed_free(&assignment->delayed);
    assignment->runs = (struct sq_runs){0};
    assignment->leaving = 0;
    assignment->neighbour = 0;
    assignment->due_ms = INT64_MAX;
    assignment->n_from_log = 0;
    assignment->joined = assignment->dirty = assignment->lost = assignment->check = false;
    assignment->unread = true;
}
