/* consumer/state.h - a consumer's state.
 *
 *   consumer.c      the ops: open, receive, wake, close
 *   sources.c       subscribes to topics and partitions; lost connections
 *   watch.c         a thread that asks the broker by HTTP: which topics there are, where a new group begins
 *   until_end.c     whether the group has settled everything up to the end
 *   deliver.c       messages to the host
 *   inflight.c      messages in flight, found by token and by id; messages that were acknowledged
 *   settle.c        verdicts
 *
 * Three threads meet: the host's calls the ops; a thread of the client's brings messages and answers; the watch thread finds
 * topics. What comes from the client's thread goes through two queues, `arrivals` and `acks`, to the host's. */
#ifndef PL_CONSUMER_STATE_H
#define PL_CONSUMER_STATE_H

#include "admin/admin.h"
#include "client/client.h"
#include "client/link.h"
#include "client/log_bridge.h"
#include "client/message.h"

#include <pthread.h>
#include <eventbus/plugin-help.h>

enum pl_source_state {
    PL_SOURCE_FOUND, /* exists; is subscribed to from retry_ms on */
    PL_SOURCE_SUBSCRIBING,
    PL_SOURCE_READY
};

/* A topic without partitions, or a partition. It is made by the watch thread, and lives as long as the instance; the host's
 * thread owns it but for what the lock guards. */
struct pl_source {
    struct pl_receiving *r;
    char *topic; /* the event bus's name */
    char *label; /* how what libpulsar logs of its consumer begins */
    int partition;
    bool from_earliest; /* a new group begins at the earliest message, whatever the subscription says */
    struct pl_source *next;
    pulsar_consumer_t *consumer;
    size_t ahead; /* how much libpulsar fetches ahead */
    int64_t retry_ms, lost_ms;
    bool lost;          /* the connection was lost, and is not there again */
    bool warned;        /* why it cannot be subscribed to was logged */
    uint64_t connected; /* the round in which it was connected when last asked */
    uint32_t noticed;   /* the `connection` whose predecessors were given up */
    /* Atomic. Counts up when a connection is lost and when there is one again: what came while it had another number came over a
     * connection that has ended. */
    uint32_t connection;
    bool made; /* the thread of the client's connections: there is one, which is not in use yet */
    /* guarded by the lock */
    enum pl_source_state state;
    bool answered;         /* the answer to PL_SOURCE_SUBSCRIBING is there: */
    pulsar_result result;  /* what it says */
    pulsar_consumer_t *it; /* with pulsar_result_Ok */
    /* the watch thread's, for until_end */
    bool end_known; /* `end` was read, or there is none: at_end */
    struct pl_position end;
    bool at_end;
};

/* A message that the client's thread has brought. */
struct pl_arrival {
    pulsar_message_t *message;
    struct pl_source *source;
    uint32_t connection; /* the source's when it came */
};

enum pl_inflight_state {
    PL_WAITING = 1, /* with the plugin: the host had no room, or has returned it */
    PL_DELIVERED,   /* with the host */
    PL_ACKING,      /* acknowledged; the broker has not confirmed it */
    PL_ACK_AGAIN    /* the acknowledgement failed with the connection; it is sent again */
};

/* A message between its arrival and its last verdict. The host's thread. */
struct pl_inflight {
    struct ebp_token_slot slot;
    struct pl_source *source;
    pulsar_message_t *message;   /* NULL: it is in `copy` */
    struct pl_message_copy copy; /* once the host has it */
    pulsar_message_id_t *id;     /* what came with the message: only this one acknowledges a message of a batch */
    struct pl_position position;
    size_t bytes;
    uint32_t connection; /* over which it came last */
    enum pl_inflight_state state;
    bool revoked;                        /* the broker has taken it away */
    struct pl_ack *ack;                  /* the acknowledgement that is under way */
    bool quiet;                          /* the host has settled it before, and does not know of this delivery */
    unsigned tries;                      /* how often it was acknowledged */
    pulsar_message_t *again;             /* the broker's next delivery of it, that came meanwhile */
    struct pl_inflight *same_hash;       /* in the table by id */
    struct pl_inflight *earlier, *later; /* in the list by state: waiting or not */
    uint64_t token;
};

struct pl_list {
    struct pl_inflight *first, *last;
    size_t n;
};

/* One try to acknowledge a message, as its callback knows it. libpulsar may call back late, or never, if the connection is lost
 * meanwhile: then the try is abandoned, and lives as long as the instance. */
struct pl_ack {
    struct pl_receiving *r;
    uint64_t token;
    uint32_t connection; /* the source's before it was sent */
    int64_t sent_ms;
    struct pl_ack *next; /* of those that are abandoned */
};

/* The broker's answer to one. */
struct pl_acked {
    struct pl_ack *ack;
    pulsar_result result;
};

enum { PL_BY_ID = 4096, PL_DONE = 4096 }; /* powers of two */

/* What was taken out of the queue of arrivals at once: a thread that waits for room there is woken once for all of them. */
enum { PL_TAKEN = 64 };

struct pl_taken {
    struct pl_arrival list[PL_TAKEN];
    size_t next, n, most; /* most: how many may be taken at once */
};

/* An acknowledged message, so that a delivery that crossed the acknowledgement is not run again. */
struct pl_done {
    const struct pl_source *source;
    int64_t ledger, entry;
    int32_t index;
};

