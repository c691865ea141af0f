/* plugins/redis/consumer/state.h - one consumer instance, as the files of this folder see it. All of it but the wakeup
 * belongs to the thread in receive, settle or close. It has two connections: `reader` waits in XREADGROUP for new
 * entries; `control` sends everything else.
 *
 *   consumer.c      the operations of the role: what one round of receive does, and what it waits for
 *   membership.c    finds out whether another worker uses this consumer's name
 *   join.c          creates the groups, and creates them again when they are gone
 *   read.c          reads new entries
 *   claim.c         takes over pending entries: its own of an earlier life, returned ones, those of dead consumers
 *   presence.c      shows that we are alive, and removes the names of consumers that are gone
 *   server_clock.c  notices that the server's clock was set
 *   inflight.c      the entries in flight
 *   deliver.c       delivers entries to the host
 *   settle.c        sends verdicts and reports what came of them
 *   until_end.c     whether a consumer that stops at the end is there */
#ifndef RD_CONSUMER_STATE_H
#define RD_CONSUMER_STATE_H

#include <eventbus/plugin-help/tokens.h>
#include <eventbus/plugin-help/wakeup.h>

#include "connection/connection.h"
#include "connection/link.h"
#include "connection/server_error.h"
#include "entry.h"
#include "options.h"

enum {
    RD_PAGE = 100,      /* the most entries that one command is about */
    RD_COUNT_MAX = 250, /* the most entries that one XREADGROUP asks for */
    RD_MEMBERS = 64
};

enum rd_inflight_state {
    RD_UNUSED,
    RD_FETCHED,   /* pending at the server under our name and not delivered yet: in the queue `fetched` */
    RD_DELIVERED, /* at the host, without a verdict */
    RD_DECIDED,   /* has its verdict: in its stream's queue `decided` */
    RD_SETTLING   /* the verdict is sent and the server has not replied: in the ring `sent` */
};

/* A reply that entries were read from. It is freed when the last of them is delivered. */
struct rd_shared_reply {
    struct rd_arena arena;
    size_t users;
    struct rd_shared_reply *next; /* of the spare ones */
};

/* An entry in flight. Its address stays the same, and its token is that of its slot. */
struct rd_inflight {
    struct ebp_token_slot slot;
    enum rd_inflight_state state;
    uint32_t deliveries;
    struct rd_stream *stream;
    struct rd_id id;
    int64_t alive_ms;              /* nobody takes it over until claim_after later */
    size_t bytes;                  /* of its payload */
    uint32_t verdict;              /* enum eb_verdict_kind */
    uint32_t group_epoch;          /* of its stream, when it was read */
    bool delivered;                /* the host knows it */
    bool lost;                     /* another consumer has it by now */
    bool trimmed;                  /* it is no longer in the stream */
    bool missed;                   /* XACK did not find it pending */
    bool resent;                   /* its verdict was sent before, on a connection that was lost */
    struct rd_shared_reply *reply; /* RD_FETCHED: holds its fields */
    const struct rd_node *fields;
    struct rd_inflight *next; /* in its queue */
    struct rd_inflight *same_bucket;
};

struct rd_queue {
    struct rd_inflight *first, **end;
    size_t n;
};

/* A pending entry that we are about to take over. */
struct rd_row {
    struct rd_id id;
    uint32_t deliveries;
    bool claimed;
};

/* One search through the pending entries of a group, page by page. */
struct rd_claim {
    bool busy;          /* a page is being worked on */
    bool whole;         /* among all entries; else among those that others left */
    bool first;         /* new entries may be read when it has ended */
    bool ours;          /* the page is of our own entries; else of those that others left */
    bool more;          /* there may be another page */
    bool maybe_in_read; /* the read under way may bring some of them */
    struct rd_id next;  /* where the next page begins */
    size_t requested, listed, n, missing, trimmed;
    struct rd_id first_trimmed;
    int64_t at_ms; /* when XCLAIM was sent */
    struct rd_row rows[RD_PAGE];
};

/* A topic of the subscription. */
struct rd_stream {
    const char *name;
    size_t len;
    bool joining, joined; /* XGROUP CREATE is under way; the group exists */
    bool was_joined;      /* at some time since open */
    bool absent;          /* it did not exist at the last look: whatever comes into it is new to us */
    bool absence_logged;
    int64_t join_ms;      /* not to be joined before */
    bool pending_done;    /* what was pending for us is fetched: new entries may be read */
    bool reading;         /* it is among the streams of the read under way */
    uint32_t group_epoch; /* how often we created the group */
    struct rd_id last;    /* the newest entry read here */
    struct rd_claim claim;
    int64_t scan_ms;      /* when to look next for what others left */
    int64_t sweep_ms;     /* when to look next for names that nobody uses */
    int64_t own_again_ms; /* when to look next for own entries that a lost read brought; 0: not needed */
    struct rd_queue decided;
    bool end_known, ended;
    struct rd_id end;
    bool checking_end;
};

