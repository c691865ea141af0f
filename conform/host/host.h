/* conform/host/host.h - hosts a plugin without the event bus: opens its roles, sends, receives, settles and looks after topics
 * by <eventbus/plugin.h> alone, and checks at each call what that header promises.
 *
 * struct ebc_test is one test of one plugin. It owns all events, messages, instances and memory that these functions return;
 * all of it ends with the test. One thread works on a test: the plugin's threads reach it through host calls only.
 *
 * Two functions report a broken promise (a "breach") by the rule in rules.h that it breaks:
 *   ebc_break(t, RULE, "expected ...; came ...")   ends the test
 *   ebc_note(t, RULE, "expected ...; came ...")    the test goes on; callable from any thread
 *
 * Waits: what should come is awaited for t->patience_ms, and what a dead process holds for t->takeover_ms; that nothing comes
 * is believed after t->quiet_ms. */
#ifndef EBC_HOST_H
#define EBC_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "host/load.h"
#include "host/random.h"
#include "host/rules.h"

struct ebc_test;
struct ebc_instance;

/* Who hears what a test finds. */
struct ebc_observer {
    /* A rule is broken; text NULL: as was reported before. `over`: the test ends, and the call does not return. Any thread. */
    void (*breach)(struct ebc_test *, enum ebc_rule, const char *text, bool over);
    /* The test cannot check this plugin; the call does not return. */
    void (*skip)(struct ebc_test *, const char *why);
    /* The thread that opened the test enters the op that is described, to be back at that monotonic time; 0: it is back. */
    void (*op)(struct ebc_test *, const char *description, int64_t due_ms);
    /* The plugin logged a warning or an error, or said why its link is down. Any thread. */
    void (*log)(struct ebc_test *, const char *text);
    /* An instance was closed: "consumer m1". */
    void (*closed)(struct ebc_test *, const char *name);
};

struct ebc_test {
    const char *name; /* of the case */
    const struct ebc_observer *observer;
    struct ebc_plugin plugin;
    const void *settings;
    const char *run; /* a different text in each run: makes names unique */
    size_t number;   /* of the case: likewise, within the run */
    bool joins_late; /* another process of the test has made the groups */
    bool alone;      /* the process is there for this test only: what becomes of it is the plugin's doing */
    uint64_t seed;
    struct ebc_random random; /* the case's choices */
    int64_t patience_ms, takeover_ms, quiet_ms;
    int64_t admin_timeout_ms; /* what an op of the admin gets */
    double pace;
    pthread_mutex_t lock; /* guards what host calls touch: events, received messages, links */
    struct ebc_event **events;
    size_t n_events;
    struct ebc_instance *instances; /* the newest first */
    const char *groups[8];          /* those that messages were acknowledged for */
    size_t n_groups;
    pthread_mutex_t memory; /* guards these three: memory that ends with the test */
    void **held;
    size_t n_held, held_bytes;     /* bytes: with what malloc adds */
    pthread_t thread;              /* the one that works on the test */
    _Atomic bool noted[EBC_RULES]; /* each breach is reported once */
};

/* ---- what a test finds ---- */

