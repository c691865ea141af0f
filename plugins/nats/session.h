/* session.h - what connection.c and session.c share: a connection that lives as long as the instance, and a session for each time that
 * it is connected. Both are counted by references. */
#ifndef EBN_SESSION_H
#define EBN_SESSION_H

#include "connection.h"
#include "login.h"

enum { EBN_BURST = 64 }; /* a side is woken at least once for so many */

struct ebn_connection {
    unsigned refs;
    const struct eb_host *host; /* called under the mutex, while `stopping` is not set */
    struct ebp_link link;
    struct ebn_logins logins; /* `run` uses them alone */
    const char *counted;
    char inbox[64], api[EBN_DOMAIN_MAX + 32];
    size_t inbox_len;
    int64_t login_ms;
    struct ebp_queue *in, *out;           /* of struct ebn_event; of struct outgoing */
    struct ebp_cond_wakeup changed, work; /* the owner waits for the one, `run` for the other */
    size_t n_unsent;                      /* the owner's: how many are in `out` of which `run` has not been told */
    bool woken;                           /* atomic: by ebn_wake */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t ended_cond;
    bool stopping, ended;
    unsigned n_sessions; /* those that libnats may still call back with */
};

/* What one connection of libnats shares with its callbacks. */
struct session {
    unsigned refs;
    struct ebn_connection *connection; /* holds a reference */
    uint32_t epoch;
    size_t inbox_len; /* what answers begin with, before their letter */
    bool closed;      /* atomic: libnats has given the connection up */
    /* of the thread that runs on_message: */
    size_t n_untold;        /* how many are in `in` of which the owner has not been told */
    struct ebn_event equal; /* EBN_COUNTED: answers that are not in `in` yet; count 0: none */
};

void ebn_connection_unref(struct ebn_connection *);

/* Makes one with a reference; NULL: no memory. */
struct session *ebn_session_new(struct ebn_connection *, uint32_t epoch);
void ebn_session_unref(void *session);

/* Connects to one server, looks whether JetStream answers, and subscribes. Returns NULL with `why` filled. */
natsConnection *ebn_session_open(struct session *, size_t server, natsSubscription **, struct eb_error *why);
void ebn_session_close(natsConnection *, natsSubscription *);

/* Fills why a server cannot be used. */
void ebn_say_away(const struct ebn_connection *, size_t server, natsStatus, const char *text, struct eb_error *why);

#endif
