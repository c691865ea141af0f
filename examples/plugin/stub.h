/* stub.h - a client library and its broker, both in the memory of this process: they stand in for the real ones.
 *
 * FILL IN: put your broker's client library in its place and delete the files stub*.[ch]; the compiler then names each call
 * of this library that producer.c, consumer.c and admin.c make. The stub works as most client libraries do:
 *
 *   - stub_connect returns at once. A thread of the library connects, connects again, sends and receives.
 *   - Results arrive by callbacks, one at a time, IN THAT THREAD, while the host calls the plugin's ops in another one.
 *   - The library holds no lock during a callback (except `wants`), so a callback may call it.
 *   - After stub_close has returned there are no more callbacks. */
#ifndef STUB_H
#define STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUB_NAME_ROOM = 256 }; /* bytes of a topic's or a group's name, with its NUL */

enum stub_result {
    STUB_OK,
    STUB_REFUSED,  /* the broker never takes this message */
    STUB_FULL,     /* the topic has no room now */
    STUB_DISCARDED /* the connection was closed before the message was sent */
};

/* One delivery of a message. The application owns it and gives it back with stub_message_free. */
struct stub_message {
    struct stub_message *next, *prev; /* for the application's lists */
    struct stored *stored;            /* the library's */
    uint64_t tag;                     /* names this delivery, for stub_settle; no other delivery gets it */
    uint64_t number;                  /* the message's number in its topic; the first has 1 */
    int64_t stored_ms;                /* ms since 1970 */
    uint32_t deliveries, retries;     /* this delivery included; STUB_RETRY before it */
    uint32_t verdict;                 /* for the application */
    const char *topic, *key;          /* key NULL: the message needs no order */
    size_t key_len;
    const char *bytes;
    size_t len;
};

/* A callback that an application does not need may be NULL. */
struct stub_callbacks {
    void (*connection)(void *arg, bool up, const char *why); /* at each change; down at first */
    void (*published)(void *arg, void *what, enum stub_result, uint64_t number);
    bool (*wants)(void *arg, const char *topic); /* whether the subscription includes the topic. Called with a lock held */
    void (*message)(void *arg, struct stub_message *, bool last); /* last: the request is answered */
    void (*settled)(void *arg, void *what, bool in_time); /* not in time: another member has it, or the connection broke */
    void (*ended)(void *arg);                             /* until_end: the group has settled all up to the end */
};

enum stub_where { STUB_FIRST, STUB_LAST, STUB_AT_TIME, STUB_AT_NUMBER };

struct stub_point {
    enum stub_where where;
    int64_t value; /* STUB_AT_TIME: ms since 1970; STUB_AT_NUMBER: a message's number */
};

struct stub_subscription {
    const char *group, *member;
    struct stub_point start; /* where the group begins if it does not exist */
    bool strict;             /* messages keep their order whatever their keys */
    bool until_end;
};

struct stub_client;

/* The broker `name` of this process. It is out of reach unless host is "localhost", and while the file `away` (NULL: none)
 * exists. Without a subscription the client receives nothing. All arguments are borrowed until stub_close. NULL: no memory,
 * or no thread. */
struct stub_client *stub_connect(const char *host, const char *name, const char *away, const struct stub_subscription *,
                                 const struct stub_callbacks *, void *arg);

/* Waits until the broker is reached, for `ms` at most. */
bool stub_wait_connected(struct stub_client *, int64_t ms);

/* Discards what was not sent, returns what was not settled, ends the thread. */
void stub_close(struct stub_client *);

/* Copies the message and queues it until it is stored, while the broker is away too. False: no memory. */
bool stub_publish(struct stub_client *, const char *topic, const char *key, size_t key_len, const char *bytes, size_t len,
                  void *what);

/* Asks for up to n messages, and none more once they have `bytes` bytes. The request stays open until the first messages came,
 * and is lost with the connection. n 0: ends it. */
void stub_fetch(struct stub_client *, size_t n, uint64_t bytes);

enum stub_verdict { STUB_ACK, STUB_RETRY, STUB_RETURN };

/* Queues a verdict; `settled` confirms it. False: no memory. */
bool stub_settle(struct stub_client *, uint64_t tag, enum stub_verdict, uint32_t delay_ms, void *what);

void stub_message_free(struct stub_message *);

/* ---- requests, for administration: they wait for the broker's answer ---- */

struct stub_topic_info {
    char name[STUB_NAME_ROOM];
    uint64_t first, end; /* the number of its first message; of the next one that is sent to it */
    uint64_t bytes;
    int64_t oldest_ms, newest_ms; /* -1: there is no message */
};

struct stub_group_info {
    char name[STUB_NAME_ROOM];
    uint64_t position; /* the first message that is not settled */
    uint64_t lag, in_flight, members;
    char member[STUB_NAME_ROOM]; /* the name of one of the members; its beginning, if it is long */
};

bool stub_topic(struct stub_client *, const char *topic, struct stub_topic_info *); /* false: no such topic exists */
bool stub_group(struct stub_client *, const char *topic, const char *group, struct stub_group_info *);

/* Replace the info by that of the next name in order; false: it was the last. An empty name begins. */
bool stub_next_topic(struct stub_client *, struct stub_topic_info *);
bool stub_next_group(struct stub_client *, const char *topic, struct stub_group_info *);

/* Returns the number of the first message at a point, or the topic's end if no message stands there. 0: no such topic
 * exists. */
uint64_t stub_find(struct stub_client *, const char *topic, const struct stub_point *);

/* Reads the first message from `number` on, for no group; sets NULL if the topic holds none. False: no memory. */
bool stub_read(struct stub_client *, const char *topic, uint64_t number, struct stub_message **);

bool stub_create_topic(struct stub_client *, const char *topic);                                   /* false: no memory */
bool stub_remove_topic(struct stub_client *, const char *topic);                                   /* false: there was none */
bool stub_remove_group(struct stub_client *, const char *topic, const char *group);                /* likewise */
bool stub_move_group(struct stub_client *, const char *topic, const char *group, uint64_t number); /* made if it is missing */
bool stub_trim(struct stub_client *, const char *topic, uint64_t before, bool unread_too);

#endif
