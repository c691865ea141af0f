/* core/consume/verdicts.c - see verdicts.h. */
#include "consume/verdicts.h"

#include <stdlib.h>

bool ebi_verdicts_reserve(struct ebi_verdicts *verdicts, size_t messages) {
    size_t want = verdicts->n + 2 * messages; /* n: those that could not be gathered yet, without memory */

    if (verdicts->room >= want)
        return true;
    size_t room = want < 64 ? 64 : want * 2;
    struct eb_verdict *items = realloc(verdicts->items, room * sizeof *items);
    if (!items)
        return false;
    verdicts->items = items;
    verdicts->room = room;
    return true;
}

size_t ebi_verdicts_take(struct ebi_verdicts *verdicts, struct eb_verdict **items, uint64_t *batch) {
    size_t n = verdicts->n;

    *batch = verdicts->batch;
    *items = NULL;
    if (n == 0)
        return 0;
    struct eb_verdict *fresh = malloc(verdicts->room * sizeof *fresh);
    if (!fresh)
        return 0;
    *items = verdicts->items;
    verdicts->items = fresh;
    verdicts->n = 0;
    verdicts->batch++;
    return n;
}

void ebi_verdicts_free(struct ebi_verdicts *verdicts) {
    free(verdicts->items);
}
