/* core/consume/inflight.h - a message from when the plugin delivers it until the plugin confirms its verdict. */
#ifndef EBI_INFLIGHT_H
#define EBI_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/event.h>
#include <eventbus/plugin.h>
#include "base/hash.h"

struct ebi_key_queue;

enum ebi_stage {
    EBI_STAGE_RUN,        /* its receivers are to run */
    EBI_STAGE_DEAD_LETTER /* it is to become a dead letter */
};

enum ebi_inflight_state {
    EBI_WAITING, /* in its key queue: ready, delayed or behind others */
    EBI_AT_WORK, /* a worker thread has it */
    EBI_PARKED,  /* its dead letter is being sent */
    EBI_SETTLING /* it has a verdict, which the plugin has not confirmed yet */
};

/* How much of a message goes into its dead letter. When the broker refuses one form for good, the next one is tried, so that one
 * event never stops a worker. */
enum ebi_dead_letter_form {
    EBI_FORM_WHOLE,
    EBI_FORM_NO_HEADERS, /* without headers, and without attributes that none of our events has */
    EBI_FORM_NO_DATA,    /* also without data; its size and digest stand in a header */
    EBI_FORM_REPORT      /* also without attributes and key: only what happened, and where the message is */
};

/* A message in flight: one block, in which the texts lie behind the struct. The dispatch owns it; while it is at work, the thread
 * that has it is the only one to write stage and the fields after stage. The fields from queue to detail start as zero; hh is
 * set when the message is added. */
struct ebi_inflight {
    struct eb_message message;        /* texts end in NUL; token is the plugin's */
    struct ebi_key_queue *queue;      /* NULL once it has a verdict or its instance is gone */
    struct ebi_inflight *prev, *next; /* in its key queue */
    struct ebi_inflight *all_prev, *all_next;
    struct ebi_inflight *work_prev, *work_next; /* among those at work */
    int64_t began_ms;                           /* when it came to work, about */
    int64_t lease_ends_ms;                      /* with EB_T_LATE_UNTOLD: of ebi_boot_us, the end of its lease; 0: never */
    int64_t logged_ms;                          /* how long it had been at work when the log last named it; 0: not yet */
    size_t n_hanging;                           /* of one that runs alone: how many hung beside it when it came to work */
    enum ebi_inflight_state state;
    bool revoked, acked;
    bool alone; /* it was delivered too often and is to run alone */
    size_t bytes;
    enum ebi_stage stage;
    uint32_t failures;          /* receiver runs that failed */
    uint32_t dead_letter_tries; /* attempts to store its dead letter that failed */
    enum ebi_dead_letter_form form;
    char *dead_letter_send_id; /* of an attempt to store it, in this form, that may have worked; NULL: none */
    int64_t first_failed_us, last_failed_us;
    struct eb_event *event; /* decoded already, for its key; NULL: not yet */
    struct eb_error *why;   /* of the last failure */
    char *detail;           /* of the last failure, in the receiver's own words; NULL: none */
    char receiver[64];      /* that failed last; "" for none */
    UT_hash_handle hh;      /* by token */
};

/* Blocks of messages that are settled, to be used again. Plugins confirm verdicts from any thread, so the blocks come into the pool
 * of the dispatch, under its lock; the worker's loop takes all of them into its own pool, and makes messages of those. */
struct ebi_inflight_pool {
    struct ebi_inflight *first; /* by next */
    size_t n;
};

/* Returns a copy of a delivered message, which may have been made by a plugin with a smaller struct; the copy refers to the
 * given schemas. spare: a block from ebi_inflight_spare, which is used if it is large enough and freed if not; NULL: none.
 * Returns NULL without memory, or where the message's sizes cannot be true. */
struct ebi_inflight *ebi_inflight_new(const struct eb_message *, const struct eb_schema *key_schema,
                                      const struct eb_schema *schema, struct ebi_inflight *spare);
void ebi_inflight_free(struct ebi_inflight *);

/* Takes a block out of the pool; NULL: it is empty. */
struct ebi_inflight *ebi_inflight_spare(struct ebi_inflight_pool *);

/* Puts a message's block into the pool, or frees it. */
void ebi_inflight_recycle(struct ebi_inflight_pool *, struct ebi_inflight *);

/* Moves all blocks of `from` into `to`, if that is empty. */
void ebi_inflight_pool_refill(struct ebi_inflight_pool *to, struct ebi_inflight_pool *from);

void ebi_inflight_pool_free(struct ebi_inflight_pool *);

#endif
