/* conform/case.h - what a case is written with.
 *
 * A case is a function that makes events, sends them through a producer of the plugin, takes them in through consumers,
 * and says by which rule it judges what it sees. It runs in a process of its own and on one thread; whatever it opened
 * or allocated is closed and freed after it. Two calls judge:
 *
 *   ebc_break(t, RULE, "expected ...; came ...")   this promise is broken, the case is over
 *   ebc_note(t, RULE, "expected ...; came ...")    likewise, but the case can go on
 *
 * A rule belongs to one promise (rules.h). Where that is another case than the one at work, it is the other that fails,
 * and this one, when it was ended, counts as not judged.
 *
 * Waits: what should come is awaited for t->patience_ms, and what a dead process holds for t->takeover_ms; that nothing
 * comes is believed after t->quiet_ms. */
#ifndef EBC_CASE_H
#define EBC_CASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "host/load.h"
#include "host/random.h"
#include "host/rules.h"

struct ebc;
struct ebc_instance;
struct ebc_slot;

/* ---- cases ---- */

enum ebc_role { EBC_PRODUCER = 1, EBC_CONSUMER = 2, EBC_ADMIN = 4 };

/* Another process that a case starts; see part.h below. */
struct ebc_part_entry {
    const char *name;
    void (*run)(struct ebc *);
};

struct ebc_case {
    const char *group, *name;
    uint32_t roles;                     /* enum ebc_role: skipped without them */
    uint32_t producer, consumer;        /* traits: skipped unless claimed */
    void (*run)(struct ebc *);
    const struct ebc_part_entry *parts; /* NULL-name-ended; NULL: none */
};

/* The groups' tables, each ended by a case without a name. */
extern const struct ebc_case ebc_calls[], ebc_sending[], ebc_receiving[], ebc_settling[], ebc_order[], ebc_admin[],
    ebc_crash[];

/* Case number i of all, in order; NULL after the last. */
const struct ebc_case *ebc_case_at(size_t i);
const struct ebc_case *ebc_case_named(const char *name);

/* ---- one case at work ---- */

struct ebc {
    const struct ebc_case *at;
    const char *part;                   /* its name where this process is a part of the case; else NULL */
    struct ebc_plugin plugin;
    const void *settings;
    const char *run;                    /* another text each run: makes names unique */
    char *const *argv;                  /* the arguments that started this process, and at which of them the kit's */
    int first_word;                     /*   begin: for parts */
    uint64_t seed;
    struct ebc_random random;           /* the case's choices */
    int64_t patience_ms, takeover_ms, quiet_ms;
    double pace;
    pthread_mutex_t lock;               /* guards what host calls touch: events, messages handed over, links */
    struct ebc_event **events;
    size_t n_events;
    struct ebc_instance *instances;     /* the newest first */
    const char *groups[8];              /* those that messages were acknowledged for */
    size_t n_groups;
    pthread_mutex_t memory;             /* guards these two: memory that ends with the case */
    void **held;
    size_t n_held;
    unsigned n_parts;
    pthread_t thread;                   /* the case's own */
    struct ebc_slot *slot;              /* where the runner sees what that thread is at */
    _Atomic bool noted[EBC_RULES];      /* each breach is told once */
};

