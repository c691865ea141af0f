/* plugins/sqlite/consumer/inflight.c - the consumer's messages in flight: their tokens, counts and lists. */
#include "consumer/state.h"

#include <assert.h>
#include <utlist.h>

bool sq_inflight_fits(const struct sq_consumer *c, size_t bytes) {
    bool fits = c->sub->max_bytes == 0 || c->bytes + bytes <= c->sub->max_bytes;

    return c->n_inflight < c->limit && (fits || c->n_inflight == 0);
}

struct sq_inflight *sq_inflight_add(struct sq_consumer *c, struct sq_assignment *assignment, struct sq_delayed_message *msg,
                                    int64_t seq, uint64_t key, uint32_t slot, size_t bytes) {
    struct sq_inflight *entry = (struct sq_inflight *)ebp_token_slot_new(&c->tokens, sizeof *entry);

    if (!entry)
        return NULL;
    *entry = (struct sq_inflight){ .token = entry->token,
                                   .state = SQ_READ,
                                   .slot = slot,
                                   .seq = seq,
                                   .key = key,
                                   .bytes = bytes,
                                   .assignment = assignment,
                                   .delayed = msg };
    DL_PREPEND(assignment->inflight, entry);
    assignment->n_inflight[slot]++;
    assignment->n_from_log += msg == NULL;
    c->n_inflight++;
    c->bytes += bytes;
    sq_inflight_append(&c->to_deliver, entry);
    return entry;
}

struct sq_inflight *sq_inflight_find(const struct sq_consumer *c, uint64_t token) {
    return (struct sq_inflight *)ebp_token_find(&c->tokens, token);
}

void sq_inflight_uncount(struct sq_consumer *c, struct sq_inflight *entry) {
    assert(c->n_inflight > 0 && c->bytes >= entry->bytes);
    c->n_inflight--;
    c->bytes -= entry->bytes;
    if (entry->assignment)
        entry->assignment->n_from_log -= entry->delayed == NULL;
}

void sq_inflight_unlink(struct sq_inflight *entry) {
    struct sq_assignment *assignment = entry->assignment;

    DL_DELETE(assignment->inflight, entry);
    assignment->n_inflight[entry->slot]--;
    if (assignment->leaving >> entry->slot & 1 && assignment->n_inflight[entry->slot] == 0)
        assignment->check = true; /* the slot can be given up */
    entry->assignment = NULL;
}

void sq_inflight_remove(struct sq_consumer *c, struct sq_inflight *entry) {
    if (entry->assignment)
        sq_inflight_unlink(entry);
    ebp_token_slot_free(&c->tokens, &entry->token);
}

void sq_inflight_append(struct sq_inflight_list *list, struct sq_inflight *entry) {
    if (!list->first)
        list->end = &list->first;
    entry->next_listed = NULL;
    *list->end = entry;
    list->end = &entry->next_listed;
}

void sq_inflight_free(struct sq_consumer *c) {
    ebp_token_table_free(&c->tokens);
    ebp_bytes_free(&c->rows);
    ebp_bytes_free(&c->state);
}
