/* plugins/redis/consumer/end.c - whether everything up to the end, as it was when we began, is settled by the group. */
#include "consumer/state.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "error.h"
#include "connection/server_error.h"

enum { LOOK_MS = 50, ALIVE_MS = 20 };

static struct rd_stream *stream_of(struct rd_conn *conn, uint64_t number) {
    return &rd_consumer_of(conn)->streams[number];
}

static int32_t refused(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_stream *stream = stream_of(conn, number);
    char what[300];

    stream->looking = false;
    snprintf(what, sizeof what, "the end of topic %s", stream->name);
    if (rd_refused(rd_consumer_of(conn), stream, node, what, err) != RD_NOGROUP)
        return EB_RETRIABLE;
    rd_unjoin(stream);
    return EB_OK;
}

static int32_t no_answer(const struct rd_stream *stream, struct eb_error *err) {
    return rd_error(err, EB_RETRIABLE, 0, "topic %s: what came is no answer to what was asked", stream->name);
}

/* ---- who is alive ---- */

static struct rd_holder *holder_of(struct rd_consumer *c, const struct rd_stream *stream, const char *name) {
    struct rd_holder *holder;

    for (size_t i = 0; i < c->n_holders; i++)
        if (c->holders[i].stream == stream && strncmp(c->holders[i].name, name, sizeof c->holders[i].name - 1) == 0)
            return &c->holders[i];
    if (c->n_holders == RD_HOLDERS)
        return NULL;
    holder = &c->holders[c->n_holders++];
    *holder = (struct rd_holder){ .stream = stream };
    snprintf(holder->name, sizeof holder->name, "%s", name);
    return holder;
}

/* A consumer that asks the server again after we first looked is alive. One that does not is dead, and what it has
 * will be ours: too many to remember count as dead for as long. */
static int32_t on_consumers(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    int64_t now_ms = rd_ticks_ms();

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        const struct rd_node *name = rd_value_of(&node->items[i], "name"), *idle = rd_value_of(&node->items[i], "idle");
        struct rd_holder *holder;
        if (!name || !idle || !rd_is_text(name) || !rd_is_integer(idle))
            return no_answer(stream_of(conn, number), err);
        holder = holder_of(c, stream_of(conn, number), name->text);
        if (holder && holder->seen_ms == 0)
            holder->seen_ms = now_ms - idle->number;
        else if (holder)
            holder->alive = holder->alive || now_ms - idle->number > holder->seen_ms + ALIVE_MS;
    }
    return EB_OK;
}

static bool is_waited_for(struct rd_consumer *c, const struct rd_stream *stream, const char *name) {
    struct rd_holder *holder;

    if (strcmp(name, c->sub->consumer) == 0 || strcmp(name, rd_pool) == 0)
        return true;
    holder = holder_of(c, stream, name);
    return !holder || !holder->alive;
}

static int32_t on_pending(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    stream->looking = false;
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        const struct rd_node *row = &node->items[i];
        if (!rd_is_array(row, 2) || !rd_is_text(&row->items[1]))
            return no_answer(stream, err);
        if (is_waited_for(c, stream, row->items[1].text))
            return EB_OK;
    }
    stream->ended = node->n < RD_PAGE;
    return EB_OK;
}

/* ---- where the group is ---- */

static void ask_pending(struct rd_consumer *c, const struct rd_stream *stream) {
    char end[RD_ID_ROOM], count[24];

    rd_id_print(stream->end, end);
    snprintf(count, sizeof count, "%d", RD_PAGE);
    rd_ask_side(c, on_consumers, rd_stream_number(c, stream),
                (const char *[]){ "XINFO", "CONSUMERS", stream->name, c->sub->group, NULL });
    rd_ask_side(c, on_pending, rd_stream_number(c, stream),
                (const char *[]){ "XPENDING", stream->name, c->sub->group, "-", end, count, NULL });
}

static int32_t on_groups(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    stream->looking = false;
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        const struct rd_node *name = rd_value_of(&node->items[i], "name");
        const struct rd_node *last = rd_value_of(&node->items[i], "last-delivered-id");
        struct rd_id id;
        if (!name || !rd_is_text(name) || !last || !rd_is_text(last) || !rd_id_parse(last->text, &id))
            return no_answer(stream, err);
        if (strcmp(name->text, c->sub->group) != 0)
            continue;
        if (rd_id_compare(id, stream->end) >= 0) {
            stream->looking = true;
            ask_pending(c, stream);
        }
        return EB_OK;
    }
    rd_unjoin(stream);
    return EB_OK;
}

static int32_t on_end(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_stream *stream = stream_of(conn, number);

    if (rd_is_error(node))
        return refused(conn, number, node, err);
    if (node->type != REDIS_REPLY_ARRAY)
        return no_answer(stream, err);
    stream->looking = false;
    stream->end_known = true;
    if (node->n == 0)
        return EB_OK;
    if (!rd_is_array(&node->items[0], 1) || !rd_is_text(&node->items[0].items[0]) ||
        !rd_id_parse(node->items[0].items[0].text, &stream->end))
        return no_answer(stream, err);
    return EB_OK;
}

/* ---- a round ---- */

void rd_look_for_end(struct rd_consumer *c) {
    int64_t now_ms = rd_ticks_ms();
    bool busy = c->open > 0 || rd_has_verdicts(c);

    if (!c->sub->until_end || c->closing || now_ms < c->end_ms)
        return;
    c->end_ms = now_ms + LOOK_MS;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->side); i++) {
        struct rd_stream *stream = &c->streams[i];
        if (!stream->joined || stream->looking || stream->ended)
            continue;
        if (stream->end_known && (busy || !stream->own_done || stream->claim.busy))
            continue;
        stream->looking = true;
        if (stream->end_known)
            rd_ask_side(c, on_groups, i, (const char *[]){ "XINFO", "GROUPS", stream->name, NULL });
        else
            rd_ask_side(c, on_end, i, (const char *[]){ "XREVRANGE", stream->name, "+", "-", "COUNT", "1", NULL });
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
