/* core/base/timers.h - what waits for a time, the earliest first: a pairing heap. Its links are part of what waits, so that nothing is
 * allocated and nothing can fail. Each operation takes amortized logarithmic time. No threads of its own. */
#ifndef EBI_TIMERS_H
#define EBI_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of what waits; zeroed before its first use. */
struct ebi_timer {
    int64_t at_ms;
    bool set;                /* whether it is in a heap */
    struct ebi_timer *child; /* the first of those below it */
    struct ebi_timer *next;  /* beside it, below the same */
    struct ebi_timer *prev;  /* beside it; of the first child: the parent */
};

struct ebi_timers {
    struct ebi_timer *first; /* the earliest; NULL: none */
};

/* The timer must not be set. */
void ebi_timers_add(struct ebi_timers *, struct ebi_timer *, int64_t at_ms);

/* Does nothing to a timer that is not set; a timer that is set must be in this heap. */
void ebi_timers_remove(struct ebi_timers *, struct ebi_timer *);

/* Removes the earliest, if its time has come; NULL: none. */
struct ebi_timer *ebi_timers_take_due(struct ebi_timers *, int64_t now_ms);

/* The struct that a timer is part of. */
#define EBI_TIMER_OF(timer, type, member) ((type *)(void *)((char *)(timer)-offsetof(type, member)))

#endif
