/* tests/fake_broker/fake_broker.h - a broker that tests control: it has some events, keeps what is sent to it, and fails in the
 * ways that the test injects, as data. The test owns a struct fake_broker and gives the plugin its address, by the option
 * `state`; the plugins of this folder share the code and differ in what they lack. In a process of its own, the plugin's other
 * options say what happens. */
#ifndef FAKE_BROKER_H
#define FAKE_BROKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

enum { MOST_EVENTS = 10100, MOST_SENT = 4096, MOST_ITEMS = 5000, MOST_NAME = 200000, MOST_SUBMITTED = 16 };

/* The next `times` calls return this status, with the error text "the test wants it". */
struct fault {
    int32_t status;
    atomic_int times;
    int32_t kind; /* 0: EB_KIND_BROKER */
    bool silent;  /* leaves the error empty */
};

/* How the broker counts failed attempts. */
enum fake_counting { COUNTS_ALL, COUNTS_NONE, COUNTS_ONE, COUNTS_ANEW, COUNTS_TWICE, COUNTS_DELIVERIES };

enum fake_state { WAITING, IN_FLIGHT, DELAYED, SETTLED };

/* An event that the consumer delivers: a login of user 0, 1, ... */
struct fake_event {
    enum fake_state state;
    const char *key;   /* NULL: none */
    const char *type;  /* NULL: login's */
    size_t type_len;   /* 0: to its end */
    const char *lacks; /* the attribute of that name has no value */
    uint32_t deliveries, failures;
    unsigned times;   /* how often it was delivered, where the broker moves it */
    bool broken;      /* its bytes are no login */
    size_t name_len;  /* of the user's real name, up to MOST_NAME; 0: 1 */
    bool nowhere;     /* it has no position */
    bool lacks_data;  /* it is an earlier dead letter without its data, of "abc" as digest and "there" as topic */
    size_t n_headers; /* up to MOST_ITEMS; the first of 40 kB, the second an earlier dead letter's reason, "old" */
    size_t n_attrs;   /* up to MOST_ITEMS; 0: type, id and time; what is more is empty */
};

/* Faults and atomics may change at any time; the test sets all else before it opens the bus. */
struct fake_broker {
    struct fault open_producer, submit, poll, report, open_consumer, receive, settle, open_admin, create;
    atomic_bool down;           /* a new instance calls link(0), with a reason */
    atomic_bool mute;           /* a new instance does not call link */
    bool talks;                 /* logs each opening and each message that it takes */
    atomic_bool hold_reports;   /* nothing that was sent is reported */
    atomic_int refuse_silently; /* so many reports say EB_RETRIABLE without an error */
    int64_t submit_most;        /* what a submit takes at most; 0: all */
    uint32_t lease_ms;          /* of the first event; each next one has a ms less */
    bool greedy;                /* delivers more than it is asked for */
    bool late, repeats_itself,
        revokes;         /* acknowledgements are settled EB_GONE; all is settled twice; all in flight is revoked, once */
    atomic_int stays_ms; /* the next receive stays so long beyond its time, once */
    const struct eb_schema *schema; /* the writer's, of the events */
    bool own_schemas, own_lengths;  /* each event has one with an id of its own, and with more blanks at its end */
    enum fake_counting counting;
    bool moves; /* each event has a new position each time it is delivered */
    bool counts_deliveries;
    atomic_bool delay_retries; /* what is to be retried stays DELAYED */
    size_t n_events;
    struct fake_event events[MOST_EVENTS];

    atomic_int openings, closings, wakes, extensions, returned, created; /* what was done to it */
    atomic_int n_sent;
    struct {
        char id[40], topic[64], key[40], reason[200], detail[600], truncated[64], digest[80], send_id[65];
        int reasons;
        bool has_payload;
    } sent[MOST_SENT];
    atomic_int n_submitted, n_polls;
    char submitted[MOST_SUBMITTED][65];        /* the send ids of what submit took, the first ones */
    const struct eb_host *producer, *consumer; /* of the last instance */

    /* The plugin's own. */
    const struct eb_message *taken[MOST_SENT]; /* by the producer's thread, not reported yet */
    size_t n_taken;
    bool has_revoked;
};

#endif
