/* tests/unit/played.h - a broker that the test plays: it has some events, takes what is sent to it, and is in trouble when the
 * test wants that. The plugins of tests/unit/played/ lead a worker's and a producer's calls here. */
#ifndef TEST_PLAYED_H
#define TEST_PLAYED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <eventbus/plugin.h>

enum { MOST_EVENTS = 10100, MOST_SENT = 4096, MOST_ITEMS = 5000, MOST_NAME = 200000 };

/* The next `times` calls answer that, and say why: "the test wants it". */
struct trouble {
    int32_t status;
    atomic_int times;
    int32_t kind;                       /* 0: EB_KIND_BROKER */
    bool silent;                        /* says nothing in the error */
};

/* What the broker says of failed attempts. */
enum played_counting { COUNTS_ALL, COUNTS_NONE, COUNTS_ONE, COUNTS_ANEW, COUNTS_TWICE, COUNTS_DELIVERIES };

enum played_state { THERE, OUT, HELD, SETTLED };

/* An event that the consumer is handed: login events of users 0, 1, ... */
struct played_event {
    enum played_state state;
    const char *key;                    /* NULL: none */
    const char *type;                   /* NULL: login's */
    size_t type_len;                    /* 0: to its end */
    const char *lacks;                  /* the attribute of that name has no value */
    uint32_t deliveries, failures;
    unsigned times;                     /* it was handed over so often, where the broker moves it */
    bool broken;                        /* its bytes are no login */
    size_t name_len;                    /* of the user's real name, up to MOST_NAME; 0: 1 */
    bool nowhere;                       /* it has no position */
    size_t n_headers;                   /* up to MOST_ITEMS; the first of 40 kB, the second an earlier dead letter's reason, "old" */
    size_t n_attrs;                     /* up to MOST_ITEMS; 0: type, id and time; what is more is empty */
};

/* Begun anew with each test. What is no trouble and no atomic is set before the bus is opened. */
struct played {
    struct trouble open_producer, submit, poll, report, open_consumer, receive, settle, open_admin, create;
    atomic_bool down;                   /* a new instance says that the link is down, and why */
    atomic_bool mute;                   /* a new instance says nothing of a link */
    atomic_bool hold;                   /* what was sent is not reported */
    atomic_int refuse_silently;         /* so many reports are a failure without a reason */
    int64_t submit_most;                /* what a submit takes at most; 0: all */
    uint32_t lease_ms;                  /* of the first event; each next one has a ms less */
    bool greedy;                        /* hands over more than it is asked for */
    bool late, repeats_itself, revokes; /* acknowledgements are EB_GONE; told twice; all is taken away once, when it is out */
    const struct eb_schema *schema;     /* the writer's, of the events */
    bool own_schemas, own_lengths;      /* each event has one with an id of its own, and with more blanks at its end */
    enum played_counting counting;
    bool moves;                         /* each event has a new position each time it is handed over */
    bool counts_deliveries;
    atomic_bool hold_retries;           /* what is to be tried again is HELD meanwhile */
    size_t n_events;
    struct played_event events[MOST_EVENTS];

    atomic_int openings, closings, wakes, extensions, returned, created;  /* what was done to it */
    atomic_int n_sent;
    struct { char id[40], topic[64], key[40], reason[200], detail[600], truncated[64], digest[80]; int reasons; bool has_payload; } sent[MOST_SENT];
    const struct eb_host *producer, *consumer;          /* of the last instance */
};
extern struct played played;

/* A configuration: `sections`, then [broker m] of a plugin of tests/unit/played ("able", "bare", "blind", "deaf", "loose"), and then
 * [broker n] of another one, or NULL. */
const char *played_on(const char *plugin, const char *other, const char *sections);

/* For TestSuite(.init): forgets all. */
void played_begin(void);

/* Waits until a thing is so; fails after a minute. */
#define until(condition) do { for (int i_ = 0; !(condition); i_++) { played_pause(1); \
    cr_assert_lt(i_, 60000, "waited for " #condition); } } while (0)
void played_pause(int ms);

#endif
