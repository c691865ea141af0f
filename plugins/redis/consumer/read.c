/* plugins/redis/consumer/read.c - reads new entries: one XREADGROUP at a time waits at the server, on a connection of
 * its own. */
#include "consumer/state.h"

#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum { BLOCK_MS = 1000, STREAMS_AT_ONCE = 64, LATE_MS = 250, MAYBE_LOST_MS = 10000 };
enum { REST_FIRST_MS = 10, REST_MOST_MS = 250 }; /* between two rounds over streams that cannot be read at once */

static struct rd_stream *stream_named(struct rd_consumer *c, const struct rd_node *name) {
    for (size_t i = 0; i < c->n_streams; i++)
        if (rd_is_text(name) && c->streams[i].len == name->n && memcmp(c->streams[i].name, name->text, name->n) == 0)
            return &c->streams[i];
    return NULL;
}

static void forget_read(struct rd_consumer *c) {
    c->read_awaited = false;
    c->reserved -= c->read_reserved;
    c->read_reserved = 0;
}

static int32_t take_stream(struct rd_consumer *c, struct rd_shared_reply *reply, const struct rd_node *node, int64_t alive_ms,
                           struct eb_error *err) {
    struct rd_stream *stream = rd_is_array(node, 2) ? stream_named(c, &node->items[0]) : NULL;
    int32_t status = EB_OK;

    if (!stream || node->items[1].type != REDIS_REPLY_ARRAY)
        return ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to XREADGROUP");
    for (size_t i = 0; i < node->items[1].n && status == EB_OK; i++)
        status = rd_fetch(c, stream, reply, &node->items[1].items[i], 1, alive_ms, &stream->last, err);
    return status;
}

static int32_t take_reply(struct rd_consumer *c, struct rd_conn *conn, const struct rd_node *node, struct eb_error *err) {
    int64_t alive_ms = conn->drained_ms > c->read_ms ? conn->drained_ms : c->read_ms;
    struct rd_shared_reply *reply = rd_reply_share(c, conn);
    int32_t status = EB_OK;

    if (!reply)
        return ebp_no_memory(err);
    for (size_t i = 0; i < node->n && status == EB_OK; i++)
        status = take_stream(c, reply, &node->items[i], alive_ms, err);
    rd_reply_release(c, reply);
    if (status == EB_OK && c->count_cap < RD_COUNT_MAX)
        c->count_cap++;
    c->looked_at = 0;
    c->rest_ms = 0;
    return status;
}

static bool is_reading_others(const struct rd_consumer *c, const struct rd_stream *stream) {
    while (++stream < c->streams + c->n_streams)
        if (stream->reading)
            return true;
    return false;
}

static int32_t read_refused(struct rd_consumer *c, const struct rd_node *node, struct eb_error *err) {
    const struct rd_stream *first = c->streams;

    while (!first->reading)
        first++;
    if (rd_stream_error(c, first, node, err, "reading topic %s%s as group %s", first->name,
                        is_reading_others(c, first) ? " or others" : "", c->sub->group) != RD_NO_GROUP)
        return EB_RETRIABLE;
    for (size_t i = 0; i < c->n_streams; i++)
        if (c->streams[i].reading)
            rd_unjoin(&c->streams[i]);
    return EB_OK;
}

static int32_t on_read(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);

    (void)arg;
    forget_read(c);
    if (rd_is_error(node))
        return read_refused(c, node, err);
    rd_confirm_link(conn);
    if (node->type == REDIS_REPLY_NIL)
        return EB_OK;
    if (node->type != REDIS_REPLY_ARRAY)
        return ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to XREADGROUP");
    return take_reply(c, conn, node, err);
}

static size_t count_readable(const struct rd_consumer *c) {
    size_t n = 0;

    for (size_t i = 0; i < c->n_streams; i++)
        n += c->streams[i].joined && c->streams[i].pending_done;
    return n;
}

/* Returns how long the server may wait for an entry of n streams out of all that are readable. Where the host has less room
 * than there are streams, they are read in turn, without waiting, so that those without entries do not delay the others.
 * After a round without any entry the read waits, longer each time. 0: it does not wait. */
