/* eventbus/plugin-help/link.h - reports to the host whether the broker can be reached, once for each change.
 *
 * An instance tells each success and each failure as it sees it; the host hears the first of a row. Several threads may tell:
 * the host hears them in one order, and the last call is what ebp_link_state returns. */
#ifndef EBP_LINK_H
#define EBP_LINK_H

#include <eventbus/plugin-help/base.h>

#include <pthread.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

enum ebp_link_state {
    EBP_LINK_UNREPORTED = 0, /* nothing was reported since open, which the host takes as down without a reason */
    EBP_LINK_UP = 1,
    EBP_LINK_DOWN = 2
};

struct ebp_link {
    const struct eb_host *host;
    int state;             /* enum ebp_link_state */
    pthread_mutex_t mutex; /* held during host->link, so that the host hears of the changes in their order */
};

/* In the plugin's open. It holds nothing that must be freed. */
static inline void ebp_link_init(struct ebp_link *link, const struct eb_host *host) {
    link->host = host;
    link->state = EBP_LINK_UNREPORTED;
    pthread_mutex_init(&link->mutex, NULL); /* a plain one takes nothing of the system, so it cannot fail */
}

/* Any thread. What was reported last. */
static inline enum ebp_link_state ebp_link_state(const struct ebp_link *link) {
    return (enum ebp_link_state)__atomic_load_n(&link->state, __ATOMIC_ACQUIRE);
}

static inline bool ebp_link_change(struct ebp_link *link, enum ebp_link_state state, const struct eb_error *why) {
    bool changed;

    if (ebp_link_state(link) == state) /* the usual case, which takes no lock */
        return false;
    pthread_mutex_lock(&link->mutex);
    changed = link->state != (int)state;
    if (changed) {
        __atomic_store_n(&link->state, (int)state, __ATOMIC_RELEASE);
        link->host->link(link->host, state == EBP_LINK_UP, why);
    }
    pthread_mutex_unlock(&link->mutex);
    return changed;
}

/* Any thread. The broker answers. Returns whether this was a change. */
static inline bool ebp_link_up(struct ebp_link *link) {
    return ebp_link_change(link, EBP_LINK_UP, NULL);
}

/* Any thread. The broker cannot be reached; `why` is borrowed for the call. Returns whether this was a change: the reason of
 * a later failure is not reported. */
static inline bool ebp_link_down(struct ebp_link *link, const struct eb_error *why) {
    return ebp_link_change(link, EBP_LINK_DOWN, why);
}

#endif
