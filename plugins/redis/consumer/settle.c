/* plugins/redis/consumer/settle.c - verdicts on their way: acknowledged with XACK as long as the entry is ours for sure,
 * else, like what is returned or renewed, by a script that looks whose it is. */
#include "consumer/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "error.h"
#include "connection/server_error.h"

enum way { PLAIN, CHECKED, RETURNED, EXTENDED, WAYS };

/* Idle for longer than any claim_after can be: who looks first may have it. */
static const char left_long_ago[] = "2592000000";

/* KEYS: the stream. ARGV: group, consumer, what to do, the pool, its idle time, ids. Answers for each id 1: done,
 * 0: it is not ours any more, -1: it is not in the stream any more. */
static const char script[] =
    "local done = {}\n"
    "for i = 6, #ARGV do\n"
    "  local id, result = ARGV[i], 0\n"
    "  local ours = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]\n"
    "  if ours and ARGV[3] == 'ack' then\n"
    "    result = redis.call('XACK', KEYS[1], ARGV[1], id)\n"
    "  elseif ours then\n"
    "    local there = #redis.call('XRANGE', KEYS[1], id, id) > 0\n"
    "    result = there and 1 or -1\n"
    "    if not there then redis.call('XACK', KEYS[1], ARGV[1], id)\n"
    "    elseif ARGV[3] == 'extend' then redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')\n"
    "    else\n"
    "      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[4], 0, id, 'IDLE', ARGV[5],\n"
    "                 'RETRYCOUNT', math.max(ours[4] - 1, 0), 'JUSTID')\n"
    "    end\n"
    "  end\n"
    "  done[#done + 1] = result\n"
    "end\n"
    "return done";

/* ---- settle ---- */

static bool remember_extend(struct rd_consumer *c, struct rd_inflight *inflight) {
    size_t room = c->room_extends ? 2 * c->room_extends : 64;
    struct rd_inflight **items;
    uint32_t *generations;

    if (c->n_extends == c->room_extends) {
        items = realloc(c->extends, room * sizeof *items);
        if (!items)
            return false;
        c->extends = items;
        generations = realloc(c->extends_generation, room * sizeof *generations);
        if (!generations)
            return false;
        c->extends_generation = generations;
        c->room_extends = room;
    }
    c->extends[c->n_extends] = inflight;
    c->extends_generation[c->n_extends++] = inflight->generation;
    return true;
}

static void set_verdict(struct rd_consumer *c, struct rd_inflight *inflight, uint32_t what) {
    inflight->verdict = what;
    inflight->state = RD_DECIDED;
    c->open--;
    c->bytes -= inflight->bytes;
    rd_queue_append(&inflight->stream->decided, inflight);
}

int32_t rd_settle(struct rd_consumer *c, const struct eb_verdict *verdict, struct eb_error *err) {
    struct rd_inflight *inflight = rd_inflight_find(c, verdict->token);

    if (!inflight || inflight->state != RD_DELIVERED)
        return EB_OK;
    if (verdict->kind == EB_EXTEND)
        return inflight->lost || remember_extend(c, inflight) ? EB_OK : rd_no_memory(err);
    c->out--;
    c->bytes_out -= inflight->bytes;
    set_verdict(c, inflight, verdict->kind == EB_ACK ? EB_ACK : EB_RETURN);
    return EB_OK;
}

void rd_return_fetched(struct rd_consumer *c) {
    struct rd_inflight *inflight;

    while ((inflight = rd_queue_take(&c->fetched))) {
        rd_reply_release(c, inflight->reply);
        inflight->reply = NULL;
        inflight->fields = NULL;
        set_verdict(c, inflight, EB_RETURN);
    }
}

/* ---- answers ---- */

/* Whether the host knows it: what was returned by ourselves was never handed over. */
static void end_item(struct rd_consumer *c, struct rd_inflight *inflight, int32_t status) {
    uint64_t token = rd_inflight_token(inflight);

    if (inflight->told)
        c->host->settled(c->host, &token, 1, status);
    c->settled += inflight->told;
    rd_inflight_remove(c, inflight);
}

static struct rd_sent_verdict *sent_first(struct rd_consumer *c) {
    struct rd_sent_verdict *sent = &c->pipeline[c->sent_first];

    c->sent_first = (c->sent_first + 1) % c->sent_room;
    c->sent_n--;
    return sent;
}

/* Not pending any more, of a group that was not made anew: settled already, by the answer that was lost or by another
 * member. */
static int32_t status_of_missing(const struct rd_inflight *inflight) {
    return inflight->resent && inflight->group_epoch == inflight->stream->group_epoch ? EB_OK : EB_GONE;
}

/* Stream or group were taken away: then these are nobody's any more. Any other refusal, of a user that may read and not
 * settle, say, is no word on them. */
static bool is_about_the_stream(const struct rd_consumer *c, const struct rd_node *node, const char *doing,
                                struct eb_error *err) {
    const struct rd_stream *stream = c->pipeline[c->sent_first].inflight->stream;
    char what[300];

    snprintf(what, sizeof what, "%s events of topic %s", doing, stream->name);
    return rd_stream_error(c, stream, node, what, err) == RD_NO_GROUP || strstr(node->text, "WRONGTYPE");
}

