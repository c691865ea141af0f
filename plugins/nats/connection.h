/* connection.h - one connection to a NATS server, which connects again by itself, and hands over what comes in.
 *
 * libnats waits in calls that look as if they did not: a connect tries each address, a publish waits while the socket is full.
 * So each instance has one thread that alone calls them. The host's thread gives it messages (ebn_send) and takes events
 * (ebn_take), both by bounded queues, and never waits for the network. Each side is woken once for many: a switch of threads costs more
 * than the rest of a message's way.
 *
 * Each connection has a number, its epoch. A message is sent in the epoch that it was made for or not at all, and an answer
 * comes in that epoch or not at all: after EBN_UP the owner sends again what has no answer. */
#ifndef EBN_CONNECTION_H
#define EBN_CONNECTION_H

#include <nats/nats.h>
#include "settings.h"

enum ebn_event_kind {
    EBN_UP = 1,  /* connected, and JetStream answers: a new epoch has begun */
    EBN_DOWN,    /* the epoch is over */
    EBN_MESSAGE, /* an answer or a message came; the owner destroys it */
    EBN_COUNTED, /* `count` answers came of which only the number matters (ebn_connect) */
    EBN_REFUSED  /* libnats refused a message, `status` says why; no answer will come */
};

struct ebn_event {
    enum ebn_event_kind kind;
    uint32_t epoch;
    natsStatus status; /* EBN_REFUSED */
    uint32_t count;    /* EBN_COUNTED */
    char what;         /* the kind of request that it answers, and its number, as given to ebn_reply */
    uint64_t number;
    natsMsg *message; /* EBN_MESSAGE */
};

struct ebn_connection;

/* Starts the thread. `room` is the most messages and answers under way; `counted` has the letters of requests whose answers are
 * counted, but those of nobody (503), which come as messages. Returns NULL with the error filled: EB_PERMANENT for settings that libnats refuses, such as a file that cannot be
 * read, EB_RETRIABLE without memory or threads. */
struct ebn_connection *ebn_connect(const struct eb_host *, const struct settings *, size_t room, const char *counted,
                                   struct eb_error *);

enum { EBN_REPLY_ROOM = 96 };

/* Writes the subject to which the answer of a request is to go; `what` is a letter. */
void ebn_reply(const struct ebn_connection *, uint32_t epoch, char what, uint64_t number, char *out);

/* Gives a message to the thread, which destroys it, and sends it at the next ebn_flush or sooner. Returns false, and destroys it
 * too, where it is NULL or there is no room. */
bool ebn_send(struct ebn_connection *, uint32_t epoch, char what, uint64_t number, natsMsg *);

/* The same for a text without headers, to be answered as ebn_reply says. */
bool ebn_send_text(struct ebn_connection *, uint32_t epoch, char what, uint64_t number, const char *subject, const char *text);

/* Has the thread send what it was given. Each op does so before it returns. */
void ebn_flush(struct ebn_connection *);

/* Moves up to max events to the array. */
size_t ebn_take(struct ebn_connection *, struct ebn_event *, size_t max);

/* Flushes, then waits until there is an event that ebn_take has not looked for, ebn_wake was called, or the time is over. May return
 * early. */
void ebn_wait(struct ebn_connection *, int64_t timeout_ms);

/* Any thread. Ends the next wait. */
void ebn_wake(struct ebn_connection *);

/* Whether ebn_wake was called since the last look. */
bool ebn_was_woken(struct ebn_connection *);

/* Sends what is still queued (`discard`: nothing more), closes and frees; within timeout_ms, or a moment where that is less. */
void ebn_disconnect(struct ebn_connection *, bool discard, int64_t timeout_ms);

#endif
