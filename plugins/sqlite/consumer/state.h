/* plugins/sqlite/consumer/state.h - one consumer instance, as the files that make it up see it. Memory is ahead of the file: what
 * changes here is marked, saved in one transaction (commit.c), and told to the host only then. All of it, but the bell,
 * belongs to the thread at work.
 *
 *   membership.c    topics found, groups made, membership taken       settle.c   messages under way and their verdicts
 *   balance.c  slots shared with the other members               fetch.c    messages read
 *   commit.c     the transaction of a receive                      deliver.c     messages handed over
 *   end.c      whether the end is reached                        consumer.c  the operations */
#ifndef SQ_CONSUMER_STATE_H
#define SQ_CONSUMER_STATE_H

#include "store/futex.h"
#include "consumer/delayed.h"
#include "topic/rows.h"
#include "options.h"
#include "format/owned_slots.h"
#include "format/slots.h"
#include "store/store.h"
#include "format/buffer.h"

enum sq_inflight_state {
    SQ_FREE,
    SQ_READ,            /* read, not saved yet: in the row line */
    SQ_CLAIMED,         /* saved as out at us, not handed over: in the row line */
    SQ_OUT,             /* at the host */
    SQ_DECIDED,         /* has its verdict, not saved yet: in the decided line */
    SQ_LOST             /* at the host, but taken away from us */
};

/* A message under way. Its address stays; its token is its number and generation, so that an old one is noticed. */
struct sq_inflight {
    uint32_t number, generation;
    enum sq_inflight_state state;
    bool revoked;                       /* the host was asked to give it back */
    uint32_t slot;
    uint32_t deliveries, attempts;      /* as told to the host */
    int64_t seq;
    uint64_t key;                       /* hash; 0: none */
    size_t bytes;
    size_t row;                         /* where it lies in the consumer's rows */
    struct sq_assignment *assignment;
    struct sq_delayed_message *delayed;               /* came from the hold; NULL: from the log */
    struct sq_inflight *previous, *next;   /* of its share */
    struct sq_inflight *next_listed;              /* behind it in the row line, the decided line, or the free ones */
};

struct sq_inflight_list {
    struct sq_inflight *first, **end;
};

/* A topic of the subscription, and our part in its group. */
struct sq_assignment {
    char *name;
    unsigned futex;                      /* in the side file */
    int64_t topic, grp;                 /* 0: there is none yet */
    bool joined;                        /* we have a row in the share table */
    bool absence_logged;                  /* that there is no such topic */
    bool late;                          /* the topic came after we began: a new group starts at its beginning */
    bool dirty;                         /* the row does not say what we have here */
    bool unread;                        /* there may be messages past our cursors */
    bool check;                         /* look at the other members */
    bool lost;                          /* the row is gone: another one took it over */
    uint32_t seen;                      /* the topic's word before we last read to the end */
    int64_t end;                        /* read no further */
    struct sq_runs runs;                /* our slots */
    uint64_t leaving;                   /* of them: to be given up when nothing of theirs is under way */
    int64_t leaving_since_ms;
    int64_t neighbour, neighbour_until_ms;      /* the member that we watch; 0: none */
    int64_t due_ms;                     /* when the next held one may go; INT64_MAX: none */
    uint32_t n_inflight[SQ_SLOTS];       /* entries but lost ones */
    size_t n_from_log;                       /* of them, those from the log that have no verdict */
    struct sq_inflight *entries;
    struct sq_delayed delayed;
};

struct sq_consumer {
    const struct eb_host *host;
    const struct sq_settings *settings;
    const struct eb_subscription *sub;
    struct sq_store store;
    struct sq_wakeup wakeup;
    struct sq_futex_set futexes;              /* topic words first, then the group's */
    bool futexes_are_new;
    uint32_t any_value, group_seen;
    uint64_t connection;                /* that what is known of topics was read through */
    uint64_t contents;                  /* and the file that this was, with the lock of our place beside it */

    int64_t member;                     /* our number; 0: none */
    int64_t renewed_ms;
    bool renew;                         /* at the next save */

