/* plugins/redis/connection/connect.c - how a connection becomes ready: it looks up the address, connects, agrees on
 * TLS and logs in. */
#include "connection/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"
#include "options.h"

enum { SLOW_MS = 500 };

/* ---- target ---- */

int32_t rd_target_open(struct rd_target *target, const struct eb_host *host, const struct rd_settings *set,
                       struct eb_error *err) {
    int32_t status;

    *target = (struct rd_target){ .host = host, .set = set };
    status = rd_url_parse(set->url ? set->url : "", &target->url, err);
    if (status != EB_OK)
        return status;
    if (target->url.has_password) {
        target->user = target->url.user[0] ? target->url.user : NULL;
        target->password = target->url.password;
    } else if (set->password && set->password[0]) {
        target->user = set->user && set->user[0] ? set->user : NULL;
        target->password = set->password;
    }
    return target->url.tls ? rd_tls_context(set, &target->tls, err) : EB_OK;
}

void rd_target_close(struct rd_target *target) {
    SSL_CTX_free(target->tls);
    target->tls = NULL;
}

/* ---- logging in ---- */

enum login_step { LOGIN, DATABASE, NAME, NUMBER, LAST };

static int32_t login_error(const struct rd_conn *conn, const struct rd_node *node, struct eb_error *err) {
    if (rd_error_is(node, "LOADING") || rd_error_is(node, "BUSY"))
        rd_classify_error(node, "logging in", err);
    else /* not the server's text: old ones quote the password */
        ebp_error(err, EB_RETRIABLE, 0, "the server refuses the login%s%s: %s", conn->target->user ? " of user " : "",
                  conn->target->user ? conn->target->user : "",
                  rd_error_is(node, "WRONGPASS") ? "wrong password, or it knows no such user (WRONGPASS)"
                                                 : "wrong password, or it asks for none");
    return EB_RETRIABLE;
}

static int32_t on_login_reply(struct rd_conn *conn, uint64_t step, const struct rd_node *node, struct eb_error *err) {
    if (step == NUMBER && rd_is_integer(node))
        snprintf(conn->id, sizeof conn->id, "%lld", (long long)node->number);
    if (!rd_is_error(node) || (step == LAST && rd_error_is(node, "NOPERM"))) {
        if (step == LAST) {
            conn->state = RD_READY;
            conn->ready_ms = ebp_boottime_ms();
            conn->ready(conn);
        }
        return EB_OK;
    }
    if (step == LOGIN)
        return login_error(conn, node, err);
    if (step == DATABASE && strncmp(node->text, "ERR", 3) == 0)
        return ebp_error(err, EB_RETRIABLE, 0, "the server has no database %d (DB index is out of range)",
                         conn->target->url.db);
    if (step == DATABASE || step == LAST || rd_classify_error(node, "", NULL) == RD_UNAVAILABLE) {
        rd_classify_error(node, "connected", err);
        return EB_RETRIABLE;
    }
    return EB_OK; /* a connection works without its name and number */
}

static bool send_step(struct rd_conn *conn, enum login_step step, const char *const *argv) {
    return rd_conn_command_texts(conn, on_login_reply, step, argv);
}

/* CLIENT SETNAME accepts no blank and nothing else that would break a line of CLIENT LIST. */
static void client_name(const struct rd_target *target, char *name, size_t room) {
    const char *service = target->host->service;

    snprintf(name, room, "eventbus-%.64s%s", service ? service : "", target->mark ? target->mark : "");
    for (; *name; name++)
        if (*name < '!' || *name > '~')
            *name = '_';
}

static void log_in(struct rd_conn *conn) {
    const struct rd_target *target = conn->target;
    char name[800], db[16];
    bool ok = true;

    client_name(target, name, sizeof name);
    snprintf(db, sizeof db, "%d", target->url.db);
    if (target->password && target->user)
        ok = send_step(conn, LOGIN, (const char *[]){ "AUTH", target->user, target->password, NULL });
    else if (target->password)
        ok = send_step(conn, LOGIN, (const char *[]){ "AUTH", target->password, NULL });
    if (ok && target->url.db != 0)
        ok = send_step(conn, DATABASE, (const char *[]){ "SELECT", db, NULL });
    ok = ok && send_step(conn, NAME, (const char *[]){ "CLIENT", "SETNAME", name, NULL }) &&
         send_step(conn, NUMBER, (const char *[]){ "CLIENT", "ID", NULL }) &&
         send_step(conn, LAST, (const char *[]){ "PING", NULL });
    conn->state = RD_LOGIN;
    if (!ok)
        rd_conn_fail_no_memory(conn);
}

/* ---- connecting ---- */

static void set_options(const struct rd_conn *conn, int fd) {
    int on = 1, seconds = (int)(conn->target->set->keepalive / 1000);

    if (conn->target->url.local)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    seconds = seconds > 0 ? seconds : 1;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}

/* EB_OK: connected, or connecting; EB_RETRIABLE with errno. */
static int32_t connect_to(struct rd_conn *conn, int family, const struct sockaddr *address, socklen_t len) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), number;

    if (fd < 0)
        return EB_RETRIABLE;
    set_options(conn, fd);
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        number = errno;
        close(fd);
        errno = number;
        return EB_RETRIABLE;
    }
    conn->fd = fd;
    conn->state = RD_CONNECTING;
    return EB_OK;
}

