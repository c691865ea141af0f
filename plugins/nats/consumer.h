/* consumer.h - what the parts of the consumer share. The host's thread owns all of it. Times are in ms of the boot clock, since the server's leases run on while this machine sleeps. */
#ifndef EBN_CONSUMER_H
#define EBN_CONSUMER_H

#include "api.h"
#include "connection.h"
#include "message.h"

struct inflight_list {
    struct inflight *first, *last;
    size_t n;
};

/* A message from its delivery to the confirmation of its verdict. It is in one list: `waiting` of its topic (fetched ahead),
 * `held` (at the host) or `settling` (has its verdict). */
struct inflight {
    struct ebp_token_slot slot;
    struct ebp_lease lease;
    struct subscribed *topic;
    struct inflight_list *in;
    struct inflight *next, *prev;
    natsMsg *message;
    struct ebn_delivered delivered; /* what the server says of the delivery; part of the message */
    uint64_t bytes;
    int64_t extend_ms; /* when the last extension was asked for */
    int64_t asked_ms;  /* when the verdict was sent last */
    uint64_t batch;    /* with which; 0: none */
    uint32_t epoch;    /* in which the server delivered it */
    uint32_t verdict;  /* enum eb_verdict_kind; 0: none yet */
    bool lost;         /* the host was told that the server gives it to others */
    bool refused;      /* nobody took the verdict; it is sent again */
};

enum subscribed_state {
    IDLE,    /* nothing is under way; asked at retry_ms */
    LOOKING, /* the group's consumer is asked for */
    MAKING,  /* it is being made */
    READY
};

enum { EBN_DONE = 4096 };

/* A topic of the subscription. */
struct subscribed {
    const char *name;
    size_t number;
    char stream[EBN_NAME_MAX + 1];
    enum subscribed_state state;
    bool absent;                  /* the stream does not exist, and the log says so */
    int64_t created_ms, other_ms; /* when the group's consumer was made: 0: not seen yet; what was said once instead */
    bool gone;                    /* it does not exist, or not yet after a restart of the server */
    int64_t retry_ms;             /* not READY: when to ask (again) */
    int64_t ack_wait_ms;
    /* the open request for messages */
    uint64_t pull; /* 0: none */
    size_t pull_left;
    bool pull_late; /* its time is over once */
    int64_t pull_sent_ms, pull_until_ms, pull_again_ms;
    struct inflight_list waiting;
    size_t n; /* messages of it in all lists */
    uint64_t largest, highest;
    /* The sequences that were acknowledged last, of n_done in all: a server that was killed may have forgotten them, since it writes
     * them down up to a second later, and delivers those messages again. */
    uint64_t done[EBN_DONE];
    size_t n_done;
    /* until_end */
    bool end_known, ended;
    uint64_t end;
    int64_t check_ms; /* when to look at the group's consumer again, for that or for `collecting` */
    /* in order: see membership.c */
    uint64_t owner;       /* the sequence of this member's record; 0: it has none */
    uint32_t owner_epoch; /* in which the server has confirmed that last: one that was restarted has lost the record */
    int64_t owner_until_ms, claimed_ms, claim_ms;
    bool collecting;  /* messages are in flight elsewhere; they come here first, and none is delivered until then */
    uint64_t missing; /* how many */
    int64_t missing_since_ms;
    bool given_up; /* they do not come */
};

/* Verdicts whose answers have one subject, since a server's work for each subject that it has not seen lately is as much as the rest
 * of an acknowledgement. When as many answers have come as verdicts were sent, the server has all of them. */
struct verdict_batch {
    uint64_t number;
    size_t sent, answered; /* equal: its place is free */
};

enum { EBN_BATCHES = 256 };

