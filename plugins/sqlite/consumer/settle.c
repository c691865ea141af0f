/* plugins/sqlite/consumer/settle.c - the host's verdicts on messages in flight, what is reported back, and how messages
 * are lost to another member. */
#include "consumer/state.h"

#include <assert.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

/* ---- verdicts ---- */

/* Returns the delayed record of an in-flight message, and makes it if there is none yet. NULL: no memory. */
static struct sq_delayed_message *delayed_of(struct sq_inflight *entry) {
    struct sq_delayed_message msg = { .seq = entry->seq, .key = entry->key, .slot = entry->slot, .deliveries = 1 };

    return entry->delayed ? entry->delayed : sq_delayed_add(&entry->assignment->delayed, &msg);
}

/* The message was not tried: it counts neither as a failure nor as a delivery. */
static bool delay_untried(struct sq_inflight *entry) {
    struct sq_delayed_message *msg = delayed_of(entry);

    if (!msg)
        return false;
    msg->in_flight = false;
    msg->due_ms = 0;
    msg->deliveries -= msg->deliveries > 0;
    sq_delayed_write(&entry->assignment->delayed, msg);
    return true;
}

static bool delay_failed(struct sq_inflight *entry, uint32_t delay_ms) {
    struct sq_delayed_message *msg = delayed_of(entry);

    if (!msg)
        return false;
    msg->in_flight = false;
    msg->attempts++;
    msg->due_ms = ebp_monotonic_ms() + delay_ms;
    sq_delayed_write(&entry->assignment->delayed, msg);
    return true;
}

static bool decide(struct sq_consumer *c, struct sq_inflight *entry, const struct eb_verdict *verdict) {
    bool kept = true;

    assert(entry->state == SQ_DELIVERED && entry->assignment);
    if (verdict->kind == EB_RETRY)
        kept = delay_failed(entry, verdict->delay_ms);
    else if (verdict->kind == EB_RETURN)
        kept = delay_untried(entry);
    else if (entry->delayed)
        sq_delayed_delete(&entry->assignment->delayed, entry->delayed);
    if (!kept)
        return false;
    sq_inflight_uncount(c, entry);
    entry->assignment->dirty = true;
    entry->assignment->due_ms = 0; /* what waited behind it may be delivered */
    entry->delayed = NULL;
    entry->state = SQ_DECIDED;
    sq_inflight_append(&c->decided, entry);
    return true;
}

static void report_gone(struct sq_consumer *c, struct sq_inflight *entry) {
    uint64_t token = ebp_token(&entry->token);

    sq_inflight_uncount(c, entry);
    sq_inflight_remove(c, entry);
    c->host->settled(c->host, &token, 1, EB_GONE);
}

int32_t sq_settle(struct sq_consumer *c, const struct eb_verdict *verdict, struct eb_error *err) {
    struct sq_inflight *entry = sq_inflight_find(c, verdict->token);

    if (verdict->kind == EB_EXTEND)
        c->renew = true;
    else if (entry && entry->state == SQ_LOST)
        report_gone(c, entry);
    else if (entry && entry->state == SQ_DELIVERED && !decide(c, entry, verdict))
        return ebp_no_memory(err);
    return EB_OK; /* an unknown token, or one that has its verdict already, is ignored */
}

void sq_report_decided(struct sq_consumer *c, int32_t status) {
    uint64_t tokens[256];
    size_t n = 0;

    for (struct sq_inflight *entry = c->decided.first, *next; entry; entry = next) {
        next = entry->next_listed;
        assert(entry->state == SQ_DECIDED);
        tokens[n++] = ebp_token(&entry->token);
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
    sq_inflight_uncount(c, entry);
    assignment->dirty = true;
    assignment->due_ms = 0;
    sq_inflight_remove(c, entry);
    return true;
}

/* Tokens for one call of the host. */
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

/* Another member has the message. At the host, it is revoked and stays until its verdict comes. With a verdict that is not saved
 * yet, it is reported as EB_GONE. Not delivered yet, it is forgotten. */
static void lose_entry(struct sq_consumer *c, struct sq_inflight *entry, struct tokens *revoked, struct tokens *gone) {
    struct tokens *list = entry->state == SQ_DELIVERED ? revoked : gone;

    if (list->n == sizeof list->list / sizeof *list->list)
        report(c, list, list == revoked ? SQ_LOST : SQ_DECIDED);
    if (entry->state == SQ_DELIVERED || entry->state == SQ_DECIDED)
        list->list[list->n++] = ebp_token(&entry->token);
    if (entry->state == SQ_DELIVERED) {
        sq_inflight_unlink(entry);
        entry->delayed = NULL;
        entry->state = SQ_LOST;
        return;
    }
    c->settled += entry->state == SQ_DECIDED;
    if (entry->state != SQ_DECIDED)
        sq_inflight_uncount(c, entry);
    sq_inflight_remove(c, entry);
}

void sq_lose_assignment(struct sq_consumer *c, struct sq_assignment *assignment) {
    struct tokens revoked = { .n = 0 }, gone = { .n = 0 };

    remove_from_list(&c->to_deliver, assignment);
    remove_from_list(&c->decided, assignment);
    while (assignment->inflight)
        lose_entry(c, assignment->inflight, &revoked, &gone);
    report(c, &revoked, SQ_LOST);
    report(c, &gone, SQ_DECIDED);
    sq_delayed_free(&assignment->delayed);
    assignment->runs = (struct sq_runs){ 0 };
    assignment->leaving = 0;
    assignment->neighbour = 0;
    assignment->due_ms = INT64_MAX;
    assignment->n_from_log = 0;
    assignment->joined = assignment->dirty = assignment->lost = assignment->check = false;
    assignment->unread = true;
}

void sq_lose_all(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_assignments; i++)
        if (c->assignments[i]->joined)
            sq_lose_assignment(c, c->assignments[i]);
    c->look_for_topics = true;
    if (c->member != 0 && c->store.shm.map)
        sq_shm_unlock_member(&c->store.shm, c->member);
    c->member = 0;
}