static void fail_errno(struct rd_conn *conn) {
    struct eb_error why;

    ebp_errno(&why, EB_RETRIABLE, "cannot connect to redis at %s", conn->target->url.shown);
    rd_conn_fail(conn, &why);
}

static void connect_next(struct rd_conn *conn) {
    int32_t status = EB_RETRIABLE;

    while (status != EB_OK && conn->next_address) {
        struct addrinfo *to = conn->next_address;
        conn->next_address = to->ai_next;
        status = connect_to(conn, to->ai_family, to->ai_addr, to->ai_addrlen);
    }
    if (status != EB_OK)
        fail_errno(conn);
}

static void connect_local(struct rd_conn *conn) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memcpy(address.sun_path, conn->target->url.host, strlen(conn->target->url.host) + 1);
    if (connect_to(conn, AF_UNIX, (const struct sockaddr *)&address, sizeof address) != EB_OK)
        fail_errno(conn);
}

/* A numeric address is known at once; a name is looked up by a thread. */
static void look_up(struct rd_conn *conn) {
    const struct rd_url *url = &conn->target->url;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };

    if (url->local) {
        connect_local(conn);
    } else if (getaddrinfo(url->host, url->port, &hints, &conn->addresses) == 0) {
        conn->next_address = conn->addresses;
        connect_next(conn);
    } else {
        conn->addresses = NULL;
        conn->lookup = rd_lookup_start(url->host, url->port, &conn->lookup_fd);
        conn->state = RD_LOOKUP;
        if (!conn->lookup)
            fail_errno(conn);
    }
}

static void check_lookup(struct rd_conn *conn) {
    struct eb_error why;
    int failure = 0;

    if (!rd_lookup_ended(conn->lookup, &conn->addresses, &failure))
        return;
    rd_lookup_free(conn->lookup);
    conn->lookup = NULL;
    conn->lookup_fd = -1;
    conn->next_address = conn->addresses;
    if (failure == 0) {
        connect_next(conn);
        return;
    }
    ebp_error(&why, EB_RETRIABLE, failure, "cannot find redis at %s: %s", conn->target->url.shown, gai_strerror(failure));
    rd_conn_fail(conn, &why);
}

static void begin_tls(struct rd_conn *conn) {
    if (!conn->target->tls) {
        log_in(conn);
        return;
    }
    conn->tls = rd_tls_new(conn->target->tls, conn->fd, &conn->target->url);
    conn->state = RD_HANDSHAKE;
    conn->wants = POLLOUT;
    if (!conn->tls)
        rd_conn_fail_no_memory(conn);
}

static void check_connecting(struct rd_conn *conn) {
    struct pollfd poll_fd = { .fd = conn->fd, .events = POLLOUT };
    int number = 0;
    socklen_t len = sizeof number;

    if (poll(&poll_fd, 1, 0) <= 0)
        return;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    if (number == 0) {
        begin_tls(conn);
        return;
    }
    close(conn->fd);
    conn->fd = -1;
    errno = number;
    if (conn->next_address)
        connect_next(conn);
    else
        fail_errno(conn);
}

static void check_handshake(struct rd_conn *conn) {
    struct eb_error cause = { 0 };

    if (rd_tls_handshake(conn->tls, &conn->wants, &cause) == 0)
        log_in(conn);
    else if (errno != EAGAIN)
        rd_conn_fail_because(conn, &cause);
}

static void begin(struct rd_conn *conn) {
    conn->last_read_ms = conn->drained_ms = conn->oldest_sent_ms = ebp_boottime_ms();
    conn->slow_ms = conn->last_read_ms + SLOW_MS;
    conn->deadline_ms = conn->last_read_ms + conn->target->set->login_timeout;
    if (rd_reader_open(&conn->reader, &conn->arena, (size_t)conn->target->set->reply_limit))
        look_up(conn);
    else
        rd_conn_fail_no_memory(conn);
}

/* By state. */
static const char *const doing[] = { "", "looking it up", "connecting", "agreeing on TLS", "logging in" };

bool rd_conn_is_slow(const struct rd_conn *conn, struct eb_error *why) {
    if (conn->state == RD_DOWN || conn->state == RD_READY || ebp_boottime_ms() < conn->slow_ms)
        return false;
    ebp_error(why, EB_RETRIABLE, 0, "no answer yet from redis at %s: %s", conn->target->url.shown, doing[conn->state]);
    return true;
}

static void check_deadline(struct rd_conn *conn) {
    struct eb_error why;

    if (conn->state == RD_DOWN || conn->state == RD_READY || ebp_boottime_ms() < conn->deadline_ms)
        return;
    ebp_error(&why, EB_RETRIABLE, ETIMEDOUT, "cannot connect to redis at %s: %s took longer than %lld ms",
              conn->target->url.shown, doing[conn->state], (long long)conn->target->set->login_timeout);
    rd_conn_fail(conn, &why);
}

void rd_connect_step(struct rd_conn *conn) {
    if (conn->state == RD_DOWN && ebp_boottime_ms() >= conn->retry_ms)
        begin(conn);
    if (conn->state == RD_LOOKUP)
        check_lookup(conn);
    if (conn->state == RD_CONNECTING)
        check_connecting(conn);
    if (conn->state == RD_HANDSHAKE)
        check_handshake(conn);
    check_deadline(conn);
}