struct consumer {
    const struct eb_host *host;
    const struct settings *settings;
    const struct eb_subscription *wanted;
    struct ebn_connection *connection;
    bool up, closing;
    bool ordered; /* order = key or strict: one member reads a topic */
    bool members_ready;
    int64_t members_ms, record_ms; /* when to write the members' records again; how long they live */
    uint32_t epoch;
    int64_t up_ms; /* when it began */
    char durable[EBN_NAME_MAX + 1];
    struct subscribed *topics;
    size_t n_topics, turn, share; /* share: messages that one topic may have here */
    struct ebp_token_table tokens;
    struct ebp_lease_book leases;
    struct inflight_list held, settling;
    uint64_t bytes, held_bytes; /* of all lists; of held and settling */
    uint64_t n_pulls;
    struct verdict_batch batches[EBN_BATCHES]; /* by number */
    uint64_t batch;                            /* the number of the last one */
    bool batch_ends;                           /* the next verdict begins another one */
    int64_t again_ms;     /* when to send verdicts again that were refused or have no answer; INT64_MAX: there are none */
    bool progress;        /* a verdict was confirmed since the last receive */
    uint64_t settled[64]; /* tokens of which the host is to be told next, with their status */
    size_t n_settled;
    int32_t settled_status;
    struct eb_error trouble; /* status EB_OK: none */
    struct ebn_reading reading;
};

/* What an answer is about: the letter of its subject. */
enum { ABOUT_END = 't', ABOUT_GROUP = 'i', ABOUT_MAKING = 'c', ABOUT_PULL = 'f', ABOUT_VERDICT = 'a', ABOUT_LEASE = 'e' };

/* ---- consumer.c ---- */

/* Moves a message to the end of a list; NULL: to none. */
static inline void ebn_inflight_move(struct inflight_list *to, struct inflight *one) {
    if (one->in) {
        *(one->prev ? &one->prev->next : &one->in->first) = one->next;
        *(one->next ? &one->next->prev : &one->in->last) = one->prev;
        one->in->n--;
    }
    one->in = to;
    one->next = NULL;
    one->prev = to ? to->last : NULL;
    if (to) {
        *(to->last ? &to->last->next : &to->first) = one;
        to->last = one;
        to->n++;
    }
}

/* Frees a message, which leaves its list and its lease. Its token ends. */
void ebn_inflight_free(struct consumer *, struct inflight *);

/* ---- subscribe.c: finds or makes the group's consumer of each topic, and asks for messages ---- */

void ebn_subscribe_up(struct consumer *, int64_t now);
void ebn_subscribe_answer(struct consumer *, const struct ebn_event *, int64_t now);
void ebn_delivered(struct consumer *, natsMsg *, int64_t now); /* owns the message */

/* Asks what is due. Returns when something is due next. */
int64_t ebn_subscribe_due(struct consumer *, int64_t now);

/* Adds a message to those that wait, in the order of their sequences; owns it. Returns false without memory: it comes again. */
bool ebn_add_waiting(struct consumer *, struct subscribed *, natsMsg *, const struct ebn_delivered *, uint32_t epoch,
                     int64_t sent_ms);

/* ---- membership.c ---- */

/* Whether this member may ask for messages of a topic. */
bool ebn_owns(const struct consumer *, const struct subscribed *, int64_t now);

void ebn_members_up(struct consumer *, int64_t now);
bool ebn_members_answer(struct consumer *, const struct ebn_event *, int64_t now); /* false: it was none */
int64_t ebn_members_due(struct consumer *, int64_t now);                           /* when something is due next */
void ebn_members_leave(struct consumer *);

/* ---- settle.c: verdicts and leases ---- */

void ebn_verdict(struct consumer *, struct inflight *, uint32_t kind, int64_t now);
void ebn_extend(struct consumer *, struct inflight *, int64_t now);
void ebn_settle_up(struct consumer *, int64_t now);
void ebn_settle_answer(struct consumer *, const struct ebn_event *, int64_t now);

/* Ends the batch of verdicts, and tells the host of those that were confirmed, many with one call. Each op does so before it returns. */
void ebn_settle_end(struct consumer *);

/* Takes a message that the server gives to others: revokes it at the host, or answers its verdict with EB_GONE. */
void ebn_lose(struct consumer *, struct inflight *);

/* Sends again and extends what is due. Returns when something is due next. */
int64_t ebn_settle_due(struct consumer *, int64_t now);

#endif
