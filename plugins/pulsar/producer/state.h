/* producer/state.h - a producer's state.
 *
 * Two threads meet: the host's calls the ops, a thread of the client's calls back with a topic's producer and with what became
 * of each message. The host is told of a message by either, under the lock, so none is reported after the close. */
#ifndef PL_PRODUCER_STATE_H
#define PL_PRODUCER_STATE_H

#include "client/client.h"
#include "client/link.h"
#include "client/message.h"

#include <pthread.h>

/* A message between submit and its report. */
struct pl_outgoing {
    const struct eb_message *message; /* the host's; its payload is what the library sends */
    struct pl_send_topic *topic;
    struct pl_outgoing *next; /* of the topic's waiting ones, or of the free ones */
    bool at_library;          /* sent, and not called back */
};

enum pl_topic_state {
    PL_TOPIC_NEW,      /* has no producer; one is made for the next message, from retry_ms on */
    PL_TOPIC_CREATING, /* asked for one */
    PL_TOPIC_READY,
    PL_TOPIC_BROKEN /* a message failed that may succeed later: those behind it fail, then the producer is made anew */
};

/* A topic that was sent to. It lives as long as the instance. The host's thread owns it but for what the lock guards. */
struct pl_send_topic {
    struct pl_sending *sending;
    char *name; /* the event bus's */
    pulsar_producer_t *producer;
    struct pl_outgoing *first, *last; /* those that wait for a producer, in order */
    int64_t retry_ms;
    struct pl_send_topic *next;
    /* guarded by the lock */
    enum pl_topic_state state;
    size_t n_out;          /* at the library */
    bool created;          /* an answer to PL_TOPIC_CREATING is there: */
    pulsar_result result;  /* what it says */
    pulsar_producer_t *it; /* with pulsar_result_Ok */
};

/* An instance. It is freed when no callback can come any more, which may be after the close. */
struct pl_sending {
    const struct eb_host *host;
    const struct pl_settings *set;
    struct pl_client client;
    struct pl_link link;
    struct ebp_text_headers text;
    pulsar_producer_configuration_t *conf;
    struct pl_send_topic *topics, *latest; /* the latest: that of the last message */
    struct pl_outgoing *all;               /* max_pending of them */
    struct ebp_cond_wakeup changed;        /* what poll waits for */
    bool signalled;                        /* atomic: `changed` was signalled, and poll has not looked since */
    int64_t look_ms;                       /* when the link is looked at again */
    pthread_mutex_t lock;
    /* guarded by the lock */
    struct pl_outgoing *free;
    size_t n_free;
    bool reported, woken; /* since poll looked */
    bool closed;          /* close has returned, or is about to: the host is told nothing */
    bool ended;           /* no callback comes any more */
};

/* ---- report.c ---- */

/* With the lock. Reports a message and frees its record. `why` NULL: stored, at `position`. */
void pl_report(struct pl_sending *, struct pl_outgoing *, const struct eb_error *why, bool maybe_stored,
               const struct pl_position *position);

/* The library's callback for a message; arg is its struct pl_outgoing. */
void pl_on_sent(pulsar_result, pulsar_message_id_t *, void *arg);

/* Any thread. Lets poll look. */
void pl_sending_signal(struct pl_sending *);

/* ---- topics.c ---- */

/* Returns the record of a topic, a new one where it has none; NULL without memory. */
struct pl_send_topic *pl_send_topic(struct pl_sending *, const char *name);

/* Sends a message, or lets it wait for its topic. */
void pl_send(struct pl_send_topic *, struct pl_outgoing *);

/* Makes producers, sends what waited for one, and reports what no longer waits. */
void pl_topics_work(struct pl_sending *);

/* What the topics say of the connection. */
enum pl_seen pl_topics_seen(struct pl_sending *);

/* Frees the producers of all topics, without asking the broker to close them. */
void pl_topics_drop(struct pl_sending *);

#endif
