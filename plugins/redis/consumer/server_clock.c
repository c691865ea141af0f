/* plugins/redis/consumer/server_clock.c - notices that the server's clock was set. By that clock the server counts how
 * long a pending entry is idle, and it may be set, or a failover may lead to a server with another one. When it is set
 * ahead, all entries look left for long, also those that members work on: nothing is claimed until each living member
 * has renewed its own. When it is set back, entries of dead members would look as if just delivered until the clock has
 * caught up: their idle times are restarted. */
#include "consumer/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"

enum { SET_MS = 2000 }; /* a smaller step comes from a clock that is kept right */

/* KEYS: the stream. ARGV: group, first id. XPENDING shows idle times below 0 as 0. Renewing an entry for the consumer
 * that has it does no harm: its lease starts once more. Returns the last id it looked at; '' at the end. Entries that
 * are gone from the stream are left to the scan for those. */
static const char reset_idle_script[] = "local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', 1000)\n"
                                        "for _, row in ipairs(rows) do\n"
                                        "  if row[3] == 0 and #redis.call('XRANGE', KEYS[1], row[1], row[1]) > 0 then\n"
                                        "    redis.call('XCLAIM', KEYS[1], ARGV[1], row[2], 0, row[1], 'IDLE', '0', 'JUSTID')\n"
                                        "  end\n"
                                        "end\n"
                                        "return #rows == 1000 and rows[1000][1] or ''";

static int32_t on_idle_reset(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err);

static void reset_idle_from(struct rd_consumer *c, struct rd_stream *stream, struct rd_id first) {
    char start[RD_ID_ROOM];

    rd_id_print(first, start);
    rd_control_command(c, on_idle_reset, rd_stream_number(c, stream),
                       (const char *[]){ "EVAL", reset_idle_script, "1", stream->name, c->sub->group, start, NULL });
}

/* A user who may not EVAL is reported when a verdict needs it. */
static int32_t on_idle_reset(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_id last;

    if (rd_is_error(node))
        return rd_check_available(node, "EVAL", err);
    if (rd_id_of(node, &last))
        reset_idle_from(c, rd_stream_of(conn, number), rd_id_after(last));
    return EB_OK;
}

void rd_server_clock_reset_idle(struct rd_consumer *c, struct rd_stream *stream) {
    reset_idle_from(c, stream, (struct rd_id){ 0 });
}

static void log_clock_set(const struct rd_consumer *c, int64_t by_ms) {
    ebp_log(c->host, EBP_LOG_WARNING,
            "the server's clock was set %" PRId64 " s %s, or this is another server: what other "
            "members left is taken over %" PRId64 " s later than usual",
            (int64_t)llabs(by_ms) / 1000, by_ms < 0 ? "back" : "ahead", c->set->claim_after / 1000);
}

static bool read_time(const struct rd_node *node, int64_t *ms) {
    if (!rd_is_array(node, 2) || !rd_is_text(&node->items[0]) || !rd_is_text(&node->items[1]))
        return false;
    *ms = strtoll(node->items[0].text, NULL, 10) % (INT64_MAX / 2000) * 1000 + strtoll(node->items[1].text, NULL, 10) / 1000;
    return true;
}

static void log_no_time(struct rd_consumer *c) {
    c->clock.refused = true;
    ebp_log(c->host, EBP_LOG_INFO,
            "the server does not tell its time (this user may not TIME): when its clock is set, "
            "events may come twice, or those of dead members late");
}

static int32_t on_time(struct rd_conn *conn, uint64_t asked_ms, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_server_clock *clock = &c->clock;
    int64_t now_ms = ebp_boottime_ms(), uncertain_ms = now_ms - (int64_t)asked_ms, server_ms, by_ms;

    (void)err;
    if (!read_time(node, &server_ms)) {
        log_no_time(c);
        return EB_OK;
    }
    by_ms = server_ms - now_ms - clock->offset_ms;
    if (clock->known && llabs(by_ms) >= SET_MS + uncertain_ms + clock->uncertain_ms) {
        log_clock_set(c, by_ms);
        if (by_ms > 0)
            clock->no_claim_ms = now_ms + c->set->claim_after;
        for (size_t i = 0; i < c->n_streams && by_ms < 0; i++)
            if (c->streams[i].joined)
                rd_server_clock_reset_idle(c, &c->streams[i]);
    }
    clock->known = true;
    clock->offset_ms = server_ms - now_ms;
    clock->uncertain_ms = uncertain_ms;
    return EB_OK;
}

void rd_server_clock_check(struct rd_consumer *c, int64_t now_ms) {
    if (c->clock.refused || c->clock.asked_ms == now_ms)
        return;
    c->clock.asked_ms = now_ms;
    rd_control_command(c, on_time, (uint64_t)ebp_boottime_ms(), (const char *[]){ "TIME", NULL });
}