/* How many of these were still pending. Where some were not, nobody will get those again: all are settled. */
static int32_t on_plain(struct rd_conn *conn, uint64_t n, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    bool nogroup = rd_is_error(node) && is_about_the_stream(c, node, "acknowledging", err);

    if (!rd_is_integer(node) && !nogroup)
        return rd_is_error(node) ? EB_RETRIABLE : rd_error(err, EB_RETRIABLE, 0, "the answer to XACK is no number");
    rd_confirm_link(conn);
    for (uint64_t i = 0; i < n; i++) {
        struct rd_inflight *inflight = sent_first(c)->inflight;
        end_item(c, inflight, !nogroup && node->number > 0 ? EB_OK : status_of_missing(inflight));
    }
    return EB_OK;
}

static void mark_lost(struct rd_consumer *c, struct rd_inflight *inflight) {
    uint64_t token = rd_inflight_token(inflight);

    inflight->lost = true;
    if (inflight->told)
        c->host->revoke(c->host, &token, 1, 0);
}

static void end_extend(struct rd_consumer *c, const struct rd_sent_verdict *sent, int64_t result) {
    if (result == 1)
        sent->inflight->alive_ms = sent->at_ms;
    else if (result == 0)
        mark_lost(c, sent->inflight);
    else
        sent->inflight->trimmed = true;
}

static void end_checked(struct rd_consumer *c, struct rd_inflight *inflight, int64_t result) {
    if (result < 0 && inflight->verdict == EB_RETURN)
        rd_log_trimmed(c, inflight->stream, 1, inflight->id);
    end_item(c, inflight, result != 0 ? EB_OK : status_of_missing(inflight));
}

static int32_t on_checked(struct rd_conn *conn, uint64_t n, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    bool failed = rd_is_error(node);

    if (failed && !is_about_the_stream(c, node, "settling", err))
        return EB_RETRIABLE;
    if (!failed && (!rd_is_array(node, n) || node->n != n))
        return rd_error(err, EB_RETRIABLE, 0, "the answer of a script is none");
    rd_confirm_link(conn);
    for (uint64_t i = 0; i < n; i++) {
        struct rd_sent_verdict *sent = sent_first(c);
        int64_t result = !failed && rd_is_integer(&node->items[i]) ? node->items[i].number : 0;
        if (sent->extend)
            end_extend(c, sent, result);
        else
            end_checked(c, sent->inflight, result);
    }
    return EB_OK;
}

/* ---- sending ---- */

static bool reserve_sent(struct rd_consumer *c, size_t more) {
    size_t room = c->sent_room ? c->sent_room : 512;
    struct rd_sent_verdict *sent;

    while (room < c->sent_n + more)
        room *= 2;
    if (room == c->sent_room)
        return true;
    sent = malloc(room * sizeof *sent);
    if (!sent)
        return false;
    for (size_t i = 0; i < c->sent_n; i++)
        sent[i] = c->pipeline[(c->sent_first + i) % c->sent_room];
    free(c->pipeline);
    c->pipeline = sent;
    c->sent_first = 0;
    c->sent_room = room;
    return true;
}

struct page {
    size_t n;
    struct rd_inflight *items[RD_PAGE];
};

static size_t begin_command(const struct rd_consumer *c, const struct rd_stream *stream, enum way way,
                            const char **argv) {
    static const char *const whats[] = { "", "ack", "return", "extend" };
    const char *const plain[] = { "XACK", stream->name, c->sub->group };
    const char *const checked[] = { "EVAL",          script, "1", stream->name, c->sub->group, c->sub->consumer,
                                    whats[way], rd_returned_consumer, left_long_ago };

    if (way == PLAIN)
        memcpy(argv, plain, sizeof plain);
    else
        memcpy(argv, checked, sizeof checked);
    return way == PLAIN ? sizeof plain / sizeof *plain : sizeof checked / sizeof *checked;
}

static void send_page(struct rd_consumer *c, const struct rd_stream *stream, enum way way, struct page *page) {
    const char *argv[9 + RD_PAGE];
    size_t lens[9 + RD_PAGE], argc = begin_command(c, stream, way, argv);
    char ids[RD_PAGE][RD_ID_ROOM];
    int64_t now_ms = rd_ticks_ms();
    struct eb_error why;

    if (page->n == 0)
        return;
    for (size_t i = 0; i < page->n; i++) {
        struct rd_inflight *inflight = page->items[i];
        rd_id_print(inflight->id, ids[i]);
        argv[argc++] = ids[i];
        c->pipeline[(c->sent_first + c->sent_n++) % c->sent_room] = (struct rd_sent_verdict){ inflight, way == EXTENDED, now_ms };
        if (way != EXTENDED)
            inflight->state = RD_SETTLING;
    }
    for (size_t i = 0; i < argc; i++)
        lens[i] = strlen(argv[i]);
    if (!rd_conn_command(&c->control, way == PLAIN ? on_plain : on_checked, page->n, 0, argc, argv, lens)) {
        rd_no_memory(&why);
        rd_conn_fail(&c->control, &why);
    }
    page->n = 0;
}

