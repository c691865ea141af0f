/* plugins/redis/consumer/until_end.c - whether the group has settled everything up to the end of each topic, as it was
 * when we began. */
#include "consumer/state.h"

#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum { LOOK_MS = 50, ALIVE_MS = 20 };

static int32_t refused(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_stream *stream = rd_stream_of(conn, number);

    stream->checking_end = false;
    if (rd_stream_error(rd_consumer_of(conn), stream, node, err, "the end of topic %s", stream->name) != RD_NO_GROUP)
        return EB_RETRIABLE;
    rd_unjoin(stream);
    return EB_OK;
}

static int32_t unexpected_reply(const struct rd_stream *stream, struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to a look for its end", stream->name);
}

/* ---- who is alive ---- */

static struct rd_member *member_of(struct rd_consumer *c, const struct rd_stream *stream, const char *name) {
    struct rd_member *member;

    for (size_t i = 0; i < c->n_members; i++)
        if (c->members[i].stream == stream && strncmp(c->members[i].name, name, sizeof c->members[i].name - 1) == 0)
            return &c->members[i];
    if (c->n_members == RD_MEMBERS)
        return NULL;
    member = &c->members[c->n_members++];
    *member = (struct rd_member){ .stream = stream };
    snprintf(member->name, sizeof member->name, "%s", name);
    return member;
}

/* A consumer that sends another command after our first look is alive. The others are dead, and their entries will come
 * to us. Consumers beyond RD_MEMBERS, which we cannot remember, count as dead. */
static int32_t on_consumers(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);
    int64_t now_ms = ebp_boottime_ms();

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        struct rd_consumer_info info;
        struct rd_member *member;
        if (!rd_consumer_info(&node->items[i], &info))
            return unexpected_reply(stream, err);
        member = member_of(c, stream, info.name);
        if (member && member->seen_ms == 0)
            member->seen_ms = now_ms - info.idle_ms;
        else if (member)
            member->alive = member->alive || now_ms - info.idle_ms > member->seen_ms + ALIVE_MS;
    }
    return EB_OK;
}

static bool is_waited_for(struct rd_consumer *c, const struct rd_stream *stream, const char *name) {
    struct rd_member *member;

    if (strcmp(name, c->sub->consumer) == 0 || strcmp(name, rd_returned_consumer) == 0)
        return true;
    member = member_of(c, stream, name);
    return !member || !member->alive;
}

static int32_t on_pending(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    stream->checking_end = false;
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        const struct rd_node *row = &node->items[i];
        if (!rd_is_array(row, 2) || !rd_is_text(&row->items[1]))
            return unexpected_reply(stream, err);
        if (is_waited_for(c, stream, row->items[1].text))
            return EB_OK;
    }
    stream->ended = node->n < RD_PAGE;
    return EB_OK;
}

/* ---- how far the group is ---- */

static void send_pending(struct rd_consumer *c, const struct rd_stream *stream) {
    char end[RD_ID_ROOM], count[24];

    rd_id_print(stream->end, end);
    snprintf(count, sizeof count, "%d", RD_PAGE);
    rd_control_command(c, on_consumers, rd_stream_number(c, stream),
                       (const char *[]){ "XINFO", "CONSUMERS", stream->name, c->sub->group, NULL });
    rd_control_command(c, on_pending, rd_stream_number(c, stream),
                       (const char *[]){ "XPENDING", stream->name, c->sub->group, "-", end, count, NULL });
}

/* Whether entries are left between the group and the end; those that were removed unread come to nobody. */
static int32_t on_left(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_stream *stream = rd_stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    if (node->type != REDIS_REPLY_ARRAY)
        return unexpected_reply(stream, err);
    stream->checking_end = false;
    if (node->n > 0)
        return EB_OK;
    stream->checking_end = true;
    send_pending(rd_consumer_of(conn), stream);
    return EB_OK;
}

static void send_left(struct rd_consumer *c, const struct rd_stream *stream, struct rd_id delivered) {
    char start[RD_ID_ROOM], end[RD_ID_ROOM];

    rd_id_print(rd_id_after(delivered), start);
    rd_id_print(stream->end, end);
    rd_control_command(c, on_left, rd_stream_number(c, stream),
                       (const char *[]){ "XRANGE", stream->name, start, end, "COUNT", "1", NULL });
}

static int32_t on_groups(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    stream->checking_end = false;
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        const struct rd_node *name = rd_value_of(&node->items[i], "name");
        const struct rd_node *last = rd_value_of(&node->items[i], "last-delivered-id");
        struct rd_id id;
        if (!name || !rd_is_text(name) || !last || !rd_id_of(last, &id))
            return unexpected_reply(stream, err);
        if (strcmp(name->text, c->sub->group) != 0)
            continue;
        stream->checking_end = true;
        if (rd_id_compare(id, stream->end) >= 0)
            send_pending(c, stream);
        else
            send_left(c, stream, id);
        return EB_OK;
    }
    rd_unjoin(stream);
    return EB_OK;
}

static int32_t on_end(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_stream *stream = rd_stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    if (node->type != REDIS_REPLY_ARRAY)
        return unexpected_reply(stream, err);
    stream->checking_end = false;
    stream->end_known = true;
    if (node->n == 0)
        return EB_OK;
    if (!rd_id_of_entry(&node->items[0], &stream->end))
        return unexpected_reply(stream, err);
    return EB_OK;
}

/* ---- a round ---- */

void rd_check_end(struct rd_consumer *c) {
    int64_t now_ms = ebp_boottime_ms();
    bool busy = c->open > 0 || rd_has_verdicts(c);

    if (!c->sub->until_end || c->closing || now_ms < c->end_ms)
        return;
    c->end_ms = now_ms + LOOK_MS;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control); i++) {
        struct rd_stream *stream = &c->streams[i];
        if (!stream->joined || stream->checking_end || stream->ended)
            continue;
        if (stream->end_known && (busy || !stream->pending_done || stream->claim.busy))
            continue;
        stream->checking_end = true;
        if (stream->end_known)
            rd_control_command(c, on_groups, i, (const char *[]){ "XINFO", "GROUPS", stream->name, NULL });
        else
            rd_control_command(c, on_end, i, (const char *[]){ "XREVRANGE", stream->name, "+", "-", "COUNT", "1", NULL });
    }
}

bool rd_at_end(const struct rd_consumer *c) {
    if (!c->sub->until_end || c->open > 0 || rd_has_verdicts(c))
        return false;
    for (size_t i = 0; i < c->n_streams; i++)
        if (!c->streams[i].ended)
            return false;
    return true;
}