static int block_ms(struct rd_consumer *c, size_t n, size_t readable) {
    if (n >= readable)
        return BLOCK_MS;
    c->looked_at += n;
    if (c->looked_at <= readable)
        return 0;
    c->looked_at = n;
    c->rest_ms = c->rest_ms == 0 ? REST_FIRST_MS : 2 * c->rest_ms < REST_MOST_MS ? 2 * c->rest_ms : REST_MOST_MS;
    return c->rest_ms;
}

/* Chooses the streams to read now, in turn. COUNT counts for each stream, so there may be no more streams than
 * capacity. */
static size_t choose(struct rd_consumer *c, size_t capacity, struct rd_stream **chosen) {
    size_t n = 0, most = capacity < STREAMS_AT_ONCE ? capacity : STREAMS_AT_ONCE;

    for (size_t i = 0; i < c->n_streams; i++)
        c->streams[i].reading = false;
    for (size_t i = 0; i < c->n_streams && n < most; i++) {
        struct rd_stream *stream = &c->streams[(c->turn + i) % c->n_streams];
        if (!stream->joined || !stream->pending_done)
            continue;
        stream->reading = true;
        chosen[n++] = stream;
    }
    c->turn = c->n_streams ? (c->turn + n) % c->n_streams : 0;
    return n;
}

static bool send_read(struct rd_consumer *c, size_t each, struct rd_stream *const *chosen, size_t n, int wait_ms) {
    const char *argv[9 + 2 * STREAMS_AT_ONCE] = { "XREADGROUP", "GROUP", c->sub->group, c->sub->consumer, "COUNT" };
    size_t argc = 6;
    char count[24], block[24];

    snprintf(count, sizeof count, "%zu", each);
    snprintf(block, sizeof block, "%d", wait_ms);
    argv[5] = count;
    if (wait_ms > 0) { /* BLOCK 0 would wait for ever */
        argv[argc++] = "BLOCK";
        argv[argc++] = block;
    }
    argv[argc++] = "STREAMS";
    for (size_t i = 0; i < n; i++)
        argv[argc++] = chosen[i]->name;
    for (size_t i = 0; i < n; i++)
        argv[argc++] = ">";
    return rd_conn_command(&c->reader, on_read, 0, wait_ms, argc, argv, NULL);
}

/* Entries that the host does not want yet are left to other members. */
void rd_read(struct rd_consumer *c) {
    struct rd_stream *chosen[STREAMS_AT_ONCE];
    size_t capacity = rd_receive_capacity(c), wanted = c->max > c->fetched.n ? c->max - c->fetched.n : 0, n;

    if (c->read_awaited || c->closing || !rd_conn_is_ready(&c->reader))
        return;
    if (capacity > wanted)
        capacity = wanted;
    n = choose(c, capacity, chosen);
    if (n == 0)
        return;
    c->read_awaited = true;
    c->read_ms = ebp_boottime_ms();
    c->read_reserved = capacity / n * n;
    c->reserved += c->read_reserved;
    if (!send_read(c, capacity / n, chosen, n, block_ms(c, n, count_readable(c))))
        rd_conn_fail_no_memory(&c->reader);
}

/* The entries of the lost reply are pending under our name, or will be as long as the server waits for new ones, not
 * knowing that the connection is gone. To keep the order, reading goes on after that time; entries that come later are
 * looked for again. */
void rd_read_lost(struct rd_consumer *c) {
    if (!c->read_awaited)
        return;
    forget_read(c);
    c->lost_read_ends_ms = c->read_ms + BLOCK_MS + LATE_MS;
    c->maybe_lost_until_ms = ebp_boottime_ms() + MAYBE_LOST_MS;
    for (size_t i = 0; i < c->n_streams; i++)
        c->streams[i].pending_done = c->streams[i].claim.first = false; /* a look under way began too early */
}

static int32_t on_unblock(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    (void)conn;
    (void)arg;
    return rd_check_available(node, "CLIENT UNBLOCK", err);
}

void rd_end_read(struct rd_consumer *c) {
    if (c->read_awaited && c->reader.id[0] && rd_conn_is_ready(&c->control))
        rd_control_command(c, on_unblock, 0, (const char *[]){ "CLIENT", "UNBLOCK", c->reader.id, "TIMEOUT", NULL });
}
