/* plugins/redis/connection/connection.c - see connection.h. Connecting and logging in are in connect.c. */
#include "connection/connection.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum {
    READ_AT_ONCE = 64 << 10,
    READS = 16, /* then the other connection has its turn */
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 5000,
    PROVEN_MS = 1000,     /* how long a suspect connection has to last before it counts as a good one */
    OUT_FIRST = 64 << 10, /* the least room for commands to be sent */
    OUT_KEPT = 1 << 20    /* the most room that is kept once all commands are sent */
};

void rd_conn_init(struct rd_conn *conn, const struct rd_target *target, void *owner, void (*ready)(struct rd_conn *),
                  void (*lost)(struct rd_conn *, const struct eb_error *)) {
    *conn = (struct rd_conn){
        .target = target, .owner = owner, .ready = ready, .lost = lost, .fd = -1, .lookup_fd = -1, .staged_at = SIZE_MAX
    };
}

/* ---- giving a connection up ---- */

static void shut(struct rd_conn *conn) {
    SSL_free(conn->tls);
    conn->tls = NULL;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    conn->wants = 0;
    rd_lookup_free(conn->lookup);
    conn->lookup = NULL;
    conn->lookup_fd = -1;
    if (conn->addresses)
        freeaddrinfo(conn->addresses);
    conn->addresses = conn->next_address = NULL;
    rd_reader_close(&conn->reader);
    rd_arena_reset(&conn->arena);
    conn->out_at = conn->out_n = 0;
    conn->staged_at = SIZE_MAX;
    conn->awaited_ring.first = conn->awaited_ring.n = 0;
    conn->id[0] = '\0';
    conn->state = RD_DOWN;
}

/* The wait doubles with each try. Chance takes off up to half of it, so that a site's services do not all come back at
 * once. */
static int64_t wait_ms(uint32_t tries) {
    int64_t wait = FIRST_WAIT_MS;
    unsigned seed;

    for (uint32_t i = 1; i < tries && wait < LONGEST_WAIT_MS; i++)
        wait *= 2;
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    seed = (unsigned)ebp_boottime_ms() ^ (unsigned)(uintptr_t)&seed ^ (unsigned)getpid() << 16;
    return wait - (int64_t)(rand_r(&seed) % (unsigned)(wait / 2 + 1));
}

void rd_conn_fail(struct rd_conn *conn, const struct eb_error *why) {
    if (conn->dispatching) {
        conn->fail_reason = conn->fail_pending ? conn->fail_reason : *why;
        conn->fail_pending = true;
        return;
    }
    conn->overran = conn->reader.too_large;
    shut(conn);
    conn->tries++;
    conn->retry_ms = ebp_boottime_ms() + wait_ms(conn->tries);
    conn->lost(conn, why);
}

void rd_conn_fail_because(struct rd_conn *conn, const struct eb_error *cause) {
    struct eb_error why;

    ebp_error(&why, cause->status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE, cause->native, "redis at %s: %.*s",
              conn->target->url.shown, 700, cause->text);
    rd_conn_fail(conn, &why);
}

void rd_conn_fail_no_memory(struct rd_conn *conn) {
    struct eb_error why;

    ebp_no_memory(&why);
    rd_conn_fail(conn, &why);
}

void rd_conn_confirm(struct rd_conn *conn) {
    if (conn->suspect && ebp_boottime_ms() - conn->ready_ms < PROVEN_MS)
        return;
    conn->tries = 0;
    conn->suspect = false;
}

void rd_conn_close(struct rd_conn *conn) {
    shut(conn);
    rd_arena_free(&conn->arena);
    free(conn->out);
    free(conn->awaited);
    conn->out = NULL;
    conn->awaited = NULL;
}

/* ---- commands ---- */

/* Makes room for `more` bytes. Bytes that are sent leave once they are more than those that are left. */
static bool reserve_out(struct rd_conn *conn, size_t more) {
    size_t need;

    if (conn->out_at > 0 && conn->out_n - conn->out_at < conn->out_at) {
        memmove(conn->out, conn->out + conn->out_at, conn->out_n - conn->out_at);
        conn->out_n -= conn->out_at;
        conn->staged_at -= conn->staged_at == SIZE_MAX ? 0 : conn->out_at;
        conn->out_at = 0;
    }
    need = conn->out_n + more;
    return EBP_RESERVE(conn->out, conn->out_room, need > OUT_FIRST ? need : OUT_FIRST);
}

