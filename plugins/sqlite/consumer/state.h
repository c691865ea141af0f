/* plugins/sqlite/consumer/state.h - one consumer instance, as the files of this folder see it. Memory is ahead of the
 * database: a verdict or a claim is noted here, written by the transaction of the receive (commit.c), and reported to the
 * host only after that. All but the wakeup belongs to the thread that calls the ops.
 *
 *   consumer.c    the ops: what a receive does, and what it waits for
 *   membership.c  finds topics, creates the group, joins and leaves it
 *   balance.c     shares slots with the other members; takeover.c frees those of a dead one
 *   fetch.c       reads messages                  deliver.c  delivers them to the host
 *   inflight.c    the in-flight messages          settle.c   their verdicts, and how they are lost
 *   delayed.c     messages that wait for a retry  commit.c   the transaction of a receive
 *   end.c         whether the end is reached */
#ifndef SQ_CONSUMER_STATE_H
#define SQ_CONSUMER_STATE_H

#include <eventbus/plugin-help/tokens.h>
#include <eventbus/plugin-help/bytes.h>

#include "consumer/delayed.h"
#include "format/owned_slots.h"
#include "format/slots.h"
#include "options.h"
#include "store/futex.h"
#include "store/store.h"
#include "topic/rows.h"

enum sq_inflight_state {
    SQ_READ,      /* read from the database, the claim is not saved; in the list to_deliver */
    SQ_CLAIMED,   /* the claim is saved, the host has it not; in the list to_deliver */
    SQ_DELIVERED, /* at the host */
    SQ_DECIDED,   /* has a verdict that is not saved; in the list decided */
    SQ_LOST       /* at the host, but another member took it over */
};

/* A message in flight. */
struct sq_inflight {
    struct ebp_token_slot token; /* first: see common/tokens.h */
    enum sq_inflight_state state;
    bool revoked; /* the host was asked to return it */
    uint32_t slot;
    uint32_t deliveries, attempts; /* as reported to the host */
    int64_t seq;
    uint64_t key; /* hash; 0: no key */
    size_t bytes;
    size_t row;                         /* where it lies in the consumer's rows */
    struct sq_assignment *assignment;   /* NULL: lost */
    struct sq_delayed_message *delayed; /* it was delayed before; NULL: it comes from the log */
    struct sq_inflight *prev, *next;    /* of its assignment */
    struct sq_inflight *next_listed;    /* behind it in to_deliver or decided */
};

struct sq_inflight_list {
    struct sq_inflight *first, **end;
};

/* A topic of the subscription, and this member's slots of it. */
struct sq_assignment {
    char *name;
    unsigned futex;      /* its number in the side file */
    int64_t topic, grp;  /* row ids; 0: not there yet */
    bool joined;         /* this member has a row in the table share */
    bool absence_logged; /* the log says that there is no such topic */
    bool late;           /* created after the consumer began: a new group starts at its beginning */
    bool dirty;          /* the row differs from what stands here */
    bool unread;         /* there may be messages past the cursors */
    bool check;          /* the other members are to be looked at */
    bool lost;           /* the row is gone: another member took the slots over */
    uint32_t seen;       /* value of the topic's futex before the last read to the end */
    int64_t end;         /* read no further */
    struct sq_runs runs; /* the slots, with how far each was read */
    uint64_t leaving;    /* those of the slots that are given up once nothing of theirs is in flight */
    int64_t leaving_since_ms;
    int64_t neighbour, neighbour_until_ms; /* the member that this one watches, and its lease; 0: none */
    int64_t due_ms;                        /* when the next delayed message is due; INT64_MAX: none */
    uint32_t n_inflight[SQ_SLOTS];         /* of each slot; lost ones do not count */
    size_t n_from_log;                     /* of all these: come from the log and have no verdict */
    struct sq_inflight *inflight;
    struct sq_delayed delayed;
};

struct sq_consumer {
    const struct eb_host *host;
    const struct sq_settings *settings;
    const struct eb_subscription *sub;
    struct sq_store store;
    struct sq_wakeup wakeup;
    struct sq_futex_set futexes; /* those of the topics first, then the group's */
    bool futexes_are_new;
    uint32_t any_value, group_seen;
    uint64_t connection; /* the store's connection that topics were read through */
    uint64_t contents;   /* the store's contents that the membership belongs to */

    int64_t member; /* this member's id; 0: none */
    int64_t renewed_ms;
    bool renew; /* the next commit renews the lease */

