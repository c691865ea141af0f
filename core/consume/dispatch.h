/* core/consume/dispatch.h - which received message may run next, and the verdicts on those that did: the state behind a
 * worker, without threads.
 *
 * Messages of one key stand in one queue; only its first one is ever at work. So order by key holds with any number of
 * threads: a queue sleeps while its first message waits for a retry, and is parked while that becomes a dead letter.
 *
 * A message that is to run alone waits until nothing else is at work, and the others wait for it. But a receiver that hangs
 * holds only itself. So the others wait for EBI_ALONE_PAUSE_MS at first, then go on until EBI_HANGS_MS are over, and then wait
 * again; what has been at work for EBI_HANGS_MS counts as no company; and one that has run alone for so long gets company. */
#ifndef EBI_DISPATCH_H
#define EBI_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/event.h>
#include <eventbus/plugin.h>
#include "base/hash.h"
#include "base/timers.h"
#include "consume/attempts.h"

struct ebi_key_queue;

enum { EBI_ALONE_PAUSE_MS = 1000, EBI_HANGS_MS = 10000 };

enum ebi_stage {
    EBI_STAGE_RUN,            /* its receivers are to run */
    EBI_STAGE_DEAD_LETTER            /* it is to become a dead letter */
};

enum ebi_inflight_state {
    EBI_WAITING,        /* in its queue: ready, sleeping or behind others */
    EBI_AT_WORK,        /* with a thread */
    EBI_PARKED,         /* on its way to the dead-letter topic */
    EBI_SETTLING          /* its verdict is given, the plugin has not confirmed it yet */
};

/* How much of a message goes into its dead letter. The next one is tried where the broker refuses this one for good: one event
 * never stops a worker. */
enum ebi_dead_letter_form {
    EBI_FORM_WHOLE,
    EBI_FORM_NO_HEADERS,           /* without headers and attributes that no event of ours has */
    EBI_FORM_NO_DATA,           /* and without its data, of which size and digest are told */
    EBI_FORM_REPORT            /* and without attributes and key: what happened, and where the message is */
};

/* A message from received to settled: one block, what it points to lies behind the struct. Belongs to the dispatch, but
 * while it is at work to the thread that has it, which alone writes stage and what follows. Cleared from queue to detail; hh is
 * set where it is added. */
struct ebi_inflight {
    struct eb_message message;          /* texts NUL-ended; token is the plugin's */
    struct ebi_key_queue *queue;              /* NULL once judged */
    struct ebi_inflight *prev, *next;      /* in its queue */
    struct ebi_inflight *all_prev, *all_next;
    struct ebi_inflight *work_prev, *work_next;    /* among those at work */
    int64_t began_ms;                   /* when it came to work, about */
    int64_t logged_ms;                    /* how long it had been at work when the log last named it; 0: not yet */
    size_t n_hanging;                   /* it is to be alone, and so many hung beside it when it came to work */
    enum ebi_inflight_state state;
    bool revoked, acked;
    bool alone;                         /* is to run alone: it was handed out too often */
    size_t bytes;
    enum ebi_stage stage;
    uint32_t failures;                  /* receiver runs that failed */
    uint32_t dead_letter_tries;                   /* dead letters that could not be delivered */
    enum ebi_dead_letter_form form;
    int64_t first_failed_us, last_failed_us;
    struct eb_event *event;             /* decoded already, for its key; NULL: not yet */
    struct eb_error *why;               /* of the last failure */
    char *detail;                       /* of it, in the receiver's own words; NULL: none */
    char receiver[64];                  /* that failed last; "" for none */
    UT_hash_handle hh;                  /* by token */
};

/* A copy of a received message, of our size; the schemas of it are set to those given. NULL: no memory, or sizes that
 * cannot be. spare: a block to be used where it is large enough, else given up; NULL: none. */
struct ebi_inflight *ebi_inflight_new(const struct eb_message *, const struct eb_schema *key_schema,
                                const struct eb_schema *schema, struct ebi_inflight *spare);
void ebi_inflight_free(struct ebi_inflight *);

struct ebi_dispatch;
struct ebi_inflight *ebi_dispatch_spare(struct ebi_dispatch *);    /* NULL: there is none */

enum ebi_key_queue_state {
    EBI_QUEUE_READY,
    EBI_QUEUE_ALONE,                     /* ready, but its first message is to run alone */
    EBI_QUEUE_AT_WORK,
    EBI_QUEUE_DELAYED,
    EBI_QUEUE_RETURNING
};

/* Of one key, while it has messages. Up to a number of those done with are kept, to be used again: cleared up to hh, which is
 * set where it is added. */
struct ebi_key_queue {
    struct ebi_inflight *head, *tail;
    enum ebi_key_queue_state state;
    struct ebi_timer due;               /* sleeping until then */
    uint64_t turn;                      /* ready, alone: the lower number comes first */
    uint64_t returned_with;             /* returning: the batch of verdicts that says so to the plugin */
    struct ebi_key_queue *prev, *next;       /* among those ready, alone or returning */
    UT_hash_handle hh;
    size_t key_len;
    char key[];
};

