/* plugins/redis/consumer/state.h - one consumer instance, as the files that make it up see it. All of it, but the bell,
 * belongs to the thread at work. It has two connections: `reader` waits in XREADGROUP for new entries, `side` does all
 * else.
 *
 *   membership.c  whether the name is in use elsewhere
 *   join.c        groups made, and made again       inflight.c    entries under way
 *   read.c        new entries                       settle.c      what is sent for them: done, returned, still at work
 *   claim.c       entries that somebody left        until_end.c   whether the end is reached
 *   deliver.c     entries handed over               consumer.c    the operations
 *   server_clock.c  the server's clock beside ours */
#ifndef RD_CONSUMER_STATE_H
#define RD_CONSUMER_STATE_H

#include "wakeup.h"
#include "connection/connection.h"
#include "entry.h"
#include "connection/link.h"
#include "connection/server_error.h"

enum {
    RD_PAGE = 100,                      /* entries that one command is about, at most */
    RD_COUNT_MAX = 250,                 /* entries read at once, at most */
    RD_MEMBERS = 64
};

/* The consumer that holds what was returned: no process has that name, so nobody waits for it to come back. */
extern const char rd_returned_consumer[];

enum rd_inflight_state {
    RD_UNUSED,
    RD_FETCHED,         /* ours at the server, not handed over: in the fetched line */
    RD_DELIVERED,             /* at the host */
    RD_DECIDED,         /* has its verdict: in its stream's decided line */
    RD_SETTLING            /* the verdict is at the server without an answer: in the pipeline */
};

/* A reply that entries were read from; goes when they are handed over. */
struct rd_shared_reply {
    struct rd_arena arena;
    size_t users;
    struct rd_shared_reply *next;              /* of the spare ones */
};

/* An entry under way. Its address stays; its token is its number and generation, so that an old one is noticed. */
struct rd_inflight {
    uint32_t number, generation;
    enum rd_inflight_state state;
    uint32_t deliveries;
    struct rd_stream *stream;
    struct rd_id id;
    int64_t alive_ms;                   /* the server has given us claim_after from then on, at least */
    size_t bytes;
    uint32_t verdict;                   /* enum eb_verdict_kind */
    uint32_t group_epoch;                    /* of its group, when it came */
    bool told;                          /* to the host */
    bool lost;                          /* another one has it by now */
    bool trimmed;                       /* no longer in the stream */
    bool resent;                         /* its verdict was sent before, on a connection that is gone */
    struct rd_shared_reply *reply;             /* RD_FETCHED: */
    const struct rd_node *fields;       /*   where it lies */
    struct rd_inflight *next;               /* in its line, or of the free ones */
    struct rd_inflight *same_bucket;               /* of its bucket */
};

struct rd_queue {
    struct rd_inflight *first, **end;
    size_t n;
};

/* An entry that somebody left and that we are about to take over. */
struct rd_row {
    struct rd_id id;
    uint32_t deliveries;
    bool claimed;
};

/* One search through the pending entries of a group. */
struct rd_claim {
    bool busy, own, more;
    bool maybe_in_read;                         /* some may be on their way to us in the read under way */
    struct rd_id next;                  /* where it goes on */
    size_t requested, n, missing, trimmed;
    struct rd_id first_trimmed;
    int64_t at_ms;                      /* when it was asked for them */
    struct rd_row rows[RD_PAGE];
};

/* A topic of the subscription. */
struct rd_stream {
    const char *name;
    size_t len;
    bool joining, joined;
    bool was_joined;                    /* in this life */
    bool absent;                        /* it did not exist at the last look: whatever comes into it is new to us */
    bool absence_logged;
    int64_t join_ms;                    /* not to be joined before */
    bool own_done;                      /* what we had before is fetched: new entries may be read */
    bool reading;                       /* the read under way is about it, too */
    uint32_t group_epoch;                    /* times that we had to make the group */
    struct rd_id last;                  /* newest entry read here */
    struct rd_claim claim;
    int64_t scan_ms, sweep_ms;          /* when we look again for what others left; for names without use */
    int64_t own_again_ms;               /* for what is ours and did not come; 0: there is nothing in doubt */
    struct rd_queue decided;
    bool end_known, ended;
    struct rd_id end;
    bool end_delivered;                 /* to the group, as of the last look */
    bool checking_end;                       /* whether its end is reached */
};

