/* plugins/memory/broker.h - a broker within this process: what is stored, and who may have which message next.
 *
 * A topic keeps its messages in an array, numbered from 1. A group has a cursor into it; each message that the cursor has
 * passed and that is not settled is pending in the group, in the order of the topic. A pending message may be delivered
 * when the nearest older one of its key is in flight at the same member, or there is none: that is all there is to order
 * by key. A delayed retry is a pending message that is not due yet, so what is behind it waits too.
 *
 * One mutex, `memory_mutex`, guards all of this. The caller of each function holds it, but for those marked [free]. It is
 * never held while the host is called, whose lock may wait for the plugin's wake; except `matches`, which takes none. */
#ifndef MEMORY_BROKER_H
#define MEMORY_BROKER_H

#include <pthread.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

enum { BUCKETS = 1024, MOST_WAITING = 4096 };

struct settings {
    const char *name;
    int64_t max_messages, max_bytes;
};

/* A message as it is kept: one allocation, unchanged once it is in a topic. */
struct stored {
    struct eb_message message; /* as each member gets it, but for token, deliveries and failures */
    int64_t seq, serial;       /* its number in the topic; its number in the broker */
    size_t bytes;
    unsigned refs;              /* the topic's, one for each pending, one while it is browsed */
    char position[24];          /* seq as text */
    struct eb_header headers[]; /* attributes, then the others; behind them all bytes */
};

struct pending {         /* its address is the token */
    struct group *group; /* NULL: the group was moved or removed while this was in flight */
    struct stored *stored;
    struct member *holder;                   /* at whom it is in flight; NULL: it waits */
    struct pending **bucket, *older, *newer; /* those of the same key's hash */
    int64_t due;                             /* not to be delivered before; monotonic ms */
    uint32_t deliveries, failures;
    bool elsewhere; /* see memory_at_end: it, or one in front of it, is in flight at another member */
};

struct group {
    struct group *next;
    struct topic *topic;
    int64_t cursor; /* the first message that is not pending yet */
    bool strict;    /* messages keep their order whatever their keys; the members agree on that */
    size_t n_inflight, n_pending, room;
    struct pending **pending;        /* by seq; once MOST_WAITING wait, the cursor stops */
    struct pending *newest[BUCKETS]; /* by the hash of the key */
    char name[];
};

struct topic {
    struct topic *next;
    struct group *groups;     /* by name */
    struct stored **messages; /* numbers low .. end - 1 */
    size_t room, bytes;
    int64_t low, end;
    char name[];
};

struct member { /* a consumer */
    struct member *next;
    struct broker *broker;
    const struct eb_host *host; /* is asked which topics match */
    const struct eb_subscription *subscription;
    int64_t last;     /* until_end: the serial of the last message when the member joined */
    int64_t next_due; /* when the first delayed message that the last memory_claim passed is due; INT64_MAX: there was none */
    size_t n_inflight, bytes_inflight, turn;
    bool woken;
};

struct broker { /* lives as long as the process, so that what is sent outlives those who sent it */
    struct broker *next;
    struct topic *topics; /* by name */
    size_t n_topics;
    struct member *members;
    struct schema *schemas; /* each once: as many as the program has */
    int64_t serial;         /* of the last message */
    pthread_cond_t arrived; /* members have something to look at: a message, a verdict, a wake */
    pthread_cond_t called;  /* a producer's wake */
    char name[];
};

extern pthread_mutex_t memory_mutex;

/* [free] EB_RETRIABLE: a later try may find memory. */
int32_t memory_exhausted(struct eb_error *);
void memory_wait(pthread_cond_t *, int64_t until); /* until: monotonic ms */

struct broker *memory_broker(const char *name);                      /* [free] found or created; NULL: no memory */
struct topic *memory_topic(const struct broker *, const char *name); /* NULL: there is none */
struct topic *memory_topic_make(struct broker *, const char *name);  /* found or created; NULL: no memory */
void memory_topic_remove(struct broker *, struct topic *);           /* with its groups */
void memory_topic_drop(struct topic *, int64_t before);              /* messages; what is pending stays */

int64_t memory_number(const char *position);                        /* [free] -1: not a position */
int32_t memory_check(const struct eb_point *, struct eb_error *);   /* [free] EB_PERMANENT: not a position */
int64_t memory_find(const struct topic *, const struct eb_point *); /* the number of a checked point, low .. end */

struct stored *memory_copy(const struct eb_message *); /* [free] NULL: no memory */
void memory_release(struct stored *);

/* Puts a copy of `from` at the end of its topic. EB_FULL: no room there; EB_RETRIABLE: no memory; nothing is stored then. */
int32_t memory_append(struct broker *, struct stored *, const struct eb_message *from, const struct settings *);

struct group *memory_group(const struct topic *, const char *name); /* NULL: there is none */
struct group *memory_group_make(struct topic *, const char *name);  /* found, or created at the end; NULL: no memory */
void memory_group_remove(struct group *);
int64_t memory_group_floor(const struct group *);         /* the first message that is not settled */
void memory_group_forget(struct group *, int64_t before); /* what is pending; what is in flight is settled with EB_GONE */

bool memory_wants(const struct member *, const struct topic *);

/* The member's group in a topic, created where the subscription starts if there is none. NULL: no memory. */
struct group *memory_enter(const struct member *, struct topic *);
bool memory_join(struct member *);  /* enters all topics it wants; false: no memory */
void memory_leave(struct member *); /* what it has in flight goes to others */

/* Puts up to max messages in flight at the member; returns how many. */
size_t memory_claim(struct member *, struct pending **got, size_t max, int64_t now);

/* Carries out the member's verdict. EB_GONE: the message was forgotten. */
int32_t memory_settle(struct member *, struct pending *, const struct eb_verdict *, int64_t now);

bool memory_at_end(const struct member *); /* see until_end in plugin.h */

#endif