    struct sq_assignment **assignments;
    size_t n_assignments, room_assignments, turn;
    bool patterns;                      /* some topic of the subscription has a '*' */
    bool no_match_logged;                 /* there was no topic for any */
    int64_t topics_seen;                /* ids up to it were matched */
    bool look_for_topics, begun, ends_read;
    bool go_on;                         /* there is more to do at once */
    int64_t looked_ms, watched_ms;
    int64_t data_version;

    struct sq_inflight **entries;
    uint32_t n_entries, room_entries;
    struct sq_inflight *free_entries;
    size_t limit, n_inflight;            /* entries without verdict, and how many there may be */
    uint64_t bytes;                     /* theirs */
    struct sq_inflight_list to_deliver, decided;
    struct sq_buffer rows, state;
    struct sq_decoder decoder;
    /* of the receive at work */
    size_t settled;                     /* verdicts reported */
    bool refused;                       /* the host took no more */
    bool full;                          /* there was no room for the next one */
};

/* ---- settle.c ---- */

/* NULL: no memory. Room was checked by sq_inflight_fits. */
struct sq_inflight *sq_inflight_add(struct sq_consumer *, struct sq_assignment *, struct sq_delayed_message *, int64_t seq, uint64_t key,
                              uint32_t slot, size_t bytes);
bool sq_inflight_fits(const struct sq_consumer *, size_t bytes);
void sq_inflight_remove(struct sq_consumer *, struct sq_inflight *);
uint64_t sq_token(const struct sq_inflight *);

/* Gives back what was not handed over, or has no verdict at the close: it waits in the hold. False: no memory. */
bool sq_put_back(struct sq_consumer *, struct sq_inflight *);

int32_t sq_settle(struct sq_consumer *, const struct eb_verdict *, struct eb_error *);

/* Everything of a share is somebody else's now: tells the host, forgets it. */
void sq_lose_assignment(struct sq_consumer *, struct sq_assignment *);

/* The same of all shares, and of the membership. */
void sq_lose_all(struct sq_consumer *);

/* Tells the host of all in the decided line and frees them. */
void sq_report_decided(struct sq_consumer *, int32_t status);

void sq_inflight_append(struct sq_inflight_list *, struct sq_inflight *);
void sq_inflight_free(struct sq_consumer *);

/* ---- commit.c ---- */

bool sq_consumer_needs_commit(const struct sq_consumer *);
int32_t sq_consumer_commit(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* The row of a share with these runs, within a transaction. EB_GONE: the row is no longer there. */
int32_t sq_write_owned_slots(struct sq_consumer *, const struct sq_assignment *, int64_t owner, const struct sq_runs *,
                       struct eb_error *);

/* ---- membership.c ---- */

bool sq_make_assignments(struct sq_consumer *);
void sq_free_assignments(struct sq_consumer *);
int32_t sq_join(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* Gives up all slots and the membership. */
int32_t sq_leave(struct sq_consumer *, int64_t until_ms, struct eb_error *);

/* ---- balance.c ---- */

/* The slots of a group that nobody owns. EB_OK or negative. */
int32_t sq_read_free(struct sq_consumer *, const struct sq_assignment *, struct sq_runs *, struct eb_error *);

/* Takes slots that are free or a dead member's, up to our part of them; gives up those beyond it that have nothing under
 * way. EB_OK or negative. */
int32_t sq_balance(struct sq_consumer *, struct sq_assignment *, int64_t until_ms, struct eb_error *);

/* Whether a member watched by one of our shares is gone: marks that share to be checked. */
int32_t sq_watch(struct sq_consumer *, struct eb_error *);

/* Asks the host for what keeps us from giving up slots. */
void sq_revoke_leaving(struct sq_consumer *, struct sq_assignment *);

/* ---- fetch.c, deliver.c ---- */

int32_t sq_fetch(struct sq_consumer *, size_t want, struct eb_error *);

/* Up to max; counts in *handed. EB_OK or negative. */
int32_t sq_deliver(struct sq_consumer *, uint32_t max, uint32_t *delivered, struct eb_error *);

/* ---- end.c ---- */

int32_t sq_read_ends(struct sq_consumer *, struct eb_error *);

/* EB_END, EB_OK: not yet, or negative. */
int32_t sq_at_end(struct sq_consumer *, struct eb_error *);

#endif