/* The server's clock compared with ours: see server_clock.c. */
struct rd_server_clock {
    bool known, refused;
    int64_t asked_ms;     /* the round that last sent TIME */
    int64_t offset_ms;    /* the server's time less ours, by the last reply */
    int64_t uncertain_ms; /* how long that reply took */
    int64_t no_claim_ms;  /* until then, an entry that looks left may be at work */
};

/* A consumer of the group, as until_end.c sees it. */
struct rd_member {
    const struct rd_stream *stream;
    char name[64];
    int64_t seen_ms; /* when it last sent a command, by our first look */
    bool alive;      /* it has sent another one since */
};

/* A command's part for one entry. An entry stays until its verdict is replied to; one whose lease was extended may be gone before. */
struct rd_sent_verdict {
    const struct rd_stream *stream;
    struct rd_inflight *inflight; /* NULL: an extension */
    uint64_t extended;            /* the token of the entry whose lease was extended */
    int64_t at_ms;
};

/* Whether another worker has this one's name: see membership.c. */
struct rd_membership {
    char *mark;                /* ":name:number:hashes", at the end of each connection's name */
    size_t name_len, mark_len; /* of ":name:", and of ":name:number:" */
    bool list_awaited;         /* CLIENT LIST is under way */
    bool known;                /* the name is ours */
    bool namesake_logged, unseen_logged;
    int64_t since_ms, look_ms; /* the first look on this connection; the next one */
};

struct rd_consumer {
    const struct eb_host *host;
    const struct rd_settings *set;
    const struct eb_subscription *sub;
    struct rd_target target;
    struct rd_conn reader, control;
    struct ebp_wakeup wakeup; /* any thread signals it */
    struct ebp_link link;
    struct rd_membership membership;
    struct rd_server_clock clock;
    struct rd_stream *streams;
    size_t n_streams, turn; /* turn: the stream that the next read begins with */

    struct ebp_token_table records; /* of struct rd_inflight */
    struct rd_inflight **buckets;   /* those in use, by stream and id */
    size_t n_buckets;               /* 0 or a power of two */
    struct rd_queue fetched;
    struct rd_shared_reply *spare;
    size_t n_spare;
    size_t open, reserved;   /* entries without a verdict; entries that commands under way may bring */
    size_t out;              /* entries at the host without a verdict */
    size_t bytes, bytes_out; /* payload of the open ones; of those at the host */
    size_t average_bytes;    /* of one entry */
    size_t count_cap;        /* the most entries to ask for at once; less after a reply was too large */

    struct rd_sent_verdict *sent; /* verdicts that the server has not replied to, oldest first */
    struct ebp_ring sent_ring;
    uint64_t *extends; /* tokens of entries whose lease is to be extended */
    size_t n_extends, extends_room;

    bool read_awaited;           /* XREADGROUP is under way, */
    int64_t read_ms;             /*   sent at this time, */
    size_t read_reserved;        /*   and may bring so many entries */
    size_t looked_at;            /* streams that were read in turn since one had an entry */
    int rest_ms;                 /* how long the last read after a whole round waited; 0: none yet */
    int64_t lost_read_ends_ms;   /* until then the server works on a read whose connection was lost */
    int64_t maybe_lost_until_ms; /* until then entries that a lost read brought may still become pending */
    bool no_idle;                /* the server's XPENDING does not know IDLE */
    bool warned_order;
    bool refused_for_good; /* the server refuses something that no later attempt changes: */
    struct eb_error why;   /*   the reason; empty once receive has returned it */
    bool closing, leaving;
    size_t leaves;         /* replies to XGROUP DELCONSUMER still to come at close */
    int64_t extended_ms;   /* when fetched entries were last extended */
    int64_t life_shown_ms; /* when life was shown last */
    int64_t end_ms;        /* when to look for the end next */
    struct rd_member members[RD_MEMBERS];
    size_t n_members;

    uint32_t max;      /* of the receive at work: what the host still takes, */
    size_t settled;    /*   how many verdicts it has reported, */
    bool host_refused; /*   whether the host took no more */
};

static inline struct rd_consumer *rd_consumer_of(const struct rd_conn *conn) {
    return conn->owner;
}

/* Commands about a stream carry its number as the argument of their handler. */
static inline uint64_t rd_stream_number(const struct rd_consumer *c, const struct rd_stream *stream) {
    return (uint64_t)(stream - c->streams);
}

static inline struct rd_stream *rd_stream_of(const struct rd_conn *conn, uint64_t number) {
    return &rd_consumer_of(conn)->streams[number];
}

/* ---- consumer.c ---- */

/* Notes that the server replied to a command and did not refuse it. */
void rd_confirm_link(struct rd_conn *);

