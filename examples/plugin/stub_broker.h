/* stub_broker.h - what the stub's broker keeps. FILL IN: delete it; see stub.h.
 *
 * One mutex guards all of it; the caller of each function holds it. */
#ifndef STUB_BROKER_H
#define STUB_BROKER_H

#include <pthread.h>
#include "stub.h"

enum { MOST_STORED = 100000, MOST_WAITING = 4096 };

struct stored { /* one allocation; its texts stand behind it */
    unsigned refs;
    uint64_t serial, number, key_hash; /* serial: its number in the broker */
    int64_t stored_ms;
    const char *topic, *key, *bytes;
    size_t key_len, len;
    bool has_key;
};

struct pending { /* a message that its group has seen and not settled */
    struct stored *stored;
    const struct stub_client *holder; /* NULL: it waits */
    uint64_t tag;
    int64_t due; /* monotonic ms */
    uint32_t deliveries, retries;
    bool elsewhere; /* for stub_at_end: it, or one before it, is in flight at another member */
};

struct group {
    struct group *next;
    uint64_t cursor; /* the first message that is not pending yet */
    struct pending *pending;
    size_t n, room;
    bool strict;
    char name[STUB_NAME_ROOM];
};

struct topic {
    struct topic *next;
    struct group *groups;
    struct stored **stored;
    size_t n, room;
    uint64_t first; /* the number of stored[0] */
    char name[STUB_NAME_ROOM];
};

struct broker {
    struct broker *next;
    struct topic *topics; /* by name */
    struct member *members;
    uint64_t serial;
    pthread_cond_t changed;
    char name[STUB_NAME_ROOM];
};

struct member { /* a client with a subscription */
    struct member *next;
    const struct stub_client *client;
    const struct stub_subscription *subscription;
    bool (*wants)(void *arg, const char *topic);
    void *arg;
    bool joined;   /* a topic that appears after that is read from its start */
    uint64_t last; /* the serial of the newest message when it joined */
    uint64_t tags;
    size_t turn;
};

extern pthread_mutex_t stub_mutex;

int64_t stub_now_ms(void);                           /* monotonic; no lock needed */
struct broker *stub_broker(const char *name);        /* takes the mutex by itself. NULL: no memory */
struct broker *stub_broker_of(struct stub_client *); /* no lock needed */
uint64_t stub_end(const struct topic *);             /* the number of the next message */
struct topic *stub_topic_of(const struct broker *, const char *name);
struct topic *stub_make_topic(struct broker *, const char *name);
struct group *stub_group_of(const struct topic *, const char *name);
struct group *stub_make_group(struct topic *, const char *name, uint64_t cursor);
uint64_t stub_floor(const struct group *); /* the first message that is not settled */
uint64_t stub_at(const struct topic *, const struct stub_point *);
void stub_forget(struct group *, uint64_t before); /* what is pending; its holders' verdicts come too late */
void stub_drop(struct topic *, uint64_t before);   /* messages */
void stub_free_group(struct group *);

struct stored *stub_store(const char *topic, const char *key, size_t key_len, const char *bytes, size_t len); /* no lock */
void stub_release(struct stored *);
enum stub_result stub_append(struct broker *, struct stored *); /* takes it over if it returns STUB_OK */
struct stub_message *stub_delivery(struct stored *);            /* NULL: no memory */

void stub_join(struct broker *, struct member *);
/* Claims up to n messages into the list *to; none more once they have `bytes` bytes. *due: when a delayed one is due. */
size_t stub_claim(struct broker *, struct member *, size_t n, uint64_t bytes, struct stub_message **to, int64_t *due);
bool stub_decide(struct broker *, const struct member *, uint64_t tag, enum stub_verdict, uint32_t delay_ms);
void stub_give_up(struct broker *, const struct stub_client *, bool uncounted); /* all that it holds */
bool stub_at_end(const struct broker *, const struct member *);

#endif
