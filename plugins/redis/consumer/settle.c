/* plugins/redis/consumer/settle.c - sends verdicts and reports what came of them. An acknowledgement is a plain XACK as
 * long as nobody else can have the entry; later acknowledgements, returns and extensions go through a script that looks
 * who has it. */
#include "consumer/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum way { PLAIN, CHECKED, RETURNED, EXTENDED, WAYS };

/* Longer than any claim_after can be: the first consumer that looks may take the entry over. */
static const char left_long_ago[] = "2592000000";

/* KEYS: the stream. ARGV: group, consumer, what to do, the consumer of returned entries, its idle time, ids. Returns
 * for each id 1: done, 0: another consumer has it, -1: it is no longer in the stream, so it does not come again, 2: nobody has
 * it, and it is there. */
enum { RESULT_TAKEN_OVER = 0, RESULT_MISSING = 2 };
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
    "  elseif #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 0 then\n"
    "    result = #redis.call('XRANGE', KEYS[1], id, id) > 0 and 2 or -1\n"
    "  end\n"
    "  done[#done + 1] = result\n"
    "end\n"
    "return done";

/* ---- settle ---- */

static bool add_extend(struct rd_consumer *c, const struct rd_inflight *inflight) {
    if (!EBP_RESERVE(c->extends, c->extends_room, c->n_extends + 1))
        return false;
    c->extends[c->n_extends++] = ebp_token(&inflight->slot);
    return true;
}

static void set_verdict(struct rd_consumer *c, struct rd_inflight *inflight, uint32_t verdict) {
    inflight->verdict = verdict;
    inflight->state = RD_DECIDED;
    c->open--;
    c->bytes -= inflight->bytes;
    rd_queue_append(&inflight->stream->decided, inflight);
}

int32_t rd_settle(struct rd_consumer *c, const struct eb_verdict *verdict, struct eb_error *err) {
    struct rd_inflight *inflight = (struct rd_inflight *)ebp_token_find(&c->records, verdict->token);

    if (!inflight || inflight->state != RD_DELIVERED)
        return EB_OK;
    if (verdict->kind == EB_EXTEND)
        return inflight->lost || add_extend(c, inflight) ? EB_OK : ebp_no_memory(err);
    c->out--;
    c->bytes_out -= inflight->bytes;
    set_verdict(c, inflight, verdict->kind == EB_ACK ? EB_ACK : EB_RETURN);
    return EB_OK;
}

void rd_return_fetched(struct rd_consumer *c) {
    struct rd_inflight *inflight;

    while ((inflight = rd_queue_take(&c->fetched))) {
        rd_inflight_release_fields(c, inflight);
        set_verdict(c, inflight, EB_RETURN);
    }
}

/* ---- replies ---- */

/* Entries that were never delivered and that we return ourselves are unknown to the host. */
static void end_inflight(struct rd_consumer *c, struct rd_inflight *inflight, int32_t status) {
    uint64_t token = ebp_token(&inflight->slot);

    if (inflight->delivered)
        c->host->settled(c->host, &token, 1, status);
    c->settled += inflight->delivered;
    rd_inflight_remove(c, inflight);
}

static struct rd_sent_verdict *take_sent(struct rd_consumer *c) {
    return &c->sent[ebp_ring_pop(&c->sent_ring)];
}

/* The status of an entry that is not pending any more. If the group is still the same and the verdict was sent before,
 * the lost reply stood for it; if not, another member has settled it. */
static int32_t status_of_missing(const struct rd_inflight *inflight) {
    return inflight->resent && inflight->group_epoch == inflight->stream->group_epoch ? EB_OK : EB_GONE;
}

/* Whether the stream or its group is gone, so that nobody has these entries any more. Another error, say of a user who
 * may read and not settle, says nothing about them. */
static bool is_stream_gone(const struct rd_consumer *c, const struct rd_node *node, const char *doing, struct eb_error *err) {
    const struct rd_stream *stream = c->sent[ebp_ring_at(&c->sent_ring, 0)].stream;

    return rd_stream_error(c, stream, node, err, "%s events of topic %s", doing, stream->name) == RD_NO_GROUP ||
           strstr(node->text, "WRONGTYPE");
}

/* Nobody else can have it, and still it was not pending: the group was made anew, or an operator removed it with what was
 * pending of it. The script finds out. */
static void look_for(struct rd_inflight *inflight) {
    inflight->missed = true;
    inflight->state = RD_DECIDED;
    rd_queue_append(&inflight->stream->decided, inflight);
}

/* XACK returns how many of the entries were still pending. Those that were not will not come again either: all are
 * settled. If it found none, each is looked for. */