    struct sq_assignment **assignments;
    size_t n_assignments, room_assignments, turn;
    bool patterns;        /* some topic of the subscription has a '*' */
    bool no_match_logged; /* the log says that no topic matches */
    int64_t topics_seen;  /* topics with ids up to it were matched */
    bool look_for_topics, begun, ends_read;
    bool go_on; /* there is more to do at once */
    int64_t looked_ms, watched_ms;
    int64_t data_version;

    struct ebp_token_table tokens; /* of struct sq_inflight */
    size_t limit, n_inflight;      /* messages without a verdict, and how many there may be */
    uint64_t bytes;                /* theirs */
    struct sq_inflight_list to_deliver, decided;
    struct ebp_bytes rows, state; /* rows to deliver; a row of the table share that is being written */
    struct sq_decoder decoder;
    /* of the receive that runs */
    size_t settled; /* verdicts reported */
    bool refused;   /* the host took no more */
    bool full;      /* the next message did not fit */
};

/* ---- inflight.c ---- */

/* Whether one more message of that many bytes may be in flight. */
bool sq_inflight_fits(const struct sq_consumer *, size_t bytes);

/* Adds a message, at the end of to_deliver too. NULL: no memory. */
struct sq_inflight *sq_inflight_add(struct sq_consumer *, struct sq_assignment *, struct sq_delayed_message *, int64_t seq,
                                    uint64_t key, uint32_t slot, size_t bytes);

/* The message with this token; NULL: there is none. */
struct sq_inflight *sq_inflight_find(const struct sq_consumer *, uint64_t token);

/* The message no longer counts as one without a verdict. */
void sq_inflight_uncount(struct sq_consumer *, struct sq_inflight *);

/* Takes the message out of its assignment. */
void sq_inflight_unlink(struct sq_inflight *);

/* Unlinks the message and ends its token. */
void sq_inflight_remove(struct sq_consumer *, struct sq_inflight *);
void sq_inflight_append(struct sq_inflight_list *, struct sq_inflight *);
void sq_inflight_free(struct sq_consumer *);

/* ---- settle.c ---- */

/* Puts back a message that was not delivered, or has no verdict at the close: it becomes a delayed one that is due at once.
 * False: no memory. */
bool sq_put_back(struct sq_consumer *, struct sq_inflight *);

/* Notes a verdict of the host; the next commit writes it. */
int32_t sq_settle(struct sq_consumer *, const struct eb_verdict *, struct eb_error *);

/* Another member has all slots of the assignment: revokes what the host has of them and forgets the rest. */
void sq_lose_assignment(struct sq_consumer *, struct sq_assignment *);

/* Loses all assignments, and the membership. */
void sq_lose_all(struct sq_consumer *);

/* Reports all decided messages to the host as settled with this status and removes them. */
void sq_report_decided(struct sq_consumer *, int32_t status);

/* ---- commit.c ---- */

bool sq_consumer_needs_commit(const struct sq_consumer *);
int32_t sq_consumer_commit(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* Within a transaction: writes the row of an owner with these runs; with this member's in-flight messages if it is the owner.
 * EB_GONE: the row is not there any more. */
int32_t sq_write_owned_slots(struct sq_consumer *, const struct sq_assignment *, int64_t owner, const struct sq_runs *,
                             struct eb_error *);

/* ---- membership.c ---- */

bool sq_make_assignments(struct sq_consumer *);
void sq_free_assignments(struct sq_consumer *);
int32_t sq_join(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* Gives up all slots and the membership. */
int32_t sq_leave(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* ---- balance.c ---- */

/* Reads the slots of a group that nobody owns. EB_OK or negative. */
int32_t sq_read_free(struct sq_consumer *, const struct sq_assignment *, struct sq_runs *, struct eb_error *);

/* Takes free slots, and those of a dead member, up to this member's part; gives up slots beyond it that have nothing in
 * flight. EB_OK or negative. */
int32_t sq_balance(struct sq_consumer *, struct sq_assignment *, int64_t until_ms, struct eb_error *);

/* Marks each assignment whose watched member is gone to be checked. */
int32_t sq_watch(struct sq_consumer *, struct eb_error *);

/* Asks the host to return what keeps slots from being given up. */
void sq_revoke_leaving(struct sq_consumer *, struct sq_assignment *);

/* ---- fetch.c, deliver.c ---- */

int32_t sq_fetch(struct sq_consumer *, size_t want, struct eb_error *);

/* Delivers up to max messages and counts them in *delivered. EB_OK or negative. */
int32_t sq_deliver(struct sq_consumer *, uint32_t max, uint32_t *delivered, struct eb_error *);

/* ---- end.c ---- */

int32_t sq_read_ends(struct sq_consumer *, struct eb_error *);

/* EB_END, EB_OK: not yet, or negative. */
int32_t sq_at_end(struct sq_consumer *, struct eb_error *);

#endif
