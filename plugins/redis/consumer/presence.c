/* plugins/redis/consumer/presence.c - shows the other members that this one is alive, warns when several are at work,
 * and removes the names of consumers that are gone. */
#include "consumer/state.h"

#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"

enum { SWEEP_MS = 10000, DEAD_TIMES = 10 };

/* ---- signs of life ---- */

static int32_t on_sign(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    if (!rd_is_error(node)) {
        rd_confirm_link(conn);
        return EB_OK;
    }
    if (rd_stream_error(rd_consumer_of(conn), rd_stream_of(conn, number), node, err, "a sign of life") != RD_NO_GROUP)
        return EB_RETRIABLE;
    rd_unjoin(rd_stream_of(conn, number));
    return EB_OK;
}

/* The last id but one: the server takes the very last, 18446744073709551615-18446744073709551615, for ">", a read of new
 * entries (Redis 7.0, t_stream.c, xreadCommand). */
#define BEYOND_ALL_ENTRIES "18446744073709551615-18446744073709551614"

/* Reads our own pending entries from beyond their end: that returns none and shows the other members that we are
 * alive. */
static void send_sign(struct rd_consumer *c, const struct rd_stream *stream) {
    rd_control_command(c, on_sign, rd_stream_number(c, stream),
                       (const char *[]){ "XREADGROUP", "GROUP", c->sub->group, c->sub->consumer, "COUNT", "1", "STREAMS",
                                         stream->name, BEYOND_ALL_ENTRIES, NULL });
}

/* Before Redis 7.2 a read that waits for new entries shows no life, however often it is sent. One that stops at the end waits
 * for what other members hold until it sees that they live: whoever holds entries shows it more often. */
int64_t rd_life_due_ms(const struct rd_consumer *c) {
    return c->life_shown_ms + (c->open > 0 ? rd_scan_every_ms(c) : c->set->claim_after / 3);
}

void rd_show_life(struct rd_consumer *c) {
    int64_t now_ms = ebp_boottime_ms();

    if (c->closing || !rd_conn_is_ready(&c->control) || now_ms < rd_life_due_ms(c))
        return;
    c->life_shown_ms = now_ms;
    for (size_t i = 0; i < c->n_streams; i++)
        if (c->streams[i].joined)
            send_sign(c, &c->streams[i]);
}

/* ---- names that nobody uses ---- */

static const char remove_script[] =
    "if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return -1 end\n"
    "return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])";

static int32_t on_removed(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);

    (void)number;
    if (c->leaving && c->leaves > 0)
        c->leaves--;
    return rd_check_available(node, "XGROUP DELCONSUMER", err);
}

static void remove_name(struct rd_consumer *c, const struct rd_stream *stream, const char *name) {
    rd_control_command(c, on_removed, 0,
                       (const char *[]){ "EVAL", remove_script, "1", stream->name, c->sub->group, name, NULL });
}

void rd_leave(struct rd_consumer *c) {
    c->leaving = true;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control); i++)
        if (c->streams[i].was_joined) {
            c->leaves++;
            remove_name(c, &c->streams[i], c->sub->consumer);
        }
}

/* Redis gives the next entry to whichever member asks, so two members may have entries of one key at the same time. */
static void warn_of_order(struct rd_consumer *c, const struct rd_stream *stream, const char *other) {
    if (c->sub->order == EB_ORDER_NONE || c->warned_order)
        return;
    c->warned_order = true;
    ebp_log(c->host, EBP_LOG_WARNING,
            "topic %s: %s is at work in group %s, too: order holds within each of them, not "
            "between them; run one worker with a higher concurrency, or set order = none",
            stream->name, other, c->sub->group);
}

/* Removes consumers that have nothing pending and have not been seen for long. A read creates the name again for one
 * that comes back. */
static int32_t on_consumers(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);
    int64_t dead_ms = c->set->claim_after * DEAD_TIMES;

    if (rd_is_error(node))
        return rd_check_available(node, "XINFO CONSUMERS", err);
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        struct rd_consumer_info info;
        if (!rd_consumer_info(&node->items[i], &info) || strcmp(info.name, c->sub->consumer) == 0)
            continue;
        if (info.idle_ms < c->set->claim_after && strcmp(info.name, rd_returned_consumer) != 0)
            warn_of_order(c, stream, info.name);
        if (info.pending == 0 && info.idle_ms > dead_ms)
            remove_name(c, stream, info.name);
    }
    return EB_OK;
}

void rd_sweep(struct rd_consumer *c, struct rd_stream *stream, int64_t now_ms) {
    if (now_ms < stream->sweep_ms || now_ms < c->clock.no_claim_ms)
        return;
    stream->sweep_ms = now_ms + ebp_earlier(SWEEP_MS, c->set->claim_after);
    rd_control_command(c, on_consumers, rd_stream_number(c, stream),
                       (const char *[]){ "XINFO", "CONSUMERS", stream->name, c->sub->group, NULL });
}
