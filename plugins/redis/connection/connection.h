/* plugins/redis/connection/connection.h - one connection to the server. It connects, and reconnects when it is lost; it
 * writes commands one behind the other and calls the handler of each with its reply, in order. None of its functions
 * waits, but for rd_conn_wait. One thread's. */
#ifndef RD_CONNECTION_CONNECTION_H
#define RD_CONNECTION_CONNECTION_H

#include <poll.h>
#include <eventbus/plugin-help/ring.h>
#include <eventbus/plugin-help/wakeup.h>

#include "connection/reply.h"
#include "connection/resolve.h"
#include "connection/tls.h"

/* What the connections of one instance share; it outlives them. */
struct rd_target {
    const struct eb_host *host;
    const struct rd_settings *set;
    struct rd_url url;
    const char *user, *password; /* NULL: none */
    const char *mark;            /* the end of each connection's name; NULL: none */
    SSL_CTX *tls;
};

/* EB_OK, or EB_PERMANENT: the settings cannot be used. */
int32_t rd_target_open(struct rd_target *, const struct eb_host *, const struct rd_settings *, struct eb_error *);
void rd_target_close(struct rd_target *);

enum rd_conn_state { RD_DOWN, RD_LOOKUP, RD_CONNECTING, RD_HANDSHAKE, RD_LOGIN, RD_READY };

/* Handles the reply to a command. The reply lies in the connection's arena, which a handler may swap for an empty one.
 * A negative return value, with the reason in err, gives the connection up. */
struct rd_conn;
typedef int32_t (*rd_reply_handler)(struct rd_conn *, uint64_t arg, const struct rd_node *reply, struct eb_error *err);

struct rd_awaited {
    rd_reply_handler handler;
    uint64_t arg;
    int64_t extra_ms; /* how much longer than command_timeout the reply may take */
};

struct rd_conn {
    const struct rd_target *target;
    void *owner;
    void (*ready)(struct rd_conn *); /* it is logged in and takes commands */
    /* It was lost: no handler is called any more. EB_PERMANENT: the same commands would be refused again and again. */
    void (*lost)(struct rd_conn *, const struct eb_error *);
    enum rd_conn_state state;
    int fd;
    short wants; /* what TLS waits for besides reading */
    SSL *tls;
    struct rd_lookup *lookup;
    int lookup_fd;
    struct addrinfo *addresses, *next_address;
    uint32_t tries;   /* failed ones in a row */
    int64_t ready_ms; /* when it became ready */
    bool suspect;     /* a refusal ended the last connection: a login that succeeds proves little */
    int64_t retry_ms, slow_ms, deadline_ms;
    int64_t oldest_sent_ms; /* since when the oldest reply is awaited */
    int64_t last_read_ms;   /* when bytes last came */
    int64_t drained_ms;     /* everything that the server had sent by then is read */
    char *out;              /* commands to be sent */
    size_t out_at, out_n, out_room;
    size_t staged_at;            /* where the staged commands begin; SIZE_MAX: none are staged */
    size_t awaited_before_stage; /* replies to come to the commands before them */
    struct rd_awaited *awaited;  /* replies to come, oldest first */
    struct ebp_ring awaited_ring;
    struct rd_reader reader;
    struct rd_arena arena;
    bool dispatching;            /* a handler is at work, and the reply has to stay: */
    bool fail_pending;           /*   give the connection up after it, */
    struct eb_error fail_reason; /*   for this reason */
    bool overran;                /* it was lost because a reply was too large */
    char id[24];                 /* for CLIENT UNBLOCK; "": unknown */
};

void rd_conn_init(struct rd_conn *, const struct rd_target *, void *owner, void (*ready)(struct rd_conn *),
                  void (*lost)(struct rd_conn *, const struct eb_error *));
void rd_conn_close(struct rd_conn *);

/* Does everything that needs no waiting. */
void rd_conn_work(struct rd_conn *);

/* Takes the next steps of a connection that is not ready, without waiting. rd_conn_work calls it. */
void rd_connect_step(struct rd_conn *);

/* Whether connecting takes long; the error says what it waits for. For a host that has not heard of the link yet. */
bool rd_conn_is_slow(const struct rd_conn *, struct eb_error *);

/* Sends as much of the commands as goes without waiting. */
void rd_conn_write(struct rd_conn *);

/* What to poll for, and until when at most. */
struct pollfd rd_conn_poll(const struct rd_conn *);
int64_t rd_conn_due_ms(const struct rd_conn *);

/* Waits until the connection has something to do, the wakeup is signalled, or the time has come. */
void rd_conn_wait(const struct rd_conn *, struct ebp_wakeup *, int64_t until_ms);

/* Adds a command behind the others. lens NULL: the arguments are texts. The reply may take extra_ms longer than others.
 * False: no memory. */
bool rd_conn_command(struct rd_conn *, rd_reply_handler, uint64_t arg, int64_t extra_ms, size_t argc, const char *const *argv,
                     const size_t *lens);

/* The same for a command of a few texts; argv ends with NULL. */
bool rd_conn_command_texts(struct rd_conn *, rd_reply_handler, uint64_t arg, const char *const *argv);

/* Commands from now on are staged: they stay here until they are sent, or dropped as if there had been none. */
void rd_conn_stage(struct rd_conn *);
void rd_conn_send_staged(struct rd_conn *);
void rd_conn_drop_staged(struct rd_conn *);

/* Gives the connection up for this reason; it reconnects after a wait. The second adds where the server is. */
void rd_conn_fail(struct rd_conn *, const struct eb_error *);
void rd_conn_fail_because(struct rd_conn *, const struct eb_error *cause);
void rd_conn_fail_no_memory(struct rd_conn *);

/* Notes that the server did what it was asked: it is well, and the next failure is the first in a row. */
void rd_conn_confirm(struct rd_conn *);

static inline bool rd_conn_is_ready(const struct rd_conn *conn) {
    return conn->state == RD_READY;
}

#endif