/* Returns the class of an error reply about a stream. The format says what was tried; advice is added to err. */
enum rd_error_class rd_stream_error(const struct rd_consumer *, const struct rd_stream *, const struct rd_node *,
                                    struct eb_error *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Sends a command on the control connection; argv ends with NULL. Without memory the connection is given up. */
void rd_control_command(struct rd_consumer *, rd_reply_handler, uint64_t arg, const char *const *argv);

/* ---- inflight.c ---- */

/* NULL: no memory. */
struct rd_inflight *rd_inflight_add(struct rd_consumer *, struct rd_stream *, struct rd_id);
void rd_inflight_remove(struct rd_consumer *, struct rd_inflight *);

/* Whether we hold this entry and nobody else has taken it over. */
bool rd_is_inflight(const struct rd_consumer *, const struct rd_stream *, struct rd_id);
void rd_inflight_free_all(struct rd_consumer *);

/* The entry leaves the reply that it lies in; its fields are gone. */
void rd_inflight_release_fields(struct rd_consumer *, struct rd_inflight *);

void rd_queue_append(struct rd_queue *, struct rd_inflight *);
struct rd_inflight *rd_queue_take(struct rd_queue *); /* NULL: empty */

/* How many more entries may be asked for now, within the host's bounds. */
size_t rd_receive_capacity(const struct rd_consumer *);

/* Takes over the memory of the reply that a connection is handling. The caller releases it. NULL: no memory. */
struct rd_shared_reply *rd_reply_share(struct rd_consumer *, struct rd_conn *);
void rd_reply_release(struct rd_consumer *, struct rd_shared_reply *);

/* Makes an entry of a reply, [id, fields], a fetched one, and returns its id. EB_OK, or a status as of a reply
 * handler. */
int32_t rd_fetch(struct rd_consumer *, struct rd_stream *, struct rd_shared_reply *, const struct rd_node *entry,
                 uint32_t deliveries, int64_t alive_ms, struct rd_id *, struct eb_error *);

/* Logs and counts entries that were trimmed away before the group had acknowledged them. */
void rd_log_trimmed(struct rd_consumer *, const struct rd_stream *, size_t n, struct rd_id first);

/* ---- membership.c ---- */

/* Makes the mark; the streams are known by then. False: no memory. */
bool rd_membership_open(struct rd_consumer *);
void rd_membership_free(struct rd_consumer *);

/* Finds out, when it is due, whether another worker has our name; if so, the consumer is refused for good. */
void rd_membership_check(struct rd_consumer *);

/* Forgets what an earlier connection found out. */
void rd_membership_reset(struct rd_consumer *);

/* ---- join.c ---- */

/* Makes the streams of the subscription. False: no memory. */
bool rd_make_streams(struct rd_consumer *);

/* Creates the missing groups of streams that exist. */
void rd_join(struct rd_consumer *);

/* The group is gone and is to be created again. */
void rd_unjoin(struct rd_stream *);

/* ---- read.c ---- */

void rd_read(struct rd_consumer *);
void rd_read_lost(struct rd_consumer *);

/* Makes the server reply to the read under way at once. */
void rd_end_read(struct rd_consumer *);

/* ---- claim.c ---- */

void rd_claim(struct rd_consumer *);

/* How often to look for entries that others left: a fraction of the time after which they count as left. */
int64_t rd_scan_every_ms(const struct rd_consumer *);

/* When to look next at a stream's pending entries, if no look is under way. */
int64_t rd_claim_due_ms(const struct rd_consumer *, const struct rd_stream *);
void rd_claims_lost(struct rd_consumer *);
void rd_claim_give_up(struct rd_consumer *, struct rd_stream *); /* ends the look that is under way, and what it has reserved */

/* ---- presence.c ---- */

/* Shows the other members of each group, when it is due, that this one is alive. */
void rd_show_life(struct rd_consumer *);

/* When to do so next. */
int64_t rd_life_due_ms(const struct rd_consumer *);

/* Looks, when it is due, for members at work and for names of consumers that are gone. */
void rd_sweep(struct rd_consumer *, struct rd_stream *, int64_t now_ms);

/* Removes our name from each group in which nothing is pending under it. */
void rd_leave(struct rd_consumer *);

/* ---- server_clock.c ---- */

/* Asks for the server's time once a round, before what is to be compared with it: one server replies to both. */
void rd_server_clock_check(struct rd_consumer *, int64_t now_ms);

/* Restarts idle times that lie in the server's future. */
void rd_server_clock_reset_idle(struct rd_consumer *, struct rd_stream *);

/* ---- deliver.c ---- */

/* Delivers up to max fetched entries and returns how many the host took. */
uint32_t rd_deliver(struct rd_consumer *, uint32_t max);

/* ---- settle.c ---- */

int32_t rd_settle(struct rd_consumer *, const struct eb_verdict *, struct eb_error *);
void rd_send_verdicts(struct rd_consumer *);

/* After the control connection was lost: verdicts without a reply will be sent again. */
void rd_verdicts_lost(struct rd_consumer *);
bool rd_has_verdicts(const struct rd_consumer *);

/* Extends the leases of fetched entries. */
void rd_extend_fetched(struct rd_consumer *);

/* Returns all fetched entries to the group. */
void rd_return_fetched(struct rd_consumer *);

/* At close: reports every verdict that the server has not confirmed as too late. */
void rd_abandon_verdicts(struct rd_consumer *);

/* ---- until_end.c ---- */

void rd_check_end(struct rd_consumer *);
bool rd_at_end(const struct rd_consumer *);

#endif