/* The text: "expected ...; came ...". ebc_note: any thread. */
void ebc_note(struct ebc_test *, enum ebc_rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ebc_break(struct ebc_test *, enum ebc_rule, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));
/* Closes what is open and ends the test: it cannot check this plugin. */
void ebc_skip(struct ebc_test *, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* Makes attempts, numbered from 0, until one returns true. False: the machine was so busy that the test did not extend a lease in
 * time, and what came is no fault of the plugin. Skips the test after some of those. */
void ebc_attempt(struct ebc_test *, bool (*attempt)(struct ebc_test *, int number));

int64_t ebc_monotonic_ms(void);
int64_t ebc_wall_ms(void); /* since 1970 */

/* Around each op: what it is, and how long it may take. An op that takes longer breaks EBC_TIME. */
void ebc_op_begins(struct ebc_test *, int32_t timeout_ms, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ebc_op_ended(struct ebc_test *);

/* ---- memory and names ---- */

/* Memory that ends with the test, zeroed; never NULL. */
void *ebc_alloc(struct ebc_test *, size_t);
char *ebc_format(struct ebc_test *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A full topic name of this test's own. ebc_topic creates the topic where the plugin's admin role can. */
const char *ebc_topic(struct ebc_test *, const char *suffix);
const char *ebc_topic_name(struct ebc_test *, const char *suffix);

/* A group that will see all that is sent to the topic from now on: to be called before sending. Where groups can start
 * in the past this only makes a name; elsewhere it makes the group. */
const char *ebc_group(struct ebc_test *, const char *topic, const char *suffix);

/* ---- events ---- */

enum { EBC_N_ATTRS = 7, EBC_MAX_HEADERS = 8, EBC_NO_KEY = 0 };
#define EBC_OWN_KEYS SIZE_MAX /* a key for each event */

/* One event of the test. Number n has the same content in each process of a test. */
struct ebc_event {
    struct eb_message message; /* as submitted; token: number + 1 */
    size_t number;
    char id[37], time[40], send_id[48];
    struct eb_header attrs[EBC_N_ATTRS], headers[EBC_MAX_HEADERS];
    /* What became of it; guarded by the test's lock. */
    struct ebc_producer *by; /* who took it */
    unsigned reports, sends;
    int32_t status, maybe_stored;
    const char *position; /* NULL: unknown */
    char error[200];
    uint32_t acked_by; /* a bit for each group of the test: its EB_ACK was confirmed with EB_OK */
};

/* n events with successive numbers. */
struct ebc_range {
    size_t first, n;
};

/* n new events for a topic, small ones. keys: EBC_NO_KEY, EBC_OWN_KEYS, or how many keys to choose from at random. */
struct ebc_range ebc_new_events(struct ebc_test *, const char *topic, size_t n, size_t keys);
struct ebc_event *ebc_new_event(struct ebc_test *, const char *topic, const char *key);
struct ebc_range ebc_range_of(const struct ebc_event *);
struct ebc_event *ebc_event(const struct ebc_test *, struct ebc_range, size_t i);
/* The range's events as a list, for ebc_expect_events. */
const struct ebc_event **ebc_listed(struct ebc_test *, struct ebc_range);
/* Before it is sent. The payload becomes the Avro record with these bytes; whole: the payload's length, frame
 * included. */
void ebc_set_blob(struct ebc_test *, struct ebc_event *, const char *blob, size_t len);
void ebc_set_payload_size(struct ebc_test *, struct ebc_event *, size_t whole);
void ebc_set_empty(struct ebc_event *);
void ebc_add_header(struct ebc_event *, struct eb_text name, struct eb_text value);

/* Between two sends: the events get other send ids, as if they were replayed. */
void ebc_replay(struct ebc_test *, struct ebc_range);

/* What the open producers and consumers told of their links. */
struct ebc_links {
    unsigned n, up; /* how many there are, and how many are up */
};
struct ebc_links ebc_links(struct ebc_test *);
/* Whether each open producer and consumer is up. */
bool ebc_all_up(struct ebc_test *);

/* ---- sending ---- */

struct ebc_producer;

struct ebc_producer *ebc_producer(struct ebc_test *);
/* Submits all, polling where the instance is full. Reports may come at any time. */
void ebc_submit(struct ebc_producer *, struct ebc_range);
/* Submits all and polls until each is reported. */
void ebc_submit_and_wait(struct ebc_producer *, struct ebc_range);
/* Likewise, and each has to be EB_OK. */
void ebc_send(struct ebc_producer *, struct ebc_range);
/* Submits an event that was reported EB_RETRIABLE again, with its send id, until it is EB_OK. Returns how often; breaks when it does
 * not become EB_OK in time. */
size_t ebc_resubmit(struct ebc_producer *, struct ebc_event *);
/* The same as ebc_send through a producer that is opened and closed for it. */
void ebc_send_through_new(struct ebc_test *, struct ebc_range);
size_t ebc_unreported(struct ebc_test *, struct ebc_range);
/* Before an event that was reported EB_RETRIABLE is submitted again. */
void ebc_forget_report(struct ebc_test *, struct ebc_event *);
int32_t ebc_poll(struct ebc_producer *, int32_t timeout_ms);
void ebc_wake_producer(struct ebc_producer *); /* any thread */
/* From here on `watch` is called for each report of EB_OK, inside the plugin's call, once the report is noted. */
void ebc_watch_reports(struct ebc_producer *, void (*watch)(struct ebc_test *, const struct ebc_event *));
void ebc_close_producer(struct ebc_producer *, int32_t timeout_ms);

/* ---- receiving ---- */

enum { EBC_NOT_SETTLED = 1000 };

/* One message that the plugin delivered. */
struct ebc_received {
    struct ebc_consumer *by;
    struct ebc_event *event;
    const struct eb_message *message; /* a deep copy */
    int64_t at_ms;                    /* when, monotonic */
    int64_t leased_ms;                /* when its lease began, or was extended last */
    uint32_t verdict;                 /* the final one; 0: none yet */
    int32_t settled;                  /* the status of settled(): EB_OK, EB_GONE; EBC_NOT_SETTLED: not called yet. EB_GONE too
                                       * where the plugin has EB_T_LATE_UNTOLD and the lease had ended */
    bool revoked;
};

struct ebc_consumer;

/* A zero stands for: member "m1", the earliest point, 1000 messages, 64 MiB, order by key. */
struct ebc_consumer_options {
    const char *topic, *topic2, *group, *member;
    const char *const *topics; /* instead of the two; the case's, until the consumer is closed */
    size_t n_topics;
    const char *unwanted; /* a topic that the pattern in `topic` fits, and for which matches() returns 0 */
    const struct eb_point *start;
    int32_t order;
    bool no_order; /* EB_ORDER_NONE */
    uint32_t max_messages;
    uint64_t max_bytes;
    int32_t until_end;
    bool lean; /* messages are compared with what was sent as they come, and kept without their texts */
};

struct ebc_consumer *ebc_consumer(struct ebc_test *, const struct ebc_consumer_options *);
/* Calls receive once; what it delivered stands at the end of ebc_all. */
int32_t ebc_receive(struct ebc_consumer *, uint32_t max, int32_t timeout_ms);
/* All that this consumer received so far. */
struct ebc_received **ebc_all(const struct ebc_consumer *);
size_t ebc_count(const struct ebc_consumer *);
/* How many of those have no final verdict yet. */
size_t ebc_unsettled(const struct ebc_consumer *);
/* Receives until n more came. Returns the first of them in ebc_all. */
struct ebc_received **ebc_receive_n(struct ebc_consumer *, size_t n);
/* Likewise, and acknowledges after each receive what it delivered. */
struct ebc_received **ebc_receive_and_ack(struct ebc_consumer *, size_t n);
/* Receives and acknowledges until nothing comes for quiet_ms, or `most` came. Returns how many came. */
size_t ebc_receive_rest(struct ebc_consumer *, size_t most);
/* Receives for quiet_ms. Returns how many came. */
size_t ebc_receive_for_quiet_ms(struct ebc_consumer *);
/* Sends one more event and receives until it comes, and for quiet_ms more; acknowledges all. Returns how many others came:
 * so that "nothing more" is certain also where a group takes its time to begin. */
size_t ebc_count_before_marker(struct ebc_consumer *, const char *topic);
/* Likewise, and receives on until the n events that are due have come as well, or nothing comes for patience_ms: a broker may
 * redeliver behind newer messages. The case then looks which of them came. */
size_t ebc_receive_due(struct ebc_consumer *, const char *topic, const struct ebc_event *const *due, size_t n);
/* The next n calls of host->received return EB_OK, all later ones EB_FULL; SIZE_MAX: no limit. */
void ebc_accept_only(struct ebc_consumer *, size_t n);
void ebc_settle(struct ebc_received *, enum eb_verdict_kind, uint32_t delay_ms);
/* In one call of settle; kind and delay are the same for all. */
void ebc_settle_each(struct ebc_consumer *, struct ebc_received **, size_t n, enum eb_verdict_kind);
void ebc_settle_mixed(struct ebc_consumer *, struct ebc_received **, const struct eb_verdict *kind_and_delay, size_t n);
/* Receives (max 0) until settled() came for each final verdict. */
void ebc_wait_settled(struct ebc_consumer *);
void ebc_wake_consumer(struct ebc_consumer *); /* any thread */
/* From here on `watch` is called for each EB_ACK that is settled with EB_OK, inside the plugin's call, once that is noted. */
void ebc_watch_settled(struct ebc_consumer *, void (*watch)(struct ebc_test *, const struct ebc_event *));
void ebc_pause(struct ebc_consumer *, uint32_t partition, int32_t on);
/* Return first (EB_RETURN) what has no verdict yet. The second gives the plugin patience_ms. */
void ebc_close_consumer_within(struct ebc_consumer *, int32_t timeout_ms);
void ebc_close_consumer(struct ebc_consumer *);
/* From here on, what the group acknowledged may come again: the group was moved. */
void ebc_forget_acknowledged(struct ebc_test *, const char *group);
/* Reads the topic's n events through a group of its own, which acknowledges them: the broker's order. */
struct ebc_received **ebc_read_stored(struct ebc_test *, const char *topic, const char *group, size_t n);
/* Returns a message with this event among n messages; NULL: no message has it. */
struct ebc_received *ebc_find_event(struct ebc_received **, size_t n, const struct ebc_event *);
/* Breaks by the rule unless the n are these events, in any order, each once. */
void ebc_expect_events(struct ebc_test *, enum ebc_rule, struct ebc_received **, size_t n, const struct ebc_event *const *,
                       size_t wanted);

/* A message that an admin browsed, as if it had been received. */
struct ebc_received *ebc_browsed(struct ebc_test *, const struct eb_message *);

/* Check that what came is what was sent. Each breaks by its own rule. */
void ebc_expect_same_values(struct ebc_test *, const struct ebc_received *);
void ebc_expect_same_attrs(struct ebc_test *, const struct ebc_received *);

/* ---- administering ---- */

/* The test's one admin instance, opened when first asked for. */
void *ebc_admin_self(struct ebc_test *);
/* One op of it, which gets admin_timeout_ms. An op that the plugin has not must not be called. These return the op's status, with its error. */
int32_t ebc_admin_topics(struct ebc_test *, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                         struct eb_error *);
int32_t ebc_admin_create(struct ebc_test *, const char *topic, uint32_t flags, struct eb_error *);
int32_t ebc_admin_remove(struct ebc_test *, const char *topic, const char *group, struct eb_error *);
int32_t ebc_admin_seek(struct ebc_test *, const char *topic, const char *group, struct eb_point to, uint32_t flags,
                       int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
int32_t ebc_admin_try_browse(struct ebc_test *, const char *topic, struct eb_point from,
                             int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t ebc_admin_try_trim(struct ebc_test *, const char *topic, struct eb_point before, int32_t unread_too, struct eb_error *);
/* Breaks with the op's error when its status is negative. */
void ebc_admin_worked(struct ebc_test *, const char *op, int32_t status, const struct eb_error *);
/* These break when the op fails, and return its status. */
int32_t ebc_admin_groups(struct ebc_test *, const char *topic, const char *group,
                         int32_t (*each)(void *, const struct eb_group_info *), void *arg);
int32_t ebc_admin_browse(struct ebc_test *, const char *topic, struct eb_point from,
                         int32_t (*each)(void *, const struct eb_message *), void *arg);
int32_t ebc_admin_trim(struct ebc_test *, const char *topic, struct eb_point before, int32_t unread_too);

/* ---- what the process uses ---- */

size_t ebc_count_descriptors(void);
size_t ebc_count_threads(void);
/* Waits until `count` returns no more than the limit, for patience_ms at most: threads of client libraries take a moment to
 * end. Returns the last count. */
size_t ebc_await_count(struct ebc_test *, size_t (*count)(void), size_t limit);
#define EBC_UNKNOWN INT64_MIN
/* Bytes of the heap that are in use, without those of the test. EBC_UNKNOWN under a sanitizer, which has its own heap. */
int64_t ebc_heap_in_use(struct ebc_test *);
/* Waits until no more than `limit` bytes of the heap are in use, for patience_ms at most: threads of client libraries free
 * theirs when they end. Returns the last number, or EBC_UNKNOWN. */
int64_t ebc_await_heap(struct ebc_test *, int64_t limit);
/* Bytes of memory that are the process's own and resident, without those of the test, of which some may not be
 * resident: compare two numbers. EBC_UNKNOWN likewise. */
int64_t ebc_resident(struct ebc_test *);
/* Whether the environment asks for tests at full size: EB_SOAK is set, and not 0 or empty. */
bool ebc_at_full_size(void);

/* ---- the end ---- */

/* Closes all instances that are open. */
void ebc_close_all(struct ebc_test *);
/* Unloads the plugin and frees all memory of the test. Nothing of the test may be used afterwards. */
void ebc_test_free(struct ebc_test *);

#endif
