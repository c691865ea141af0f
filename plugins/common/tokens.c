/* plugins/common/tokens.c - see tokens.h. */
#include "tokens.h"

#include <assert.h>
#include <stdlib.h>

#include "array.h"

struct ebp_token_slot *ebp_token_slot_make(struct ebp_token_table *table, size_t size) {
    struct ebp_token_slot *slot;

    assert(size >= sizeof *slot);
    if (table->n == UINT32_MAX || !EBP_RESERVE(table->slots, table->room, table->n + 1))
        return NULL;
    slot = calloc(1, size);
    if (!slot)
        return NULL;
    slot->number = (uint32_t)table->n;
    return table->slots[table->n++] = slot;
}

void ebp_token_table_free(struct ebp_token_table *table) {
    for (size_t i = 0; i < table->n; i++)
        free(table->slots[i]);
    free(table->slots);
    *table = (struct ebp_token_table){ 0 };
}