struct ebi_key_queue_list {
    struct ebi_key_queue *first, *last;
};

/* All of it belongs to whoever holds the worker's lock; but what the loop alone changes, it reads without the lock. */
struct ebi_dispatch {
    struct ebi_inflight *by_token, *all_first, *all_last;
    struct ebi_inflight *dropped;          /* at work or parked when their instance went: by all_next */
    struct ebi_key_queue *queues;
    struct ebi_key_queue_list ready, alone, returning;
    struct ebi_timers delayed;          /* queues by due */
    uint64_t turns;                     /* given to queues so far */
    size_t in_flight, bytes;            /* received, not settled: the loop alone changes them */
    size_t waiting, at_work, parked;
    struct ebi_inflight *work_first, *work_last;   /* at work, the longest first */
    struct ebi_inflight *alone_at_work;    /* is to have no company; NULL: none is, or it has hung for too long */
    int64_t alone_since_ms;             /* the first one that is to run alone waits for others; 0: none does */
    bool alone_steps_aside;             /* the others go on meanwhile, */
    bool alone_logged;                    /*   and the log says so: see watch.c */
    int64_t now_ms;                     /* the latest time that was told */
    struct ebi_attempts attempts;       /* of what is back with the broker */
    uint64_t nameless;                  /* for queues of their own */
    struct eb_verdict *verdicts;
    size_t n_verdicts, verdict_room;
    struct ebi_inflight *spares;           /* blocks to be used again: the loop's own */
    size_t n_spares;
    struct ebi_key_queue *spare_queues;       /* by next */
    size_t n_spare_queues;
    uint64_t batch;                     /* number of the batch being gathered, from 1 */
    int64_t first_verdict_ms;
};

void ebi_dispatch_init(struct ebi_dispatch *);
void ebi_dispatch_free(struct ebi_dispatch *);          /* and all messages in it; none may be at work */

/* Takes a message over, into the queue of a key; key NULL: a queue of its own. false: no memory, not inflight. */
bool ebi_dispatch_add(struct ebi_dispatch *, struct ebi_inflight *, const char *key, size_t key_len, int64_t now_ms);

/* The next message to work on, now at work; NULL: none just now. */
struct ebi_inflight *ebi_dispatch_next(struct ebi_dispatch *);
bool ebi_dispatch_has_next(const struct ebi_dispatch *);

/* What became of one at work, or parked. */
void ebi_dispatch_ack(struct ebi_dispatch *, struct ebi_inflight *, int64_t now_ms);
void ebi_dispatch_return(struct ebi_dispatch *, struct ebi_inflight *, int64_t now_ms);   /* with its queue's others */
void ebi_dispatch_delay(struct ebi_dispatch *, struct ebi_inflight *, int64_t due_ms);    /* held here, to work again */
bool ebi_dispatch_retry(struct ebi_dispatch *, struct ebi_inflight *, int64_t delay_ms, int64_t now_ms);
                                                        /* the broker holds it, and its queue's others go back to it; false:
                                                         * its count could get lost there, it is still at work */
void ebi_dispatch_park(struct ebi_dispatch *, struct ebi_inflight *);

/* Wakes what slept long enough, and lets what waited long enough for one that is to run alone, or that one itself, go on:
 * true when something may be ready now. *due_ms is lowered to when there is more to do. */
bool ebi_dispatch_wake(struct ebi_dispatch *, int64_t now_ms, int64_t *due_ms);

/* Gives back all that waits, sleeping ones too. */
void ebi_dispatch_return_waiting(struct ebi_dispatch *, int64_t now_ms);

/* The broker takes these away: those that wait go back now, those at work when they are done. */
void ebi_dispatch_revoke(struct ebi_dispatch *, const uint64_t *tokens, size_t n, int64_t now_ms);

/* Renews the lease of all that have no verdict yet. */
void ebi_dispatch_extend(struct ebi_dispatch *, int64_t now_ms);

/* The verdicts gathered so far: *verdicts is the caller's to free; NULL for none. To be given to the plugin, and then
 * told with ebi_dispatch_given: only then may messages of keys that were given back come in as new. */
size_t ebi_dispatch_gather(struct ebi_dispatch *, struct eb_verdict **verdicts, uint64_t *batch);
void ebi_dispatch_given(struct ebi_dispatch *, uint64_t batch);

/* The plugin confirmed a verdict: frees the message. *acked: whether it was an acknowledgement. false: unknown token. */
bool ebi_dispatch_settled(struct ebi_dispatch *, uint64_t token, bool *acked);

/* The plugin's instance is gone, and all tokens with it. Those at work are forgotten when they are done. */
void ebi_dispatch_drop(struct ebi_dispatch *);

/* Calls each for all messages there are, those at work for an instance that is gone too. */
void ebi_dispatch_each(const struct ebi_dispatch *, void (*each)(void *arg, const struct ebi_inflight *), void *arg);

#endif
