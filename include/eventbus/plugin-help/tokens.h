/* eventbus/plugin-help/tokens.h - the messages in flight of a consumer, found by the token that the host was given.
 *
 * A record keeps its address and its number as long as the table lives; each use of it has another generation, so that the
 * token of an earlier use is noticed. The record's struct begins with a struct ebp_token_slot:
 *
 *     struct inflight { struct ebp_token_slot slot; ... };
 *
 *     struct inflight *one = (struct inflight *)ebp_token_slot_new(&table, sizeof *one);
 *     if (one)
 *         *one = (struct inflight){ .slot = one->slot, ... };      // what stands in it is from an earlier use
 *
 * One thread's. */
#ifndef EBP_TOKENS_H
#define EBP_TOKENS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>

struct ebp_token_slot {
    uint32_t number, generation;
    struct ebp_token_slot *next_free;
};

/* Zeroed: empty. */
struct ebp_token_table {
    struct ebp_token_slot **slots; /* all, by number */
    size_t n, room;
    struct ebp_token_slot *free;
};

/* A zeroed record of that many bytes with a new slot; the slow way of ebp_token_slot_new. */
static inline struct ebp_token_slot *ebp_token_slot_make(struct ebp_token_table *table, size_t size) {
    struct ebp_token_slot *slot;

    assert(size >= sizeof *slot);
    if (table->n == UINT32_MAX || !EBP_RESERVE(table->slots, table->room, table->n + 1))
        return NULL;
    slot = (struct ebp_token_slot *)calloc(1, size);
    if (!slot)
        return NULL;
    slot->number = (uint32_t)table->n;
    return table->slots[table->n++] = slot;
}

/* Returns a record, the one that was freed last if there is one. The size is the same in each call. NULL: no memory. */
static inline struct ebp_token_slot *ebp_token_slot_new(struct ebp_token_table *table, size_t size) {
    struct ebp_token_slot *slot = table->free;

    if (!slot)
        return ebp_token_slot_make(table, size);
    table->free = slot->next_free;
    return slot;
}

/* Ends this use of the record. Its token is unknown from here on, and the memory stays the table's. */
static inline void ebp_token_slot_free(struct ebp_token_table *table, struct ebp_token_slot *slot) {
    slot->generation++;
    slot->next_free = table->free;
    table->free = slot;
}

/* The token of this use; never 0. */
static inline uint64_t ebp_token(const struct ebp_token_slot *slot) {
    return (uint64_t)slot->generation << 32 | (slot->number + 1);
}

/* The record that has this token now; NULL: none, it was freed or never given out. */
static inline struct ebp_token_slot *ebp_token_find(const struct ebp_token_table *table, uint64_t token) {
    size_t number = (size_t)(uint32_t)token - 1; /* 0 becomes larger than any */
    struct ebp_token_slot *slot = number < table->n ? table->slots[number] : NULL;

    return slot && slot->generation == token >> 32 ? slot : NULL;
}

/* Frees all records, those in use too. */
static inline void ebp_token_table_free(struct ebp_token_table *table) {
    for (size_t i = 0; i < table->n; i++)
        free(table->slots[i]);
    free(table->slots);
    memset(table, 0, sizeof *table);
}

#endif