/* The server's clock beside ours: see server_clock.c. */
struct rd_server_clock {
    bool known, refused;
    int64_t asked_ms;                   /* the round that last asked */
    int64_t offset_ms;                  /* the server's time less ours, as last told */
    int64_t uncertain_ms;                   /* and how long the answer took */
    int64_t no_claim_ms;                /* what looks left until then may be at work */
};

struct rd_member {
    const struct rd_stream *stream;
    char name[64];
    int64_t seen_ms;                    /* when it last asked the server, as of our first look */
    bool alive;                         /* and has done so since */
};

struct rd_sent_verdict {
    struct rd_inflight *inflight;
    bool extend;
    int64_t at_ms;
};

/* Whether another worker has this one's name; see membership.c. */
struct rd_membership {
    char *mark;                         /* ":name:number:hashes", behind the name of each connection */
    size_t name_len, mark_len;          /* of ":name:", and with "number:" */
    bool list_awaited, known;                  /* CLIENT LIST is under way; the name is ours */
    bool told, blind;
    int64_t since_ms, look_ms;          /* the first look on this connection; the next one */
};

struct rd_consumer {
    const struct eb_host *host;
    const struct rd_settings *set;
    const struct eb_subscription *sub;
    struct rd_target target;
    struct rd_conn reader, control;
    struct rd_bell bell;
    struct rd_link link;
    struct rd_membership membership;
    struct rd_stream *streams;
    size_t n_streams, turn;
    size_t me_len, group_len;

    struct rd_inflight **items;
    size_t n_items, room_items;
    struct rd_inflight *free_items;
    struct rd_inflight **buckets;           /* room_items of them: those that are not free, by their place */
    struct rd_queue fetched;
    struct rd_shared_reply *spare;
    size_t n_spare;
    size_t open, reserved;              /* entries without verdict; and what may come of what was asked */
    size_t out;                         /* entries at the host without verdict */
    size_t bytes, bytes_out;            /* payload of the open ones; of those at the host */
    size_t average_bytes;                 /* of one entry */
    size_t count_cap;                   /* entries asked for at once, since an answer was too large */

    struct rd_sent_verdict *pipeline;           /* verdicts at the server without an answer: a ring */
    size_t sent_first, sent_n, sent_room;
    struct rd_inflight **extends;           /* to be sent */
    uint32_t *extends_generation;
    size_t n_extends, room_extends;

    bool read_awaited;
    size_t read_reserved;
    int64_t read_ms;
    int64_t lost_read_ends_ms, maybe_lost_until_ms;         /* a read that was lost may take entries up to then; perhaps up to then */
    bool no_idle;                       /* the server's XPENDING knows no IDLE */
    bool warned_order;
    bool refused_for_good;              /* the server refuses what no later try changes: */
    struct eb_error why;                /*   this; empty once the host knows */
    struct rd_server_clock clock;
    bool closing, leaving;
    size_t leaves;                      /* answers to come */
    int64_t extended_ms, life_shown_ms, end_ms;
    struct rd_member members[RD_MEMBERS];
    size_t n_members;
    /* of the receive at work */
    uint32_t max;
    size_t settled;                     /* verdicts reported */
    bool host_refused;                       /* the host took no more */
};

static inline struct rd_consumer *rd_consumer_of(const struct rd_conn *conn) {
    return conn->owner;
}

/* An answer came that is no refusal. */
void rd_confirm_link(struct rd_conn *);

/* The class of a refusal; err says whose it is and what to do about it. */
enum rd_error_class rd_stream_error(const struct rd_consumer *, const struct rd_stream *, const struct rd_node *, const char *what,
                           struct eb_error *err);

/* ---- inflight.c ---- */

/* NULL: no memory. */
struct rd_inflight *rd_inflight_add(struct rd_consumer *, struct rd_stream *, struct rd_id);
void rd_inflight_remove(struct rd_consumer *, struct rd_inflight *);
uint64_t rd_inflight_token(const struct rd_inflight *);
struct rd_inflight *rd_inflight_find(const struct rd_consumer *, uint64_t token);
bool rd_is_inflight(const struct rd_consumer *, const struct rd_stream *, struct rd_id);
void rd_queue_append(struct rd_queue *, struct rd_inflight *);
struct rd_inflight *rd_queue_take(struct rd_queue *);

