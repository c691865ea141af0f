/* consumer/inflight.c - messages in flight. See state.h. */
#include "consumer/state.h"

#include <string.h>

static size_t hash_of(const struct pl_source *source, const struct pl_position *p) {
    uint64_t hash = (uint64_t)p->ledger * 0x9E3779B97F4A7C15u + (uint64_t)p->entry;

    hash = hash * 0x9E3779B97F4A7C15u + (uint32_t)p->index + ((uintptr_t)source >> 4);
    return (size_t)ebp_hash_mix(hash);
}

static bool is_at(const struct pl_inflight *one, const struct pl_source *source, const struct pl_position *p) {
    return one->source == source && pl_position_compare(&one->position, p) == 0;
}

struct pl_inflight *pl_inflight_find(struct pl_receiving *r, const struct pl_source *source, const struct pl_position *p) {
    struct pl_inflight *one = r->by_id[hash_of(source, p) % PL_BY_ID];

    while (one && !is_at(one, source, p))
        one = one->same_hash;
    return one;
}

struct pl_inflight *pl_inflight_new(struct pl_receiving *r, const struct pl_arrival *arrival, pulsar_message_id_t *id,
                                    const struct pl_position *position) {
    struct pl_inflight *one = (struct pl_inflight *)ebp_token_slot_new(&r->tokens, sizeof *one);
    struct pl_inflight **place = &r->by_id[hash_of(arrival->source, position) % PL_BY_ID];

    if (!one)
        return NULL;
    *one = (struct pl_inflight){ .slot = one->slot,
                                 .source = arrival->source,
                                 .message = arrival->message,
                                 .id = id,
                                 .position = *position,
                                 .bytes = arrival->message ? pulsar_message_get_length(arrival->message) : 0,
                                 .connection = arrival->connection,
                                 .state = PL_WAITING,
                                 .same_hash = *place };
    one->token = ebp_token(&one->slot);
    *place = one;
    r->bytes += one->bytes;
    return one;
}

void pl_inflight_free(struct pl_receiving *r, struct pl_inflight *one) {
    struct pl_inflight **place = &r->by_id[hash_of(one->source, &one->position) % PL_BY_ID];

    while (*place != one)
        place = &(*place)->same_hash;
    *place = one->same_hash;
    r->bytes -= one->bytes;
    if (one->message)
        pulsar_message_free(one->message);
    ebp_bytes_free(&one->copy.bytes);
    pulsar_message_id_free(one->id);
    if (one->again)
        pulsar_message_free(one->again);
    ebp_token_slot_free(&r->tokens, &one->slot);
}

/* ---- lists ---- */

/* Puts it behind `before`; NULL: to the front. */
static void link_behind(struct pl_list *list, struct pl_inflight *before, struct pl_inflight *one) {
    one->earlier = before;
    one->later = before ? before->later : list->first;
    *(before ? &before->later : &list->first) = one;
    *(one->later ? &one->later->earlier : &list->last) = one;
    list->n++;
}

void pl_list_append(struct pl_list *list, struct pl_inflight *one) {
    link_behind(list, list->last, one);
}

void pl_list_insert(struct pl_list *list, struct pl_inflight *one) {
    struct pl_inflight *before = list->last;

    while (before && !(before->source == one->source && pl_position_compare(&before->position, &one->position) < 0))
        before = before->earlier;
    link_behind(list, before, one);
}

void pl_list_remove(struct pl_list *list, struct pl_inflight *one) {
    *(one->earlier ? &one->earlier->later : &list->first) = one->later;
    *(one->later ? &one->later->earlier : &list->last) = one->earlier;
    list->n--;
}

/* ---- acknowledged ones ---- */

void pl_done_add(struct pl_receiving *r, const struct pl_inflight *one) {
    r->done[hash_of(one->source, &one->position) % PL_DONE] = (struct pl_done){ one->source, one->position.ledger,
                                                                                one->position.entry, one->position.index };
}

bool pl_is_done(const struct pl_receiving *r, const struct pl_source *source, const struct pl_position *p) {
    const struct pl_done *done = &r->done[hash_of(source, p) % PL_DONE];

    return done->source == source && done->ledger == p->ledger && done->entry == p->entry && done->index == p->index;
}
