/* core/consume/key_queue.h - the messages of each key, in order, and whose turn it is. */
#ifndef EBI_KEY_QUEUE_H
#define EBI_KEY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <utlist.h>
#include "base/hash.h"
#include "base/timers.h"
#include "consume/inflight.h"

enum ebi_key_queue_state {
    EBI_QUEUE_READY,
    EBI_QUEUE_ALONE,    /* ready, but its first message is to run alone */
    EBI_QUEUE_AT_WORK,  /* a thread has its first message, or its dead letter is being sent */
    EBI_QUEUE_DELAYED,  /* its first message waits for its retry time */
    EBI_QUEUE_RETURNING /* its messages go back to the broker, and those that still arrive do, too */
};

/* The queue of one key, while it has messages. Its fields up to hh start as zero; hh is set when it is added. */
struct ebi_key_queue {
    struct ebi_inflight *head; /* the first message, a list of utlist by prev and next */
    enum ebi_key_queue_state state;
    struct ebi_timer due;              /* delayed: until then */
    uint64_t turn;                     /* ready, alone: the lower number comes first */
    uint64_t returned_with;            /* the latest batch of verdicts that hands back messages of it; 0: none does */
    struct ebi_key_queue *prev, *next; /* among those in the same state: ready, alone or returning */
    UT_hash_handle hh;
    size_t key_len;
    char key[];
};

/* Zeroed at first. */
struct ebi_key_queues {
    struct ebi_key_queue *by_key;
    struct ebi_key_queue *ready, *alone, *returning; /* lists of utlist, in the order of turn */
    struct ebi_timers delayed;                       /* by due */
    uint64_t turns;                                  /* given so far */
    uint64_t nameless;                               /* queues without a key so far */
    uint64_t given;                                  /* the latest batch of verdicts that the plugin was given */
    struct ebi_key_queue *spares;                    /* by next: queues that ended, to be used again */
    size_t n_spares;
};
void ebi_key_queues_remove_all(struct ebi_key_queues *); /* the messages in them stay what they are */
void ebi_key_queues_free(struct ebi_key_queues *);

/* Returns the queue of a key, or a new and empty one, in state EBI_QUEUE_AT_WORK until its first message is in it; key NULL: a
 * queue of its own. NULL: no memory. */
struct ebi_key_queue *ebi_key_queue_find(struct ebi_key_queues *, const char *key, size_t len);
void ebi_key_queue_remove(struct ebi_key_queues *, struct ebi_key_queue *);

void ebi_key_queue_set_state(struct ebi_key_queues *, struct ebi_key_queue *, enum ebi_key_queue_state);

/* Its first message may run when its turn comes. */
void ebi_key_queue_make_ready(struct ebi_key_queues *, struct ebi_key_queue *);

/* Whether messages of it are handed back, and the plugin has not been given those verdicts yet. */
static inline bool ebi_key_queue_is_returning(const struct ebi_key_queues *queues, const struct ebi_key_queue *queue) {
    return queue->returned_with > queues->given;
}

/* Removes the first message; the queue goes on with the next one. Without one it ends, once the plugin has been given what is
 * handed back of it. */
void ebi_key_queue_advance(struct ebi_key_queues *, struct ebi_key_queue *);

static inline struct ebi_key_queue *ebi_key_queue_of(struct ebi_timer *timer) {
    return EBI_TIMER_OF(timer, struct ebi_key_queue, due);
}

#endif