/* How many entries more may be asked for now, within the host's bounds. */
size_t rd_receive_capacity(const struct rd_consumer *);

/* The answer that `reader` or `side` just got, kept for what is made of it. NULL: no memory. */
struct rd_shared_reply *rd_reply_share(struct rd_consumer *, struct rd_conn *);
void rd_reply_release(struct rd_consumer *, struct rd_shared_reply *);
void rd_inflight_free_all(struct rd_consumer *);

/* An entry of an answer, [id, fields], is ours now. EB_OK, or negative as an answer's. */
int32_t rd_fetch(struct rd_consumer *, struct rd_stream *, struct rd_shared_reply *, const struct rd_node *entry,
                 uint32_t deliveries, int64_t alive_ms, struct rd_id *, struct eb_error *);

/* Entries that were trimmed away before this group had acknowledged them. */
void rd_log_trimmed(struct rd_consumer *, const struct rd_stream *, size_t n, struct rd_id first);

/* ---- membership.c ---- */

/* Makes the mark, when the streams are known. False: no memory. */
bool rd_membership_open(struct rd_consumer *);
void rd_membership_free(struct rd_consumer *);

/* Looks, where that is due, whether another worker has our name; if so, the consumer is refused for good. */
void rd_membership_check(struct rd_consumer *);

/* A new connection: what was known may have changed. */
void rd_membership_reset(struct rd_consumer *);

/* ---- join.c ---- */

bool rd_make_streams(struct rd_consumer *);

/* Makes the groups that are not there, in the streams that are, as far as the side connection is ready. */
void rd_join(struct rd_consumer *);

/* The group is to be made again. */
void rd_unjoin(struct rd_stream *);

/* ---- read.c ---- */

void rd_read(struct rd_consumer *);
void rd_read_lost(struct rd_consumer *);

/* Lets a read that waits at the server come back at once. */
void rd_end_read(struct rd_consumer *);

/* ---- claim.c ---- */

void rd_claim(struct rd_consumer *);

/* When a stream's pending entries are looked at next, if nothing is under way there. */
int64_t rd_claim_due_ms(const struct rd_consumer *, const struct rd_stream *);
void rd_claims_lost(struct rd_consumer *);

/* ---- server_clock.c ---- */

/* Asks for the server's time, once a round: what is asked next is answered by the same clock. */
void rd_server_clock_check(struct rd_consumer *, int64_t now_ms);

/* Lets idle times that lie in the server's future begin anew. */
void rd_server_clock_reset_idle(struct rd_consumer *, struct rd_stream *);

/* ---- settle.c ---- */

int32_t rd_settle(struct rd_consumer *, const struct eb_verdict *, struct eb_error *);
void rd_send_verdicts(struct rd_consumer *);
void rd_verdicts_lost(struct rd_consumer *);
bool rd_has_verdicts(const struct rd_consumer *);

/* Gives up membership where nothing is left pending. */
void rd_leave(struct rd_consumer *);

/* Keeps alive what is fetched and not handed over. */
void rd_extend_fetched(struct rd_consumer *);

/* Gives back all that is fetched. */
void rd_return_fetched(struct rd_consumer *);

/* All that has a verdict and no answer: too late. */
void rd_abandon_verdicts(struct rd_consumer *);

/* ---- deliver.c, until_end.c ---- */

uint32_t rd_deliver(struct rd_consumer *, uint32_t max);
void rd_check_end(struct rd_consumer *);
bool rd_at_end(const struct rd_consumer *);

/* ---- asking ---- */

/* A command on the side connection; a text of NULL ends it. Without memory the connection is given up. */
void rd_control_command(struct rd_consumer *, rd_reply_handler, uint64_t arg, const char *const *argv);

static inline uint64_t rd_stream_number(const struct rd_consumer *c, const struct rd_stream *stream) {
    return (uint64_t)(stream - c->streams);
}

#endif
