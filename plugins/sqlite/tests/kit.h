/* plugins/sqlite/tests/kit.h - hosts the plugin for tests, without the event bus: producers and consumers that remember what
 * they were told, processes that can be killed, TAP. Plain programs, so that they run under every sanitizer. */
#ifndef KIT_H
#define KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <eventbus/plugin.h>

#include "options.h"

/* ---- tests ---- */

struct kit_test {
    const char *name; /* a promise */
    void (*run)(void);
};

/* What another process of this program does; argv begins behind the name. */
struct kit_role {
    const char *name;
    int (*run)(int argc, char **argv);
};

/* main() of a test program: runs all tests, or the role that argv names. */
int kit_main(int argc, char **argv, const struct kit_test *, const struct kit_role *);

/* Ends the test as failed unless `is`. */
void kit_check(bool is, const char *format, ...) __attribute__((format(printf, 2, 3)));
void kit_skip(const char *why) __attribute__((noreturn));

/* A file in this test's own folder, which is removed behind it; lives until the test ends. */
const char *kit_file(const char *name);

/* A size: the small one, or the large one when EB_SOAK is set. */
long kit_size(long small, long large);

int64_t kit_now_ms(void);

/* What the process has done so far: a loop that sleeps too briefly is seen by its sleeps, one that does not sleep by its CPU. */
struct kit_work {
    int64_t at_ms, cpu_us, sleeps;
};
struct kit_work kit_work(void);

/* How long a test waits for what has to come; that it comes soon is for make bench to say. */
enum { KIT_PATIENCE_MS = 60000 };

/* What a test waits for, which may be slow on a busy machine but must go on. Zeroed at first. */
struct kit_patience {
    int64_t last, until_ms;
};
/* Fails the test when the number has been the same for a minute; what: what it counts. */
void kit_goes_on(struct kit_patience *, int64_t number, const char *what);
void kit_pause_ms(int64_t); /* for what has to stay as it is; never to wait for something */

/* ---- the plugin ---- */

const struct eb_plugin *kit_plugin(void);
const struct eb_producer_ops *kit_producer_ops(void);
const struct eb_consumer_ops *kit_consumer_ops(void);
const struct eb_admin_ops *kit_admin_ops(void);

enum { KIT_PAYLOAD_MAX = 4000 };

struct kit_host {
    struct eb_host host;
    struct sq_settings settings;
    void *self;
    int up, links;           /* -1: nothing was said; how often something was */
    char why[EB_ERROR_ROOM]; /* of the last link(0) */
    size_t delivered, stored;
    struct eb_delivery last; /* without its pointers */
    char last_error[EB_ERROR_ROOM];
    int64_t last_seq;
    struct kit_got **got;
    size_t n_got, room;
    size_t answers;
    int32_t take_only; /* how many received() takes; -1: all */
    int payload;       /* bytes at least of what is sent; KIT_PAYLOAD_MAX at most */
};

/* One message that was handed over. */
struct kit_got {
    uint64_t token;
    int64_t seq, time_ms, lease_ms;
    long number; /* its payload */
    char topic[64], key[64], id[64];
    uint32_t deliveries, failures;
    uint64_t schema_id;
    char schema[200];
    bool revoked, settled, flawed;
    int32_t answer; /* of settled */
};

/* ---- sending ---- */

/* A host table with everything in it, for one who brings some calls of its own. */
void kit_open_host(struct kit_host *, const struct sq_settings *);
void kit_no_link(const struct eb_host *, int32_t up, const struct eb_error *why);

int32_t kit_open_producer(struct kit_host *, const struct sq_settings *, struct eb_error *);
struct kit_host *kit_producer(const char *path);
void kit_close_producer(struct kit_host *, int32_t timeout_ms);
void kit_free_host(struct kit_host *); /* of an instance that is closed already */

/* Sends one and waits until it is stored; its position. */
int64_t kit_send(struct kit_host *, const char *topic, const char *key, long number);

/* Sends numbers from..from+n-1 in one batch, keys k0..k(keys-1) in turn; keys 0: none. */
void kit_send_many(struct kit_host *, const char *topic, long from, long n, long keys);

/* ---- receiving ---- */

struct kit_wish {
    const char *path, *topic, *topic2, *group, *name;
    int64_t lease; /* 0: 30 s */
    int32_t order, until_end;
    uint32_t max_messages; /* 0: 1000 */
    const struct eb_point *start;
};

struct kit_consumer {
    struct kit_host *host;
    struct eb_subscription sub;
    const char *topics[2];
    struct eb_point start;
};

struct kit_consumer *kit_consumer(const struct kit_wish *);
void kit_close_consumer(struct kit_consumer *);
int32_t kit_receive(struct kit_consumer *, uint32_t max, int32_t timeout_ms);

/* Receives until it has got n in all; fails the test when that takes longer than some seconds. */
void kit_take(struct kit_consumer *, size_t n);
void kit_settle(struct kit_consumer *, const struct kit_got *, uint32_t what, uint32_t delay_ms);

/* Acknowledges what it has and takes more, until n in all are acknowledged and answered. */
void kit_take_and_ack(struct kit_consumer *, size_t n);

/* ---- looking after ---- */

struct kit_group {
    int rows;
    int64_t lag, unsettled, members, position, end;
};

struct kit_group kit_group(const char *path, const char *topic, const char *group);
int64_t kit_lag(const char *path, const char *topic, const char *group);

/* Beside the plugin: the one number that a query answers, -1 where it answers none; and statements. */
int64_t kit_number(const char *path, const char *sql);
void kit_execute(const char *path, const char *sql);

/* ---- processes ---- */

struct kit_child {
    pid_t pid;
    int fd; /* what it says */
    char line[400];
};

/* This program again in a role; args NULL-ended. */
struct kit_child *kit_start(const char *role, const char *const *args);

/* The next line it says, without its end; NULL: none within the time, or it says no more. */
const char *kit_hear(struct kit_child *, int64_t timeout_ms);
void kit_kill(struct kit_child *);

bool kit_has_ended(struct kit_child *);

/* Waits for its end: its exit status. */
int kit_wait(struct kit_child *);

/* Says a line to the parent, in one write. */
void kit_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