static int32_t on_plain(struct rd_conn *conn, uint64_t n, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    bool nogroup = rd_is_error(node) && is_stream_gone(c, node, "acknowledging", err);

    if (!rd_is_integer(node) && !nogroup)
        return rd_is_error(node) ? EB_RETRIABLE : ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to XACK");
    rd_confirm_link(conn);
    for (uint64_t i = 0; i < n; i++) {
        struct rd_inflight *inflight = take_sent(c)->inflight;
        int32_t status = !nogroup && node->number > 0 ? EB_OK : status_of_missing(inflight);
        if (status == EB_OK || nogroup)
            end_inflight(c, inflight, status);
        else
            look_for(inflight);
    }
    return EB_OK;
}

static void mark_lost(struct rd_consumer *c, struct rd_inflight *inflight) {
    uint64_t token = ebp_token(&inflight->slot);

    inflight->lost = true;
    if (inflight->delivered)
        c->host->revoke(c->host, &token, 1, 0);
}

static void end_extend(struct rd_consumer *c, const struct rd_sent_verdict *sent, int64_t result) {
    struct rd_inflight *inflight = (struct rd_inflight *)ebp_token_find(&c->records, sent->extended);

    if (!inflight) /* an earlier reply said that it is lost */
        return;
    if (result == 1)
        inflight->alive_ms = sent->at_ms;
    else if (result == RESULT_TAKEN_OVER || result == RESULT_MISSING)
        mark_lost(c, inflight);
    else
        inflight->trimmed = true;
}

static void end_checked(struct rd_consumer *c, struct rd_inflight *inflight, int64_t result) {
    if (result < 0 && inflight->verdict == EB_RETURN)
        rd_log_trimmed(c, inflight->stream, 1, inflight->id);
    if (result == RESULT_TAKEN_OVER && inflight->verdict == EB_ACK)
        end_inflight(c, inflight, EB_GONE);
    else if (result == RESULT_TAKEN_OVER || result == RESULT_MISSING)
        end_inflight(c, inflight, status_of_missing(inflight));
    else
        end_inflight(c, inflight, EB_OK);
}

static int32_t on_checked(struct rd_conn *conn, uint64_t n, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    bool failed = rd_is_error(node);

    if (failed && !is_stream_gone(c, node, "settling", err))
        return EB_RETRIABLE;
    if (!failed && (!rd_is_array(node, n) || node->n != n))
        return ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to a script");
    rd_confirm_link(conn);
    for (uint64_t i = 0; i < n; i++) {
        struct rd_sent_verdict *sent = take_sent(c);
        int64_t result = failed ? RESULT_MISSING : rd_is_integer(&node->items[i]) ? node->items[i].number : RESULT_TAKEN_OVER;
        if (sent->inflight)
            end_checked(c, sent->inflight, result);
        else
            end_extend(c, sent, result);
    }
    return EB_OK;
}

/* ---- sending ---- */

struct page {
    size_t n;
    struct rd_inflight *inflight[RD_PAGE];
};

static size_t begin_command(const struct rd_consumer *c, const struct rd_stream *stream, enum way way, const char **argv) {
    static const char *const actions[] = { "", "ack", "return", "extend" };
    const char *const plain[] = { "XACK", stream->name, c->sub->group };
    const char *const checked[] = { "EVAL",        script,           "1",          stream->name,
                                    c->sub->group, c->sub->consumer, actions[way], rd_returned_consumer,
                                    left_long_ago };

    if (way == PLAIN)
        memcpy(argv, plain, sizeof plain);
    else
        memcpy(argv, checked, sizeof checked);
    return way == PLAIN ? sizeof plain / sizeof *plain : sizeof checked / sizeof *checked;
}

static void send_page(struct rd_consumer *c, const struct rd_stream *stream, enum way way, struct page *page) {
    const char *argv[9 + RD_PAGE];
    size_t argc = begin_command(c, stream, way, argv);
    char ids[RD_PAGE][RD_ID_ROOM];
    int64_t now_ms = ebp_boottime_ms();

    if (page->n == 0)
        return;
    for (size_t i = 0; i < page->n; i++) {
        struct rd_inflight *inflight = page->inflight[i];
        rd_id_print(inflight->id, ids[i]);
        argv[argc++] = ids[i];
        struct rd_sent_verdict sent = { .stream = stream, .at_ms = now_ms };
        if (way == EXTENDED) {
            sent.extended = ebp_token(&inflight->slot);
        } else {
            sent.inflight = inflight;
            inflight->state = RD_SETTLING;
        }
        c->sent[ebp_ring_push(&c->sent_ring)] = sent;
    }
    if (!rd_conn_command(&c->control, way == PLAIN ? on_plain : on_checked, page->n, 0, argc, argv, NULL))
        rd_conn_fail_no_memory(&c->control);
    page->n = 0;
}

