/* plugins/redis/join.c - the groups of a consumer: made where they are not there, never moved. */
#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "point.h"
#include "refusal.h"

void rd_ask_side(struct rd_consumer *c, rd_answer answer, uint64_t arg, const char *const *argv) {
    size_t lens[16], n = 0;
    struct eb_error why;

    for (; n < 16 && argv[n]; n++)
        lens[n] = strlen(argv[n]);
    if (rd_conn_ask(&c->side, answer, arg, 0, n, argv, lens))
        return;
    rd_no_memory(&why);
    rd_conn_fail(&c->side, &why);
}

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

/* Of a group that was there a moment ago nothing may be passed over: from the newest that we know. */
static void start_of(const struct rd_consumer *c, const struct rd_stream *stream, char text[RD_ID_ROOM]) {
    if (stream->was_joined && c->sub->start && c->sub->start->kind == EB_LATEST)
        rd_id_print(stream->last, text);
    else
        rd_point_start(c->sub->start, text);
}

/* ---- joining ---- */

void rd_unjoin(struct rd_stream *stream) {
    stream->joined = stream->own_done = false;
}

static void tell_reborn(struct rd_consumer *c, const struct rd_stream *stream) {
    char text[400];

    snprintf(text, sizeof text, "topic %s or its group %s was removed while this worker had it: the group is made anew",
             stream->name, c->sub->group);
    c->host->log(c->host, 4, text);
}

static int32_t on_group(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = &c->streams[number];
    char what[400];

    stream->joining = false;
    if (rd_is_error(node) && !rd_refused_with(node, "BUSYGROUP")) {
        snprintf(what, sizeof what, "group %s of topic %s", c->sub->group, stream->name);
        rd_refused(c, stream, node, what, err);
        return EB_RETRIABLE;
    }
    if (!rd_is_error(node)) {
        stream->births++;
        if (stream->was_joined)
            tell_reborn(c, stream);
    }
    stream->joined = stream->was_joined = true;
    stream->own_done = false;
    stream->claim = (struct rd_claim){0};
    return EB_OK;
}

void rd_join(struct rd_consumer *c) {
    char start[RD_ID_ROOM];

    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->side) && !c->closing; i++) {
        struct rd_stream *stream = &c->streams[i];
        if (stream->joined || stream->joining)
            continue;
        start_of(c, stream, start);
        stream->joining = true;
        rd_ask_side(c, on_group, i,
                    (const char *[]){ "XGROUP", "CREATE", stream->name, c->sub->group, start, "MKSTREAM", NULL });
    }
}
