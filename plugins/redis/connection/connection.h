/* plugins/redis/connection/connection.h - one connection to the server: made, kept, made again; commands written in a row and their
 * answers given, in order, to who asked. Never waits by itself. */
#ifndef RD_CONNECTION_CONNECTION_H
#define RD_CONNECTION_CONNECTION_H

#include <poll.h>

#include "connection/reply.h"
#include "connection/resolve.h"
#include "connection/tls.h"

/* What the connections of one instance have in common; lives longer than they do. */
struct rd_target {
    const struct eb_host *host;
    const struct rd_settings *set;
    struct rd_url url;
    const char *user, *password;        /* NULL: none */
    const char *mark;                   /* behind the name of each connection; NULL: none */
    SSL_CTX *tls;
};

/* EB_OK, or EB_PERMANENT: the settings cannot be used. */
int32_t rd_target_open(struct rd_target *, const struct eb_host *, const struct rd_settings *, struct eb_error *);
void rd_target_close(struct rd_target *);

enum rd_conn_state { RD_DOWN, RD_LOOKUP, RD_CONNECTING, RD_HANDSHAKE, RD_LOGIN, RD_READY };

/* Takes an answer, which lies in the connection's arena: it may be swapped for an empty one. Negative, with the
 * reason in err: the connection is given up. */
struct rd_conn;
typedef int32_t (*rd_reply_handler)(struct rd_conn *, uint64_t arg, const struct rd_node *, struct eb_error *err);

struct rd_awaited {
    rd_reply_handler handler;
    uint64_t arg;
    int64_t extra_ms;                /* beyond command_timeout */
};

struct rd_conn {
    const struct rd_target *target;
    void *owner;
    void (*ready)(struct rd_conn *);    /* logged in: commands may be asked */
    /* Nothing that was asked is answered any more. EB_PERMANENT: what was asked will be refused again and again. */
    void (*lost)(struct rd_conn *, const struct eb_error *);
    enum rd_conn_state state;
    int fd;
    short wants;                        /* what TLS waits for beyond reading */
    SSL *tls;
    struct rd_lookup *lookup;
    int lookup_fd;
    struct addrinfo *addresses, *next_address;
    uint32_t tries;                     /* in a row that led to nothing */
    int64_t ready_ms;                   /* since when it has been ready */
    bool suspect;                       /* the last one ended by a refusal: that we are logged in proves little */
    int64_t retry_ms, slow_ms, deadline_ms;
    int64_t oldest_sent_ms, last_read_ms;          /* since when the first answer is waited for; when anything last came */
    int64_t drained_ms;                     /* everything sent up to then was taken in */
    char *out;
    size_t out_at, out_n, out_room;
    size_t staged_at;                     /* what is asked from here on is not sent yet; SIZE_MAX: all is */
    size_t awaited_before_stage;                  /* how many were asked before that and are not answered yet */
    struct rd_awaited *awaited;             /* a ring */
    size_t awaited_first, awaited_n, awaited_room;
    struct rd_reader reader;
    struct rd_arena arena;
    bool dispatching, fail_pending;           /* an answer is being taken; the connection is to be given up after that, */
    struct eb_error fail_reason;               /*   for this reason: the answer must not go while it is looked at */
    bool overran;                       /* it was lost since an answer was too large */
    char id[24];                        /* as CLIENT UNBLOCK takes it; "": unknown */
};

void rd_conn_init(struct rd_conn *, const struct rd_target *, void *owner, void (*ready)(struct rd_conn *),
                  void (*lost)(struct rd_conn *, const struct eb_error *));
void rd_conn_close(struct rd_conn *);

/* Makes all progress that needs no waiting. */
void rd_conn_work(struct rd_conn *);

/* Whether it takes long to connect: says so, for those who have not heard anything yet. */
bool rd_conn_is_slow(const struct rd_conn *, struct eb_error *);

/* Sends what was asked, as far as it goes without waiting. */
void rd_conn_write(struct rd_conn *);

/* What to poll for, and until when at most. */
struct pollfd rd_conn_poll(const struct rd_conn *);
int64_t rd_conn_due_ms(const struct rd_conn *);

/* A command behind those asked before. The answer may take extra_ms longer than others. False: no memory. */
bool rd_conn_command(struct rd_conn *, rd_reply_handler, uint64_t arg, int64_t extra_ms, size_t argc, const char *const *argv,
                 const size_t *lens);

/* What is asked from now on stays here until it is released, or forgotten as if it had never been asked. */
void rd_conn_stage(struct rd_conn *);
void rd_conn_send_staged(struct rd_conn *);
void rd_conn_drop_staged(struct rd_conn *);

/* Gives the connection up for this reason; it is made anew after a wait. */
void rd_conn_fail(struct rd_conn *, const struct eb_error *);

/* What was asked worked: the server is well. */
void rd_conn_confirm(struct rd_conn *);

static inline bool rd_conn_is_ready(const struct rd_conn *conn) {
    return conn->state == RD_READY;
}

#endif
