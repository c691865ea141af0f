/* tests/plugins/wrong/wrong.h - a small broker for tests: topics and groups in a file that its processes map. It breaks one
 * promise on purpose: wrong_name, which differs in each plugin made of it, says which. As "right" it keeps them all. */
#ifndef WRONG_H
#define WRONG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <eventbus/plugin.h>

extern const char wrong_name[];

static inline bool is(const char *fault) {
    return strcmp(wrong_name, fault) == 0;
}

/* ---- what is stored: all of it lies in the file, which every process maps at the same address ---- */

enum { LEASE_MS = 500, TOPICS_MOST = 32 };

struct stored {
    struct eb_message message; /* a deep copy; token 0 */
    char position[24];
};

struct topic {
    struct topic *next;
    char *name;
    struct stored **messages;
    size_t n, first; /* first: the oldest that was not trimmed */
    const struct eb_schema *first_schema;
};

/* An open consumer, of any process. */
struct member {
    struct member *next;
    pid_t pid;
    uint32_t number; /* from 1; each is given once */
    const char *name;
    bool gone; /* it was closed, or its process has ended */
    struct group *groups[TOPICS_MOST];
    size_t n_groups;
};

enum state { WAITING, OUT, DONE };

/* What became of one message for one group. */
struct entry {
    enum state state;
    struct member *at; /* OUT: who has it, */
    int64_t until_ms;  /*   and its lease's end */
    int64_t due_ms;    /* WAITING: not before */
    uint32_t deliveries, failures;
    uint32_t failed_at; /* the member of the last failure */
    bool returned;
};

struct group {
    struct group *next;
    struct topic *topic;
    char *name;
    struct entry *entries;
    size_t n, room, start, acked_to;
    size_t low; /* all entries before are DONE */
};

struct schema_entry {
    struct schema_entry *next;
    struct eb_schema schema;
    struct topic *topic; /* of the first message that came with it */
};

struct broker {
    uint64_t magic;
    pthread_mutex_t lock;     /* guards all that follows */
    _Atomic uint32_t changed; /* a futex: counts what waiters may have to look at */
    char *unused;             /* where memory is free from */
    struct topic *topics;
    struct group *groups;
    struct member *members;
    struct schema_entry *schemas;
    uint64_t n_schemas;
    uint32_t n_members, n_made; /* topics that were ever made */
};

/* The broker, once wrong_open has mapped it. One file a process. */
extern struct broker *broker;

struct settings {
    const char *path;
    int64_t queue;
};

/* Fills the error, if there is one, and returns its status. */
int32_t wrong_error(struct eb_error *, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));
int32_t wrong_open(const struct settings *, struct eb_error *);

void wrong_lock(void);
void wrong_unlock(void);
/* Lets everything look that waits. */
void wrong_notify(void);
/* Memory of the broker's, zeroed. It is never freed. Lock held. */
void *wrong_alloc(size_t);
int64_t wrong_now_ms(clockid_t);

/* What an instance waits with. */
struct waiter {
    bool woken, waiting;
    bool ever; /* it was woken at any time */
};

void wrong_wake(struct waiter *);
/* Waits, the lock released meanwhile, until something changed or the time (of CLOCK_MONOTONIC) is over; false when it is. */
bool wrong_wait(struct waiter *, int64_t end_ms);

/* ---- topics, groups, points; lock held ---- */

struct topic *wrong_topic(const char *name);
struct topic *wrong_make_topic(const char *name);
void wrong_store(const struct eb_message *, char position[24]);
struct group *wrong_group(const struct topic *, const char *name);
struct group *wrong_make_group(struct topic *, const char *name, size_t start);
/* Makes an entry for each message that the topic has by now. */
void wrong_follow(struct group *);
/* Takes back what dead members hold, and what one of another process holds for longer than its lease. */
void wrong_take_back(struct group *, int64_t now_ms);
void wrong_bury_the_dead(void);
bool wrong_same_key(const struct eb_message *, const struct eb_message *);
int32_t wrong_point_check(const struct eb_point *, struct eb_error *);
/* Finds the number of the first message from a point on. topic NULL: there is none yet. */
int32_t wrong_point_first(const struct topic *, const struct eb_point *, size_t *first, struct eb_error *);

/* ---- the ops, which plugin.c puts into tables ---- */

int32_t wrong_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err);
int64_t wrong_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err);
int32_t wrong_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err);
void wrong_producer_wake(void *self);
void wrong_producer_close(void *self, int32_t timeout_ms);
int32_t wrong_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                            struct eb_error *err);
int32_t wrong_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err);
int32_t wrong_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err);
void wrong_consumer_wake(void *self);
void wrong_consumer_pause(void *self, uint32_t partition, int32_t on);
void wrong_consumer_close(void *self, int32_t timeout_ms);
int32_t wrong_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err);
void wrong_admin_close(void *self);
int32_t wrong_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                           struct eb_error *err);
int32_t wrong_admin_groups(void *self, const char *topic, const char *name, int32_t timeout_ms,
                           int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err);
int32_t wrong_admin_browse(void *self, const char *name, const struct eb_point *from, int32_t timeout_ms,
                           int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err);
int32_t wrong_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                         int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                         struct eb_error *err);
int32_t wrong_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                         struct eb_error *err);
int32_t wrong_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                           struct eb_error *err);
int32_t wrong_admin_remove(void *self, const char *name, const char *group, int32_t timeout_ms, struct eb_error *err);

#endif
