/* plugins/memory/broker.h - a broker within this process: what is stored, and who may have which message next.
 *
 * A topic keeps its messages in a row, numbered from 1. A group has a cursor into it; each message that the cursor has
 * passed and that is not settled is a work in the group's `open`, in the order of the topic. A work may be handed out
 * when the nearest older open one of its key is out at the same member, or there is none: that is all there is to order
 * by key. A delayed retry is a work that may not go out yet, so what is behind it waits without further ado.
 *
 * One mutex, `memory_mutex`, guards everything here. It is held by the caller of all functions but those marked [free],
 * and never while the host is called, which may hold a lock of its own that its call of wake waits for; but for
 * `matches`, which takes none. */
#ifndef MEMORY_BROKER_H
#define MEMORY_BROKER_H

#include <pthread.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

enum { BUCKETS = 1024, AHEAD = 4096 };

struct settings {
    const char *name;
    int64_t max_messages, max_bytes;
};

/* A message as it is kept: one allocation, unchanged once it is in a topic. */
struct stored {
    struct eb_message message;      /* as each member gets it, but for token, deliveries and failures */
    int64_t seq, serial;            /* its number in the topic; its number in the broker */
    size_t bytes;
    unsigned refs;                  /* the topic's, one for each work, one while it is browsed */
    char position[24];              /* seq as text */
    struct eb_header headers[];     /* attributes, then the others; behind them all bytes */
};

struct work {                       /* its address is the token */
    struct group *group;            /* NULL: moved or removed while this was out */
    struct stored *stored;
    struct member *holder;          /* NULL: it waits */
    struct work **bucket, *older, *newer;   /* where its key is, with the open ones beside it there */
    int64_t due;                    /* not to be handed out before, by memory_ticks */
    uint32_t deliveries, failures;
    bool elsewhere;                 /* see memory_at_end: it, or one in front of it, is out at another member */
};

struct group {
    struct group *next;
    struct topic *topic;
    int64_t cursor;                 /* the first that has not been looked at */
    bool strict;                    /* the topic is one line, whatever the keys: its members agree on that */
    size_t n_out, n_open, room;
    struct work **open;             /* by seq; of those that wait no more than AHEAD, then the group stands still */
    struct work *newest[BUCKETS];   /* of the keys with that hash */
    char name[];
};

struct topic {
    struct topic *next;
    struct group *groups;
    struct stored **row;            /* numbers low .. end - 1 */
    size_t room, bytes;
    int64_t low, end;
    char name[];
};

struct member {                     /* a consumer */
    struct member *next;
    struct broker *broker;
    const struct eb_host *host;     /* is asked which topics match */
    const struct eb_subscription *subscription;
    int64_t last;                   /* until_end: the serial of the last message when it came */
    size_t n_out, bytes_out, turn;
    bool rung;
};

struct broker {                     /* lives as long as the process, so that what is sent outlives those who sent it */
    struct broker *next;
    struct topic *topics;           /* by name */
    size_t n_topics;
    struct member *members;
    struct schema *schemas;         /* each once: as many as the program has */
    int64_t serial;                 /* of the last message */
    pthread_cond_t arrived;         /* something for members: a message, a verdict, a wake */
    pthread_cond_t called;          /* a producer's wake */
    char name[];
};

extern pthread_mutex_t memory_mutex;

/* [free] Fills err and answers status. */
int32_t memory_fail(struct eb_error *err, int32_t status, int32_t kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int32_t memory_used_up(struct eb_error *err);       /* [free] EB_RETRIABLE, out of memory */
int64_t memory_ticks(void);                         /* [free] monotonic, ms */
void memory_wait(pthread_cond_t *, int64_t until);

struct broker *memory_broker(const char *name);     /* made by the first who asks; NULL: no memory */
struct topic *memory_topic(const struct broker *, const char *name);    /* NULL: there is none */
struct topic *memory_topic_make(struct broker *, const char *name);     /* found or made; NULL: no memory */
void memory_topic_remove(struct broker *, struct topic *);              /* with its groups */
void memory_topic_drop(struct topic *, int64_t before);                 /* messages, not works */

int64_t memory_number(const char *position);        /* [free] -1: it is no position */
int32_t memory_check(const struct eb_point *, struct eb_error *);       /* [free] EB_PERMANENT: a position that is none */
int64_t memory_find(const struct topic *, const struct eb_point *);     /* the number a checked point means, low .. end */

struct stored *memory_copy(const struct eb_message *);                  /* [free] NULL: no memory */
void memory_release(struct stored *);

/* Puts a copy of `from` at the end of its topic. EB_FULL: no room there; EB_RETRIABLE: no memory; then nothing is done. */
int32_t memory_append(struct broker *, struct stored *, const struct eb_message *from, const struct settings *);

struct group *memory_group(const struct topic *, const char *name);     /* NULL: there is none */
struct group *memory_group_make(struct topic *, const char *name);      /* found, or made at the end; NULL: no memory */
void memory_group_remove(struct group *);
int64_t memory_group_floor(const struct group *);                       /* the first that is not settled */
void memory_group_forget(struct group *, int64_t before);               /* works; those out: EB_GONE when settled */

bool memory_wants(const struct member *, const struct topic *);

/* The member's group in a topic, made where the subscription starts if need be. NULL: no memory. */
struct group *memory_enter(const struct member *, struct topic *);

int32_t memory_join(struct member *, struct eb_error *);    /* one more member, in all topics that it wants */
void memory_leave(struct member *);                         /* what it still holds goes to others */

/* Hands the member up to max works; answers how many. */
size_t memory_claim(struct member *, struct work **got, size_t max, int64_t now);

/* Takes the member's final verdict. EB_GONE: the work was forgotten. */
int32_t memory_settle(struct member *, struct work *, const struct eb_verdict *, int64_t now);

int64_t memory_next_due(const struct member *, int64_t now);            /* after now; INT64_MAX: nothing is delayed */
bool memory_at_end(const struct member *);                              /* see until_end in plugin.h */

#endif