/* An instance. The client and the watch thread have a reference each besides the host's. */
struct pl_receiving {
    int refs; /* atomic */
    const struct eb_host *host;
    const struct pl_settings *set;
    const struct eb_subscription *wanted;
    struct pl_client client;
    struct pl_link link;
    struct ebp_queue *arrivals; /* of struct pl_arrival; its bound slows the broker down */
    struct ebp_queue *acks;     /* of struct pl_acked; has room for all in flight, and some that come late */
    struct ebp_cond_wakeup changed;
    bool signalled; /* atomic, as the producer's */
    struct pl_log_listener listener;
    /* the host's thread */
    struct pl_taken taken;
    struct pl_message_reading reading;
    struct ebp_token_table tokens;
    struct pl_inflight *by_id[PL_BY_ID];
    struct pl_done done[PL_DONE];
    struct pl_list waiting, out; /* waiting: in the order of delivery. out: at the host, or settled and not confirmed */
    uint64_t bytes;              /* of both */
    size_t window;               /* the most in `out` */
    size_t ahead;                /* how much libpulsar may fetch ahead for all sources */
    struct pl_ack *abandoned;
    int64_t look_ms;
    uint64_t round;               /* counts the calls of ops, and the turns of a wait */
    bool progress;                /* a verdict was confirmed since the last receive */
    bool siblings, receipts_told; /* what was logged once */
    struct eb_error failed;       /* why the group can never receive here; status 0: it can */
    /* the watch thread's; see watch.c */
    pthread_t thread;
    bool watching; /* it runs, or has run */
    struct ebp_cond_wakeup watch_changed, watch_ended;
    bool wanted_until_end, looked_once, listed_once, ends_known;
    struct pl_settings *own; /* a copy of the settings, since a request may outlive close */
    struct pl_admin admin;
    char **topics; /* a copy of the wanted ones */
    char *group;
    struct eb_point start;
    struct pl_watched *watched; /* the topics that are known, or waited for */
    size_t n_watched, watched_room;
    pthread_mutex_t lock;
    /* guarded by the lock; `sources` only grows, at its head */
    struct pl_source *sources;
    struct eb_error watch_error; /* status not 0: the last request failed */
    bool has_looked;             /* the watch thread has looked once, or failed to */
    bool idle;                   /* the host's thread has nothing in flight: the watch thread looks for the end */
    bool ended;                  /* until_end: there is nothing to wait for */
    bool woken, closed;
};

/* Any thread. Lets receive look. */
void pl_receiving_signal(struct pl_receiving *);
void pl_receiving_unref(void *r);

/* ---- sources.c: the host's thread ---- */

/* The first of all sources that there are now; the rest by `next`. */
struct pl_source *pl_sources(struct pl_receiving *);

/* Subscribes to what was found, takes answers, and tries again. */
void pl_sources_work(struct pl_receiving *);

/* Gives up what came over connections that have ended since the last call: the broker has taken it away. */
void pl_sources_notice(struct pl_receiving *);

/* Looks at connections, and tells the link. */
void pl_sources_look(struct pl_receiving *);

/* Whether it has a connection. Where it had one, it is asked once a round. */
bool pl_source_is_connected(struct pl_source *);

/* Any thread. The number of its connection. */
uint32_t pl_source_connection(const struct pl_source *);

/* What libpulsar logs of a connection of any topic and group: a listener's. */
void pl_sources_hear(void *r, const char *line);

/* ---- watch.c ---- */

int32_t pl_watch_start(struct pl_receiving *, struct eb_error *);
void pl_watch_stop(struct pl_receiving *, int64_t timeout_ms);
void pl_watch_free(struct pl_receiving *);

/* ---- until_end.c: the watch thread ---- */

void pl_until_end_look(struct pl_receiving *, int64_t until);

/* ---- deliver.c: the host's thread ---- */

/* Delivers up to max messages. Returns how many the host took; sets *full if it had no room. EB_RETRIABLE in *status: no
 * memory. */
uint32_t pl_deliver(struct pl_receiving *, uint32_t max, bool *full, int32_t *status, struct eb_error *);

/* Returns whether there is another message that has arrived. */
bool pl_next_arrival(struct pl_receiving *, struct pl_arrival *);

/* Takes all that has arrived to those that wait, but for what came over a connection that has ended. */
void pl_take_arrivals(struct pl_receiving *);

/* ---- inflight.c: the host's thread ---- */

/* A record for a message that came, which owns the message and the id from here on, in the state PL_WAITING and in no list. NULL:
 * no memory. */
struct pl_inflight *pl_inflight_new(struct pl_receiving *, const struct pl_arrival *, pulsar_message_id_t *,
                                    const struct pl_position *);
struct pl_inflight *pl_inflight_find(struct pl_receiving *, const struct pl_source *, const struct pl_position *);

/* Ends a record that is in no list. */
void pl_inflight_free(struct pl_receiving *, struct pl_inflight *);
void pl_list_append(struct pl_list *, struct pl_inflight *);
void pl_list_insert(struct pl_list *, struct pl_inflight *); /* by source and position */
void pl_list_remove(struct pl_list *, struct pl_inflight *);
void pl_done_add(struct pl_receiving *, const struct pl_inflight *);
bool pl_is_done(const struct pl_receiving *, const struct pl_source *, const struct pl_position *);

/* ---- settle.c: the host's thread ---- */

/* Acknowledges a record of the list `out`; without a connection, or memory, it waits for that. */
void pl_acknowledge(struct pl_receiving *, struct pl_inflight *);

int32_t pl_settle(void *self, const struct eb_verdict *, size_t n, struct eb_error *);

/* Takes the broker's confirmations. */
void pl_settle_work(struct pl_receiving *);

/* Sends again what was lost with a connection, where there is one again. */
void pl_settle_again(struct pl_receiving *);

/* Nobody answers what was acknowledged over an earlier connection. */
void pl_settle_lose(struct pl_source *, uint32_t connection);
void pl_settle_free(struct pl_receiving *);

/* Confirms as gone what is left. */
void pl_settle_rest(struct pl_receiving *);

#endif
