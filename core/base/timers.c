/* core/base/timers.c - see timers.h. */
#include "base/timers.h"

/* Joins two heaps, neither of which has neighbours: the later one becomes the first child of the earlier one. */
static struct ebi_timer *join(struct ebi_timer *a, struct ebi_timer *b) {
    if (!a || !b)
        return a ? a : b;
    if (b->at_ms < a->at_ms) {
        struct ebi_timer *earlier = b;

        b = a;
        a = earlier;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

static struct ebi_timer *cut_off(struct ebi_timer *timer) {
    if (timer)
        timer->next = timer->prev = NULL;
    return timer;
}

/* Joins neighbours in pairs, and then the pairs: that keeps the heap flat. */
static struct ebi_timer *join_all(struct ebi_timer *first) {
    struct ebi_timer *pairs = NULL, *all = NULL;

    while (first) {
        struct ebi_timer *a = first, *b = a->next;

        first = b ? b->next : NULL;
        a = join(cut_off(a), cut_off(b));
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct ebi_timer *pair = pairs;

        pairs = pair->next;
        all = join(all, cut_off(pair));
    }
    return all;
}

void ebi_timers_add(struct ebi_timers *timers, struct ebi_timer *timer, int64_t at_ms) {
    *timer = (struct ebi_timer){ .at_ms = at_ms, .set = true };
    timers->first = join(timers->first, timer);
}

void ebi_timers_remove(struct ebi_timers *timers, struct ebi_timer *timer) {
    if (!timer->set)
        return;
    struct ebi_timer *below = join_all(timer->child);

    if (timer == timers->first) {
        timers->first = below;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        timers->first = join(timers->first, below);
    }
    timer->set = false;
}

struct ebi_timer *ebi_timers_take_due(struct ebi_timers *timers, int64_t now_ms) {
    struct ebi_timer *first = timers->first;

    if (!first || first->at_ms > now_ms)
        return NULL;
    ebi_timers_remove(timers, first);
    return first;
}