/* Half of the time that the server gives us is left at least: nobody else can have it. */
static bool is_ours_for_sure(const struct rd_consumer *c, const struct rd_inflight *inflight, int64_t now_ms) {
    return now_ms - inflight->alive_ms < c->set->claim_after / 2;
}

static enum way way_of(const struct rd_consumer *c, const struct rd_inflight *inflight, int64_t now_ms) {
    if (inflight->verdict == EB_RETURN)
        return RETURNED;
    return is_ours_for_sure(c, inflight, now_ms) || inflight->resent ? PLAIN : CHECKED;
}

/* What needs no command: true. */
static bool settled_here(struct rd_consumer *c, struct rd_inflight *inflight) {
    if (!inflight->lost && !inflight->trimmed)
        return false;
    if (inflight->trimmed && inflight->verdict == EB_RETURN)
        rd_log_trimmed(c, inflight->stream, 1, inflight->id);
    end_item(c, inflight, inflight->lost ? EB_GONE : EB_OK);
    return true;
}

static void send_decided(struct rd_consumer *c, struct rd_stream *stream) {
    struct page pages[WAYS] = {0};
    int64_t now_ms = rd_ticks_ms();

    for (size_t left = stream->decided.n; left > 0 && rd_conn_is_ready(&c->control); left--) {
        struct rd_inflight *inflight = rd_queue_take(&stream->decided);
        enum way way = way_of(c, inflight, now_ms);
        if (settled_here(c, inflight))
            continue;
        pages[way].items[pages[way].n++] = inflight;
        if (pages[way].n == RD_PAGE)
            send_page(c, stream, way, &pages[way]);
    }
    for (enum way way = PLAIN; way < WAYS; way++)
        send_page(c, stream, way, &pages[way]);
}

static void send_extends(struct rd_consumer *c, const struct rd_stream *stream) {
    struct page page = {0};

    for (size_t i = 0; i < c->n_extends; i++) {
        struct rd_inflight *inflight = c->extends[i];
        bool still = inflight->generation == c->extends_generation[i] &&
                     (inflight->state == RD_DELIVERED || inflight->state == RD_FETCHED) && !inflight->lost && !inflight->trimmed;
        if (!still || inflight->stream != stream)
            continue;
        page.items[page.n++] = inflight;
        if (page.n == RD_PAGE)
            send_page(c, stream, EXTENDED, &page);
    }
    send_page(c, stream, EXTENDED, &page);
}

void rd_send_verdicts(struct rd_consumer *c) {
    size_t n = c->n_extends;

    if (!rd_conn_is_ready(&c->control))
        return;
    for (size_t i = 0; i < c->n_streams; i++)
        n += c->streams[i].decided.n;
    if (n == 0 || !reserve_sent(c, n))                  /* without memory now: the next time */
        return;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control); i++) {
        send_decided(c, &c->streams[i]);
        send_extends(c, &c->streams[i]);
    }
    if (rd_conn_is_ready(&c->control))
        c->n_extends = 0;
}

/* Told again, but for the extensions, which the host will ask for again. */
void rd_verdicts_lost(struct rd_consumer *c) {
    while (c->sent_n > 0) {
        struct rd_sent_verdict *sent = sent_first(c);
        if (sent->extend)
            continue;
        sent->inflight->resent = true;
        sent->inflight->state = RD_DECIDED;
        rd_queue_append(&sent->inflight->stream->decided, sent->inflight);
    }
}

bool rd_has_verdicts(const struct rd_consumer *c) {
    size_t n = c->sent_n;

    for (size_t i = 0; i < c->n_streams; i++)
        n += c->streams[i].decided.n;
    return n > 0;
}

void rd_abandon_verdicts(struct rd_consumer *c) {
    struct rd_inflight *inflight;

    rd_verdicts_lost(c);
    for (size_t i = 0; i < c->n_streams; i++)
        while ((inflight = rd_queue_take(&c->streams[i].decided)))
            end_item(c, inflight, EB_GONE);
}

/* ---- what is not handed over yet ---- */

static void drop_lost(struct rd_consumer *c) {
    size_t left = c->fetched.n;

    while (left-- > 0) {
        struct rd_inflight *inflight = rd_queue_take(&c->fetched);
        if (!inflight->lost) {
            rd_queue_append(&c->fetched, inflight);
            continue;
        }
        rd_reply_release(c, inflight->reply);
        c->open--;
        c->bytes -= inflight->bytes;
        rd_inflight_remove(c, inflight);
    }
}

void rd_extend_fetched(struct rd_consumer *c) {
    int64_t now_ms = rd_ticks_ms(), third = c->set->claim_after / 3;

    if (c->fetched.n == 0 || now_ms - c->extended_ms < third / 2)
        return;
    c->extended_ms = now_ms;
    drop_lost(c);
    for (struct rd_inflight *inflight = c->fetched.first; inflight; inflight = inflight->next)
        if (now_ms - inflight->alive_ms >= third && !remember_extend(c, inflight))
            return;                                     /* without memory now: the next time */
}
