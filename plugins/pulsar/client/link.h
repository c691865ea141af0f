/* client/link.h - whether the brokers can be reached, of one instance.
 *
 * libpulsar connects only for a request, and does not tell when a connection is lost. So the instance says at each look what
 * its producers or consumers say, and while none of them is there, a request that changes nothing asks a broker every few
 * seconds. */
#ifndef PL_LINK_H
#define PL_LINK_H

#include "client/client.h"

#include <eventbus/plugin-help.h>

enum pl_seen {
    PL_SEEN_NOTHING, /* there is none of them yet: a broker is asked */
    PL_SEEN_CONNECTED,
    PL_SEEN_DISCONNECTED,
    PL_SEEN_UNKNOWN /* what else the instance needs has not answered yet: nobody is asked */
};

/* How often an instance should look, in ms. */
enum { PL_LINK_LOOK_MS = 200 };

/* Lives until no callback of the client can come any more. The host's thread owns what the lock does not guard. */
struct pl_link {
    struct ebp_link link;
    struct pl_client *client;
    void (*answered)(void *arg); /* any thread: the state may have changed */
    void *arg;
    char topic[1024];
    int64_t opened_ms;
    pthread_mutex_t lock; /* guards what follows; held while the host is told */
    bool closed, asking;
    int64_t asked_ms, ask_again_ms;
};

void pl_link_init(struct pl_link *, struct pl_client *, void (*answered)(void *arg), void *arg);

/* The host's thread, every PL_LINK_LOOK_MS: what its producers or consumers say. Reports a change, and asks the broker if they
 * say nothing. */
void pl_link_look(struct pl_link *, enum pl_seen);

/* The host's thread: the brokers are of no use for another reason. */
void pl_link_fail(struct pl_link *, const struct eb_error *why);

/* The host's thread: nothing is reported from here on. */
void pl_link_close(struct pl_link *);

#endif