/* The promise of the rule is broken: see above. The text: "expected ...; came ...". ebc_note: any thread. */
void ebc_note(struct ebc *, enum ebc_rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ebc_break(struct ebc *, enum ebc_rule, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* The case says nothing about this plugin. */
void ebc_skip(struct ebc *, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

int64_t ebc_ticks_ms(void);             /* monotonic */
int64_t ebc_clock_ms(void);             /* since 1970 */

/* Memory that lives as long as the case; never NULL. */
void *ebc_alloc(struct ebc *, size_t);
char *ebc_text(struct ebc *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A full topic name of this case's own: made through the admin role where the plugin can; or only named. */
const char *ebc_topic(struct ebc *, const char *suffix);
const char *ebc_topic_name(struct ebc *, const char *suffix);

/* A group that will see all that is sent to the topic from now on: to be called before sending. Where groups can start
 * in the past, only a name; elsewhere the group is made here. */
const char *ebc_group(struct ebc *, const char *topic, const char *suffix);

/* ---- events ---- */

enum { EBC_N_ATTRS = 7, EBC_MAX_HEADERS = 8, EBC_NO_KEY = 0 };
#define EBC_OWN_KEYS SIZE_MAX           /* each event its own */

/* One event of the case. Number n has the same content in each process of a case. Owned by the case. */
struct ebc_event {
    struct eb_message message;          /* as submitted; token: number + 1 */
    size_t number;
    char id[37], time[40];
    struct eb_header attrs[EBC_N_ATTRS], headers[EBC_MAX_HEADERS];
    /* What became of it; guarded by the case's lock. */
    struct ebc_producer *by;            /* who took it */
    unsigned reports;
    int32_t status, maybe_stored;
    const char *position;               /* NULL: unknown */
    char error[200];
    uint32_t done;                      /* bits, by number in the case's groups: its EB_ACK was answered EB_OK */
};

/* Some events in a row. */
struct ebc_span {
    size_t first, n;
};

/* n new events for a topic, small ones. keys: EBC_NO_KEY, EBC_OWN_KEYS, or so many keys among which chance chooses. */
struct ebc_span ebc_make(struct ebc *, const char *topic, size_t n, size_t keys);
struct ebc_event *ebc_make_keyed(struct ebc *, const char *topic, const char *key);
struct ebc_span ebc_one(const struct ebc_event *);
struct ebc_event *ebc_event(const struct ebc *, struct ebc_span, size_t i);
/* Before it is sent. The payload becomes the Avro record with these bytes; whole: the payload's length, frame
 * included. */
void ebc_set_blob(struct ebc *, struct ebc_event *, const char *blob, size_t len);
void ebc_set_payload_size(struct ebc *, struct ebc_event *, size_t whole);
void ebc_set_empty(struct ebc_event *);
void ebc_add_header(struct ebc_event *, struct eb_text name, struct eb_text value);

/* Whether each producer and consumer that is open told link(1). */
bool ebc_all_up(struct ebc *);

/* ---- sending ---- */

struct ebc_producer;

struct ebc_producer *ebc_producer(struct ebc *);
/* Submits all, polling where the instance is full. Reports may come at any time. */
void ebc_submit(struct ebc_producer *, struct ebc_span);
/* Submits all and polls until each is reported. */
void ebc_submit_and_wait(struct ebc_producer *, struct ebc_span);
/* Likewise, and each has to be EB_OK. */
void ebc_send(struct ebc_producer *, struct ebc_span);
/* The same through a producer opened and closed for it. */
void ebc_send_through_new(struct ebc *, struct ebc_span);
size_t ebc_unreported(struct ebc *, struct ebc_span);
int32_t ebc_poll(struct ebc_producer *, int32_t timeout_ms);
void ebc_wake_producer(struct ebc_producer *);      /* any thread */
/* From here on each report of EB_OK is told, from inside the plugin's call, once it is noted. */
void ebc_watch_reports(struct ebc_producer *, void (*watch)(struct ebc *, const struct ebc_event *));
void ebc_close_producer(struct ebc_producer *, int32_t timeout_ms);

/* ---- receiving ---- */

enum { EBC_UNANSWERED = 1000 };

/* One message handed over. Owned by the case. */
struct ebc_got {
    struct ebc_consumer *by;
    struct ebc_event *event;
    const struct eb_message *message;   /* a deep copy */
    int64_t at_ms;                      /* when, monotonic */
    uint32_t verdict;                   /* the final one; 0: none yet */
    int32_t answer;                     /* EB_OK, EB_GONE; EBC_UNANSWERED */
    bool revoked;
};

struct ebc_consumer;

/* What stays zero is: one member "m1", from the earliest on, 1000 messages, 64 MiB, order by key. */
struct ebc_wish {
    const char *topic, *topic2, *group, *member;
    const char *but;                    /* a topic that the pattern in `topic` fits, and the host does not want */
    const struct eb_point *start;
    int32_t order;
    uint32_t max_messages;
    uint64_t max_bytes;
    int32_t until_end;
};

struct ebc_consumer *ebc_consumer(struct ebc *, const struct ebc_wish *);
/* One receive; what was handed over stands at the end of ebc_all. */
int32_t ebc_receive(struct ebc_consumer *, uint32_t max, int32_t timeout_ms);
/* All that this consumer was handed so far. */
struct ebc_got **ebc_all(const struct ebc_consumer *);
size_t ebc_count(const struct ebc_consumer *);
/* Of those, without a final verdict yet. */
size_t ebc_in_hand(const struct ebc_consumer *);
/* Receives until n more came: answers the first of them in ebc_all. */
struct ebc_got **ebc_take(struct ebc_consumer *, size_t n);
/* Receives until n more came, acknowledging each call's; answers likewise. */
struct ebc_got **ebc_take_and_ack(struct ebc_consumer *, size_t n);
/* Receives as long as something comes, at most `most`, waiting quiet_ms each time, acknowledging each. The count. */
size_t ebc_take_rest(struct ebc_consumer *, size_t most);
/* Receives for quiet_ms: how many came. */
size_t ebc_quiet(struct ebc_consumer *);
/* Sends one more event and receives until it comes, and for quiet_ms more; acknowledges all. How many others came: so
 * that "nothing more" is certain also where a group takes its time to begin. */
size_t ebc_others_before_marker(struct ebc_consumer *, const char *topic);
/* The next `n` calls of host->received are answered EB_OK, all later ones EB_FULL; SIZE_MAX: no limit. */
void ebc_take_only(struct ebc_consumer *, size_t n);
void ebc_settle(struct ebc_got *, enum eb_verdict_kind, uint32_t delay_ms);
/* In one call of settle; kinds and delay are the same for all. */
void ebc_settle_all(struct ebc_consumer *, struct ebc_got **, size_t n, enum eb_verdict_kind);
void ebc_settle_mixed(struct ebc_consumer *, struct ebc_got **, const struct eb_verdict *what_and_delay, size_t n);
/* Receives (max 0) until each final verdict is answered. */
void ebc_wait_answers(struct ebc_consumer *);
void ebc_wake_consumer(struct ebc_consumer *);      /* any thread */
/* From here on each answer of EB_OK to an EB_ACK is told, from inside the plugin's call, once it is noted. */
void ebc_watch_answers(struct ebc_consumer *, void (*watch)(struct ebc *, const struct ebc_event *));
void ebc_pause(struct ebc_consumer *, uint32_t partition, int32_t on);
/* What has no verdict yet is returned first. */
void ebc_close_consumer(struct ebc_consumer *);
/* From here on, what the group acknowledged may come again: it was moved. */
void ebc_forget_done(struct ebc *, const char *group);
/* All of the topic, as a group of its own sees it: the order of the broker. n events, each acknowledged. */
struct ebc_got **ebc_stored(struct ebc *, const char *topic, const char *group, size_t n);
/* A message with this event among n of them; NULL. */
struct ebc_got *ebc_find(struct ebc_got **, size_t n, const struct ebc_event *);
/* Breaks by the rule unless the n are these events, in any order, each once. */
void ebc_expect_events(struct ebc *, enum ebc_rule, struct ebc_got **, size_t n, const struct ebc_event *const *,
                       size_t wanted);

/* A message that was not handed over but read by an admin, as one that was. */
struct ebc_got *ebc_browsed(struct ebc *, const struct eb_message *);

/* What came is what was sent. Each breaks by its own rule. */
void ebc_same_values(struct ebc *, const struct ebc_got *);
void ebc_same_attrs(struct ebc *, const struct ebc_got *);

/* ---- looking after ---- */

/* The case's one admin instance, opened when first asked for. The tables' own ops are called through it. */
void *ebc_admin_self(struct ebc *);
/* An op's answer: breaks with its error when it is negative. */
void ebc_admin_worked(struct ebc *, const char *op, int32_t status, const struct eb_error *);
/* Before and after each op: what is at work, how long it may take. */
void ebc_begin(struct ebc *, int32_t timeout_ms, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ebc_end(struct ebc *);
int32_t ebc_admin_timeout(const struct ebc *);

/* ---- other processes ---- */

struct ebc_part;

/* Starts this program again, at the case's part of that name. It has the same events, topics and groups by their
 * names. */
struct ebc_part *ebc_start(struct ebc *, const char *name);
/* In the part: a line for the case that started it. */
void ebc_say(struct ebc *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The part's next line, within the time; false when none came or there will be none. */
bool ebc_hear(struct ebc_part *, char line[200], int64_t timeout_ms);
/* In the part: stops it here, between two calls of the plugin, so that it holds no lock. In the case: waits until the
 * part has done so, and lets it go on. */
void ebc_sleep(void);
void ebc_await_sleep(struct ebc_part *);
void ebc_wake_part(struct ebc_part *);
/* kill -9, and waits for it; lines said before can still be heard. */
void ebc_kill(struct ebc_part *);

#endif