bool rd_conn_command(struct rd_conn *conn, rd_reply_handler handler, uint64_t arg, int64_t extra_ms, size_t argc,
                     const char *const *argv, const size_t *lens) {
    char *command = NULL;
    int n = redisFormatCommandArgv(&command, (int)argc, (const char **)(uintptr_t)argv, lens);
    bool ok = n > 0 && reserve_out(conn, (size_t)n) && EBP_RING_RESERVE(&conn->awaited_ring, conn->awaited, 1);

    if (ok) {
        memcpy(conn->out + conn->out_n, command, (size_t)n);
        conn->out_n += (size_t)n;
        if (conn->awaited_ring.n == 0)
            conn->oldest_sent_ms = ebp_boottime_ms();
        conn->awaited[ebp_ring_push(&conn->awaited_ring)] = (struct rd_awaited){ handler, arg, extra_ms };
    }
    if (command)
        redisFreeCommand(command);
    return ok;
}

bool rd_conn_command_texts(struct rd_conn *conn, rd_reply_handler handler, uint64_t arg, const char *const *argv) {
    size_t n = 0;

    while (argv[n])
        n++;
    return rd_conn_command(conn, handler, arg, 0, n, argv, NULL);
}

void rd_conn_stage(struct rd_conn *conn) {
    conn->staged_at = conn->out_n;
    conn->awaited_before_stage = conn->awaited_ring.n;
}

/* The server's time to reply begins now. */
void rd_conn_send_staged(struct rd_conn *conn) {
    conn->staged_at = SIZE_MAX;
    conn->oldest_sent_ms = ebp_boottime_ms();
}

void rd_conn_drop_staged(struct rd_conn *conn) {
    if (conn->staged_at == SIZE_MAX)
        return;
    conn->out_n = conn->staged_at;
    conn->awaited_ring.n = conn->awaited_before_stage;
    conn->staged_at = SIZE_MAX;
}

/* ---- writing and reading ---- */

static size_t out_end(const struct rd_conn *conn) {
    return conn->staged_at < conn->out_n ? conn->staged_at : conn->out_n;
}