/* At least half of the lease is left: nobody else can have the entry. */
static bool is_ours_for_sure(const struct rd_consumer *c, const struct rd_inflight *inflight, int64_t now_ms) {
    return now_ms - inflight->alive_ms < c->set->claim_after / 2;
}

static enum way way_of(const struct rd_consumer *c, const struct rd_inflight *inflight, int64_t now_ms) {
    if (inflight->verdict == EB_RETURN)
        return RETURNED;
    return !inflight->missed && is_ours_for_sure(c, inflight, now_ms) ? PLAIN : CHECKED;
}

/* Settles an entry that needs no command, or returns false. */
static bool settled_here(struct rd_consumer *c, struct rd_inflight *inflight) {
    if (!inflight->lost && !inflight->trimmed)
        return false;
    if (inflight->trimmed && inflight->verdict == EB_RETURN)
        rd_log_trimmed(c, inflight->stream, 1, inflight->id);
    end_inflight(c, inflight, inflight->lost ? EB_GONE : EB_OK);
    return true;
}

static void send_decided(struct rd_consumer *c, struct rd_stream *stream) {
    struct page pages[WAYS] = { 0 };
    int64_t now_ms = ebp_boottime_ms();

    for (size_t left = stream->decided.n; left > 0 && rd_conn_is_ready(&c->control); left--) {
        struct rd_inflight *inflight = rd_queue_take(&stream->decided);
        enum way way = way_of(c, inflight, now_ms);
        if (settled_here(c, inflight))
            continue;
        pages[way].inflight[pages[way].n++] = inflight;
        if (pages[way].n == RD_PAGE)
            send_page(c, stream, way, &pages[way]);
    }
    for (enum way way = PLAIN; way < WAYS; way++)
        send_page(c, stream, way, &pages[way]);
}

static bool is_extendable(const struct rd_inflight *inflight) {
    return (inflight->state == RD_DELIVERED || inflight->state == RD_FETCHED) && !inflight->lost && !inflight->trimmed;
}

static void send_extends(struct rd_consumer *c, const struct rd_stream *stream) {
    struct page page = { 0 };

    for (size_t i = 0; i < c->n_extends; i++) {
        struct rd_inflight *inflight = (struct rd_inflight *)ebp_token_find(&c->records, c->extends[i]);
        if (!inflight || inflight->stream != stream || !is_extendable(inflight))
            continue;
        page.inflight[page.n++] = inflight;
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
    if (n == 0 || !EBP_RING_RESERVE(&c->sent_ring, c->sent, n)) /* without memory: the next round tries again */
        return;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control); i++) {
        send_decided(c, &c->streams[i]);
        send_extends(c, &c->streams[i]);
    }
    if (rd_conn_is_ready(&c->control))
        c->n_extends = 0;
}

/* Extensions are dropped: the host asks for them again. */
void rd_verdicts_lost(struct rd_consumer *c) {
    while (c->sent_ring.n > 0) {
        struct rd_sent_verdict *sent = take_sent(c);
        if (!sent->inflight)
            continue;
        sent->inflight->resent = true;
        sent->inflight->state = RD_DECIDED;
        rd_queue_append(&sent->inflight->stream->decided, sent->inflight);
    }
}

bool rd_has_verdicts(const struct rd_consumer *c) {
    size_t n = c->sent_ring.n;

    for (size_t i = 0; i < c->n_streams; i++)
        n += c->streams[i].decided.n;
    return n > 0;
}

void rd_abandon_verdicts(struct rd_consumer *c) {
    struct rd_inflight *inflight;

    rd_verdicts_lost(c);
    for (size_t i = 0; i < c->n_streams; i++)
        while ((inflight = rd_queue_take(&c->streams[i].decided)))
            end_inflight(c, inflight, EB_GONE);
}

/* ---- fetched entries ---- */

static void drop_lost(struct rd_consumer *c) {
    size_t left = c->fetched.n;

    while (left-- > 0) {
        struct rd_inflight *inflight = rd_queue_take(&c->fetched);
        if (!inflight->lost) {
            rd_queue_append(&c->fetched, inflight);
            continue;
        }
        rd_inflight_release_fields(c, inflight);
        c->open--;
        c->bytes -= inflight->bytes;
        rd_inflight_remove(c, inflight);
    }
}

void rd_extend_fetched(struct rd_consumer *c) {
    int64_t now_ms = ebp_boottime_ms(), third = c->set->claim_after / 3;

    if (c->fetched.n == 0 || now_ms - c->extended_ms < third / 2)
        return;
    c->extended_ms = now_ms;
    drop_lost(c);
    for (struct rd_inflight *inflight = c->fetched.first; inflight; inflight = inflight->next)
        if (now_ms - inflight->alive_ms >= third && !add_extend(c, inflight))
            return; /* without memory: the next round tries again */
}
