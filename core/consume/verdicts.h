/* core/consume/verdicts.h - the verdicts that the plugin is to be given next. */
#ifndef EBI_VERDICTS_H
#define EBI_VERDICTS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

/* Zeroed at first, except batch. */
struct ebi_verdicts {
    struct eb_verdict *items;
    size_t n, room;
    uint64_t batch;   /* number of the batch being gathered, from 1 */
    int64_t first_ms; /* when its first verdict was added */
};
void ebi_verdicts_free(struct ebi_verdicts *);

/* Makes room for the verdicts of so many messages: a final one and an extension for each. It is made when a message comes in, so
 * that no verdict is lost later for want of memory. False: no memory. */
bool ebi_verdicts_reserve(struct ebi_verdicts *, size_t messages);

static inline void ebi_verdicts_add(struct ebi_verdicts *verdicts, uint64_t token, enum eb_verdict_kind kind, uint32_t delay_ms,
                                    int64_t now_ms) {
    assert(verdicts->n < verdicts->room);
    if (verdicts->n == 0)
        verdicts->first_ms = now_ms;
    verdicts->items[verdicts->n++] = (struct eb_verdict){ .token = token, .delay_ms = delay_ms, .kind = kind };
}

/* Takes out all verdicts; *items is the caller's to free. Returns how many; 0: there are none, or there is no memory, and they
 * stay for another time. */
size_t ebi_verdicts_take(struct ebi_verdicts *, struct eb_verdict **items, uint64_t *batch);

#endif
