/* plugins/redis/consumer/join.c - creates the groups of the subscription where they are missing and never moves one;
 * waits for streams that do not exist. */
#include "consumer/state.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"
#include "position.h"

enum { ABSENT_MS = 500 }; /* how often to look for a topic that does not exist */

bool rd_make_streams(struct rd_consumer *c) {
    c->streams = calloc(c->sub->n_topics, sizeof *c->streams);
    if (!c->streams)
        return false;
    c->n_streams = c->sub->n_topics;
    for (size_t i = 0; i < c->n_streams; i++) {
        c->streams[i].name = c->sub->topics[i];
        c->streams[i].len = strlen(c->sub->topics[i]);
    }
    return true;
}

/* ---- where a group starts ---- */

/* Where to create a group. Everything is new in a topic that did not exist a moment ago. A group that existed must not
 * miss an entry, but does not need again what it has read: it starts behind the newest entry that we know, if the
 * stream still is the same. */
static void start_of(const struct rd_consumer *c, const struct rd_stream *stream, bool same_stream, char text[RD_ID_ROOM]) {
    if (stream->absent || (stream->was_joined && !same_stream))
        rd_point_start(NULL, text);
    else if (stream->was_joined && c->sub->start && c->sub->start->kind == EB_LATEST)
        rd_id_print(stream->last, text);
    else
        rd_point_start(c->sub->start, text);
}

/* ---- joining ---- */

void rd_unjoin(struct rd_stream *stream) {
    stream->joined = stream->pending_done = false;
}

/* For a consumer that stops at the end, a stream that does not exist has ended. */
static void wait_for_stream(struct rd_consumer *c, struct rd_stream *stream) {
    stream->absent = true;
    stream->join_ms = ebp_boottime_ms() + ABSENT_MS;
    stream->ended = c->sub->until_end != 0;
    if (!stream->absence_logged)
        ebp_log(c->host, EBP_LOG_WARNING,
                stream->ended        ? "topic %s does not exist"
                : stream->was_joined ? "topic %s was removed while this worker had it; waiting for it"
                                     : "topic %s does not exist; waiting for it",
                stream->name);
    stream->absence_logged = true;
}

static int32_t on_group(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);

    stream->joining = false;
    if (rd_is_error(node) && !rd_error_is(node, "BUSYGROUP")) {
        if (rd_stream_error(c, stream, node, err, "group %s of topic %s", c->sub->group, stream->name) != RD_NO_GROUP)
            return EB_RETRIABLE;
        wait_for_stream(c, stream);
        return EB_OK;
    }
    if (!rd_is_error(node)) {
        stream->group_epoch++;
        if (stream->was_joined)
            ebp_log(c->host, EBP_LOG_WARNING,
                    "topic %s or its group %s was removed while this worker had it: the group is "
                    "created again",
                    stream->name, c->sub->group);
    }
    if (stream->absence_logged)
        ebp_log(c->host, EBP_LOG_INFO, "topic %s is there now", stream->name);
    stream->joined = stream->was_joined = true;
    stream->absent = stream->absence_logged = stream->pending_done = false;
    rd_claim_give_up(c, stream); /* the look was at the entries of the group that is gone */
    rd_server_clock_reset_idle(c, stream);
    return EB_OK;
}

/* Without MKSTREAM: producers create topics, consumers wait for them. */
static void create_group_at(struct rd_consumer *c, const struct rd_stream *stream, const char *start) {
    rd_control_command(c, on_group, rd_stream_number(c, stream),
                       (const char *[]){ "XGROUP", "CREATE", stream->name, c->sub->group, start, NULL });
}

static void create_group(struct rd_consumer *c, struct rd_stream *stream, bool same_stream) {
    char start[RD_ID_ROOM];

    start_of(c, stream, same_stream, start);
    create_group_at(c, stream, start);
}

/* If the newest entry that we read is there, the stream has only lost its group. If not, it is another stream, perhaps
 * with lower ids, as on a primary that began empty. */
static int32_t on_last(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);

    if (rd_is_error(node)) {
        rd_stream_error(c, stream, node, err, "topic %s", stream->name);
        return EB_RETRIABLE;
    }
    create_group(c, stream, rd_is_array(node, 1));
    return EB_OK;
}

/* A start point behind the last entry becomes the end of the stream: a group that began behind it would never get the
 * entries before it. */
static int32_t on_stream(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);
    const struct rd_node *newest = rd_is_error(node) ? NULL : rd_value_of(node, "last-generated-id");
    struct rd_id start, last;
    char text[RD_ID_ROOM];

    if (rd_is_error(node)) {
        stream->joining = false;
        if (rd_stream_error(c, stream, node, err, "topic %s", stream->name) != RD_NO_GROUP)
            return EB_RETRIABLE;
        wait_for_stream(c, stream);
        return EB_OK;
    }
    rd_point_start(c->sub->start, text);
    if (newest && rd_id_of(newest, &last) && rd_id_parse(text, &start) && rd_id_compare(start, last) > 0)
        rd_id_print(last, text);
    create_group_at(c, stream, text);
    return EB_OK;
}

static bool starts_inside(const struct rd_consumer *c) {
    return c->sub->start && (c->sub->start->kind == EB_TIME || c->sub->start->kind == EB_POSITION);
}

static void join_stream(struct rd_consumer *c, struct rd_stream *stream) {
    char last[RD_ID_ROOM];

    stream->joining = true;
    if (!stream->was_joined && !stream->absent && starts_inside(c)) {
        rd_control_command(c, on_stream, rd_stream_number(c, stream),
                           (const char *[]){ "XINFO", "STREAM", stream->name, NULL });
        return;
    }
    if (!stream->was_joined || stream->absent || !c->sub->start || c->sub->start->kind == EB_EARLIEST) {
        create_group(c, stream, true);
        return;
    }
    rd_id_print(stream->last, last);
    rd_control_command(c, on_last, rd_stream_number(c, stream), (const char *[]){ "XRANGE", stream->name, last, last, NULL });
}

void rd_join(struct rd_consumer *c) {
    int64_t now_ms = ebp_boottime_ms();

    if (!c->membership.known)
        return;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control) && !c->closing; i++) {
        struct rd_stream *stream = &c->streams[i];
        if (!stream->joined && !stream->joining && !stream->ended && now_ms >= stream->join_ms)
            join_stream(c, stream);
    }
}