static ssize_t send_some(struct rd_conn *conn, struct eb_error *why) {
    const char *from = conn->out + conn->out_at;
    size_t n = out_end(conn) - conn->out_at;

    if (conn->tls)
        return rd_tls_send(conn->tls, from, n, &conn->wants, why);
    return send(conn->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool is_transient(int number) {
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static void shrink_out(struct rd_conn *conn) {
    conn->out_at = conn->out_n = 0;
    if (conn->out_room <= OUT_KEPT)
        return;
    free(conn->out);
    conn->out = NULL;
    conn->out_room = 0;
}

void rd_conn_write(struct rd_conn *conn) {
    struct eb_error why = { 0 };

    while (conn->state >= RD_LOGIN && conn->out_at < out_end(conn) && !(conn->dispatching && conn->fail_pending)) {
        ssize_t sent = send_some(conn, &why);
        if (sent < 0 && is_transient(errno))
            return;
        if (sent < 0) {
            if (!why.text[0])
                ebp_errno(&why, EB_RETRIABLE, "cannot send");
            rd_conn_fail_because(conn, &why);
            return;
        }
        conn->out_at += (size_t)sent;
    }
    if (conn->out_at == conn->out_n)
        shrink_out(conn);
}

static void fail_refused(struct rd_conn *conn, const struct eb_error *why) {
    conn->suspect = conn->state == RD_READY;
    rd_conn_fail_because(conn, why);
}

/* Calls the handler that awaits this reply. False: the connection was given up. */
static bool dispatch(struct rd_conn *conn, const struct rd_node *node) {
    struct eb_error why = { 0 };
    struct rd_awaited awaited;
    bool refused;

    if (conn->awaited_ring.n == 0) {
        if (node->type != REDIS_REPLY_ERROR)
            ebp_error(&why, EB_RETRIABLE, 0, "the server sent a reply without a command");
        else
            rd_classify_error(node, "connected", &why);
        rd_conn_fail_because(conn, &why);
        return false;
    }
    awaited = conn->awaited[ebp_ring_pop(&conn->awaited_ring)];
    if (conn->staged_at != SIZE_MAX)
        conn->awaited_before_stage--;
    conn->oldest_sent_ms = conn->last_read_ms;
    conn->fail_pending = false;
    conn->dispatching = true;
    refused = awaited.handler(conn, awaited.arg, node, &why) < 0;
    conn->dispatching = false;
    if (conn->fail_pending)
        rd_conn_fail(conn, &conn->fail_reason);
    else if (refused)
        fail_refused(conn, &why);
    return !conn->fail_pending && !refused;
}

static bool dispatch_all(struct rd_conn *conn) {
    for (;;) {
        struct eb_error why = { 0 };
        struct rd_node *node;
        if (rd_reader_next(&conn->reader, &node, &why) != EB_OK) {
            rd_conn_fail_because(conn, &why);
            return false;
        }
        if (!node)
            return true;
        if (!dispatch(conn, node))
            return false;
        rd_arena_reset(&conn->arena);
    }
}

/* Returns 1: there may be more to read at once; 0: there is nothing now; -1: the connection was given up. */
static int read_some(struct rd_conn *conn, char *bytes, size_t room) {
    struct eb_error why = { 0 };
    int64_t now_ms = ebp_boottime_ms();
    ssize_t got = conn->tls ? rd_tls_recv(conn->tls, bytes, room, &conn->wants, &why)
                            : recv(conn->fd, bytes, room, MSG_DONTWAIT);

    if (got < 0 && is_transient(errno)) {
        conn->drained_ms = now_ms;
        return 0;
    }
    if (got == 0)
        ebp_error(&why, EB_RETRIABLE, 0, "the server closed the connection");
    else if (got < 0 && !why.text[0])
        ebp_errno(&why, EB_RETRIABLE, "cannot read");
    if (got > 0)
        conn->last_read_ms = now_ms;
    if (got <= 0 || rd_reader_feed(&conn->reader, bytes, (size_t)got, &why) != EB_OK) {
        rd_conn_fail_because(conn, &why);
        return -1;
    }
    return 1;
}

static void read_in(struct rd_conn *conn) {
    char bytes[READ_AT_ONCE];

    for (int i = 0; i < READS && conn->state >= RD_LOGIN; i++) {
        int more = read_some(conn, bytes, sizeof bytes);
        if (more <= 0 || !dispatch_all(conn))
            return;
    }
}

/* ---- time ---- */

static int64_t reply_due_ms(const struct rd_conn *conn) {
    const struct rd_awaited *oldest = &conn->awaited[ebp_ring_at(&conn->awaited_ring, 0)];

    return conn->oldest_sent_ms + conn->target->set->command_timeout + oldest->extra_ms;
}

int64_t rd_conn_due_ms(const struct rd_conn *conn) {
    if (conn->state == RD_DOWN)
        return conn->retry_ms;
    if (conn->state < RD_READY)
        return conn->slow_ms > ebp_boottime_ms() ? ebp_earlier(conn->slow_ms, conn->deadline_ms) : conn->deadline_ms;
    return conn->awaited_ring.n > 0 ? reply_due_ms(conn) : conn->last_read_ms + conn->target->set->keepalive;
}

static int32_t on_ping(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    (void)conn;
    (void)arg;
    if (!rd_is_error(node) || rd_classify_error(node, "PING", err) == RD_KEY_REFUSED)
        return EB_OK; /* a reply to a user who may not PING is a sign of life too */
    return EB_RETRIABLE;
}

static void check_time(struct rd_conn *conn) {
    struct eb_error why;

    if (conn->state < RD_READY || ebp_boottime_ms() < rd_conn_due_ms(conn))
        return;
    if (conn->awaited_ring.n == 0) {
        rd_conn_command_texts(conn, on_ping, 0, (const char *[]){ "PING", NULL });
        return;
    }
    ebp_error(&why, EB_RETRIABLE, ETIMEDOUT, "no answer for %lld ms", (long long)(ebp_boottime_ms() - conn->oldest_sent_ms));
    rd_conn_fail_because(conn, &why);
}

void rd_conn_work(struct rd_conn *conn) {
    if (conn->state < RD_LOGIN)
        rd_connect_step(conn);
    if (conn->state >= RD_LOGIN)
        rd_conn_write(conn);
    if (conn->state >= RD_LOGIN)
        read_in(conn);
    if (conn->state == RD_LOGIN)
        rd_connect_step(conn);
    check_time(conn);
    if (conn->state >= RD_LOGIN)
        rd_conn_write(conn); /* commands that handlers have added */
}

struct pollfd rd_conn_poll(const struct rd_conn *conn) {
    struct pollfd wait = { .fd = conn->fd };

    if (conn->state == RD_LOOKUP)
        wait = (struct pollfd){ .fd = conn->lookup_fd, .events = POLLIN };
    else if (conn->state == RD_CONNECTING)
        wait.events = POLLOUT;
    else if (conn->state == RD_HANDSHAKE)
        wait.events = conn->wants;
    else
        wait.events = (short)(POLLIN | (conn->out_at < out_end(conn) ? conn->tls ? conn->wants : POLLOUT : 0));
    return wait;
}

void rd_conn_wait(const struct rd_conn *conn, struct ebp_wakeup *wakeup, int64_t until_ms) {
    struct pollfd wait = rd_conn_poll(conn);

    ebp_wakeup_wait(wakeup, &wait, 1, ebp_earlier(until_ms, rd_conn_due_ms(conn)) - ebp_boottime_ms());
}
