/* core/consume/dispatch.h - which received message may run next, and which verdict each one gets: the state behind a worker,
 * without threads.
 *
 * The messages of one key stand in one queue, and only the first of them is ever at work. So order by key holds with any number
 * of threads: a queue is delayed while its first message waits for a retry, and stays at work while that message is parked,
 * that is, becomes a dead letter. */
#ifndef EBI_DISPATCH_H
#define EBI_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "consume/attempts.h"
#include "consume/inflight.h"
#include "consume/key_queue.h"
#include "consume/running.h"
#include "consume/verdicts.h"

/* All of it belongs to whoever holds the worker's lock; but what the loop alone changes, the loop reads without the lock. */
struct ebi_dispatch {
    struct ebi_inflight *by_token;
    struct ebi_inflight *all;     /* those of by_token, oldest first; a list of utlist by all_prev and all_next */
    struct ebi_inflight *dropped; /* at work or parked when their instance was closed; such a list, too */
    size_t in_flight, bytes;      /* received, not settled: the loop alone changes them */
    size_t waiting, parked;       /* of all, and of dropped */
    struct ebi_key_queues queues;
    struct ebi_running running;
    struct ebi_verdicts verdicts;
    struct ebi_attempts attempts;    /* of what is back with the broker */
    struct ebi_inflight_pool spares; /* of messages that are settled, by whatever thread */
};

void ebi_dispatch_init(struct ebi_dispatch *);
void ebi_dispatch_free(struct ebi_dispatch *); /* and all messages in it; none may be at work */

/* Takes over a message, into the queue of a key; key NULL: into a queue of its own. False: no memory, and the message stays the
 * caller's. */
bool ebi_dispatch_add(struct ebi_dispatch *, struct ebi_inflight *, const char *key, size_t key_len, int64_t now_ms);

/* Returns the next message to work on, which is now at work; NULL: none may run now. */
struct ebi_inflight *ebi_dispatch_next(struct ebi_dispatch *);

static inline bool ebi_dispatch_has_next(const struct ebi_dispatch *dispatch) {
    return ebi_running_next_queue(&dispatch->running, &dispatch->queues) != NULL;
}

/* Each of these ends the work on a message that is at work or parked. */
void ebi_dispatch_ack(struct ebi_dispatch *, struct ebi_inflight *, int64_t now_ms);

/* Hands it back to the broker, with the others of its queue. */
void ebi_dispatch_return(struct ebi_dispatch *, struct ebi_inflight *, int64_t now_ms);

/* Keeps it here until it is due, and runs it again then. */
void ebi_dispatch_delay(struct ebi_dispatch *, struct ebi_inflight *, int64_t due_ms);

/* Gives it to the broker until its retry, and hands the others of its queue back. False: its count of failures could get lost
 * there, and it is still at work. */
bool ebi_dispatch_retry(struct ebi_dispatch *, struct ebi_inflight *, int64_t delay_ms, int64_t now_ms);

/* Parks a message that is at work, while its dead letter is sent. */
void ebi_dispatch_park(struct ebi_dispatch *, struct ebi_inflight *);

/* Wakes the queues whose delay is over, and lets what waited long enough for one that is to run alone, or that one itself, go
 * on. Returns whether another message may run now. Lowers *due_ms to when there is more to do. */
bool ebi_dispatch_wake(struct ebi_dispatch *, int64_t now_ms, int64_t *due_ms);

/* Hands back all that wait, delayed ones too. */
void ebi_dispatch_return_waiting(struct ebi_dispatch *, int64_t now_ms);

/* The broker takes these away: those that wait are handed back now, those at work when they are done. With one that waits go
 * those behind it in its queue, also if the broker takes them away by a later call, or not at all. */
void ebi_dispatch_revoke(struct ebi_dispatch *, const uint64_t *tokens, size_t n, int64_t now_ms);

/* Extends the lease of all that have no verdict yet. */
void ebi_dispatch_extend(struct ebi_dispatch *, int64_t now_ms);

/* The plugin has been given the verdicts of a batch (see ebi_verdicts_take). Only now may messages of keys that were handed back
 * come in as new. */
void ebi_dispatch_given(struct ebi_dispatch *, uint64_t batch);

/* The plugin confirmed a verdict: the message is freed. *acked: whether it was acknowledged; *late: its lease had ended by boot_ms,
 * so that the broker may have taken it away. False: the token is unknown. */
bool ebi_dispatch_settled(struct ebi_dispatch *, uint64_t token, int64_t boot_ms, bool *acked, bool *late);

/* The plugin's instance is closed, and all tokens with it. What is at work or parked is freed when it is done. */
void ebi_dispatch_drop(struct ebi_dispatch *);

/* Calls `each` for all messages, also those at work or parked whose instance is closed. */
void ebi_dispatch_each(const struct ebi_dispatch *, void (*each)(void *arg, const struct ebi_inflight *), void *arg);

#endif
