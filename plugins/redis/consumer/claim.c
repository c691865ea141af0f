/* plugins/redis/consumer/claim.c - takes over pending entries: those of this consumer from before a restart or from a
 * lost reply, those that were returned, those that dead consumers left. XPENDING lists them, with the consumer and the
 * number of deliveries; XCLAIM takes them over, and does so alike on every version of the server.
 *
 * There are two looks. The whole one goes through all pending entries of the group, in the order of the stream, and takes
 * what is ours and what was left; no new entry is read until the first one has ended, since all that is pending comes before
 * what is new. The other one, every second, asks for what was left alone. */
#include "consumer/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum { SCAN_MS = 1000, ROUNDING_MS = 20 };

int64_t rd_scan_every_ms(const struct rd_consumer *c) {
    return ebp_earlier(SCAN_MS, c->set->claim_after / 4);
}

static void release_reserved(struct rd_consumer *c, struct rd_claim *claim) {
    c->reserved -= claim->requested;
    claim->requested = 0;
}

/* Ends a page on an error reply: a server without XPENDING IDLE is asked again without it, a missing group is created again, and
 * any other error gives the connection up. */
static int32_t refused(struct rd_consumer *c, struct rd_stream *stream, const struct rd_node *node, struct eb_error *err) {
    enum rd_error_class class;

    release_reserved(c, &stream->claim);
    stream->claim.busy = false;
    class = rd_stream_error(c, stream, node, err, "pending entries of topic %s", stream->name);
    if (class == RD_UNSUPPORTED && !c->no_idle && !stream->claim.whole) {
        c->no_idle = true; /* before 6.2: compare the idle time of each row here */
        stream->scan_ms = 0;
        return EB_OK;
    }
    if (class != RD_NO_GROUP)
        return EB_RETRIABLE;
    rd_unjoin(stream);
    return EB_OK;
}

/* ---- the end of a page ---- */

static void end_page(struct rd_consumer *c, struct rd_stream *stream) {
    struct rd_claim *claim = &stream->claim;
    int64_t now_ms = ebp_boottime_ms();

    release_reserved(c, claim);
    rd_log_trimmed(c, stream, claim->trimmed, claim->first_trimmed);
    claim->trimmed = 0;
    claim->busy = false;
    if (claim->more)
        return;
    claim->next = (struct rd_id){ 0 };
    stream->scan_ms = now_ms + rd_scan_every_ms(c);
    if (!claim->whole)
        return;
    stream->pending_done = stream->pending_done || claim->first;
    stream->own_again_ms = claim->maybe_in_read || now_ms < c->maybe_lost_until_ms ? now_ms + SCAN_MS : 0;
    claim->maybe_in_read = false;
}

static int32_t on_gone(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    enum rd_error_class class;

    if (!rd_is_error(node))
        return EB_OK;
    class = rd_stream_error(rd_consumer_of(conn), rd_stream_of(conn, number), node, err, "XACK");
    return class == RD_UNAVAILABLE || class == RD_KEY_REFUSED ? EB_RETRIABLE : EB_OK;
}

/* Acknowledges a pending entry that is gone from the stream, which would stay pending in the group for ever. */
static void drop_row(struct rd_consumer *c, struct rd_stream *stream, struct rd_id id) {
    char text[RD_ID_ROOM];

    rd_id_print(id, text);
    rd_control_command(c, on_gone, rd_stream_number(c, stream),
                       (const char *[]){ "XACK", stream->name, c->sub->group, text, NULL });
    if (stream->claim.trimmed++ == 0)
        stream->claim.first_trimmed = id;
}

/* The reply to XRANGE for an entry that XCLAIM did not return. If it is still there, another consumer has it; if it is gone, it is
 * acknowledged. */
static int32_t on_missing(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, arg / RD_PAGE);
    struct rd_claim *claim = &stream->claim;

    if (rd_is_error(node))
        return refused(c, stream, node, err);
    if (node->type != REDIS_REPLY_ARRAY)
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XRANGE", stream->name);
    if (!claim->busy)
        return EB_OK; /* the search was given up meanwhile */
    if (node->n == 0)
        drop_row(c, stream, claim->rows[arg % RD_PAGE].id);
    if (--claim->missing == 0)
        end_page(c, stream);
    return EB_OK;
}

static void check_missing(struct rd_consumer *c, struct rd_stream *stream) {
    struct rd_claim *claim = &stream->claim;
    char text[RD_ID_ROOM];

    claim->missing = 0;
    for (size_t i = 0; i < claim->n; i++)
        claim->missing += !claim->rows[i].claimed;
    if (claim->missing == 0)
        end_page(c, stream);
    for (size_t i = 0; i < claim->n && claim->busy; i++) {
        if (claim->rows[i].claimed)
            continue;
        rd_id_print(claim->rows[i].id, text);
        rd_control_command(c, on_missing, rd_stream_number(c, stream) * RD_PAGE + i,
                           (const char *[]){ "XRANGE", stream->name, text, text, "COUNT", "1", NULL });
    }
}

/* ---- taking over ---- */

static struct rd_row *row_of(struct rd_claim *claim, struct rd_id id) {
    for (size_t i = 0; i < claim->n; i++)
        if (rd_id_compare(claim->rows[i].id, id) == 0)
            return &claim->rows[i];
    return NULL;
}

/* Servers before 7.0 return nil for an entry that is no longer in the stream. */
static int32_t take_entry(struct rd_consumer *c, struct rd_stream *stream, struct rd_shared_reply *reply,
                          const struct rd_node *entry, int64_t alive_ms, struct eb_error *err) {
    struct rd_row *row;
    struct rd_id id;

    if (entry->type == REDIS_REPLY_NIL || (rd_is_array(entry, 2) && entry->items[1].type == REDIS_REPLY_NIL))
        return EB_OK;
    if (!rd_id_of_entry(entry, &id) || !(row = row_of(&stream->claim, id)) || row->claimed)
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: XCLAIM returned an entry that was not claimed", stream->name);
    row->claimed = true;
    return rd_fetch(c, stream, reply, entry, row->deliveries + 1, alive_ms, &id, err);
}

static int32_t on_claimed(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);
    struct rd_shared_reply *reply;
    int32_t status = EB_OK;

    if (rd_is_error(node))
        return refused(c, stream, node, err);
    if (node->type != REDIS_REPLY_ARRAY)
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XCLAIM", stream->name);
    if (!stream->claim.busy)
        return EB_OK;
    reply = rd_reply_share(c, conn);
    if (!reply)
        return ebp_no_memory(err);
    for (size_t i = 0; i < node->n && status == EB_OK; i++)
        status = take_entry(c, stream, reply, &node->items[i], stream->claim.at_ms, err);
    rd_reply_release(c, reply);
    if (status == EB_OK)
        check_missing(c, stream);
    return status;
}

static void send_claim(struct rd_consumer *c, struct rd_stream *stream, int64_t idle_ms) {
    struct rd_claim *claim = &stream->claim;
    const char *argv[5 + RD_PAGE] = { "XCLAIM", stream->name, c->sub->group, c->sub->consumer };
    size_t n = 4;
    char idle[24], ids[RD_PAGE][RD_ID_ROOM];

    snprintf(idle, sizeof idle, "%" PRId64, idle_ms);
    claim->at_ms = ebp_boottime_ms();
    argv[n++] = idle;
    for (size_t i = 0; i < claim->n; i++) {
        rd_id_print(claim->rows[i].id, ids[i]);
        argv[n++] = ids[i];
    }
    if (!rd_conn_command(&c->control, on_claimed, rd_stream_number(c, stream), 0, n, argv, NULL))
        rd_conn_fail_no_memory(&c->control);
}

/* ---- listing ---- */

struct pending {
    struct rd_id id;
    bool ours, returned;
    int64_t idle_ms, deliveries;
};

static bool read_row(const struct rd_consumer *c, const struct rd_node *row, struct pending *pending) {
    if (!rd_is_array(row, 4) || !rd_id_of(&row->items[0], &pending->id) || !rd_is_text(&row->items[1]) ||
        !rd_is_integer(&row->items[2]) || !rd_is_integer(&row->items[3]))
        return false;
    pending->ours = strcmp(row->items[1].text, c->sub->consumer) == 0;
    pending->returned = strcmp(row->items[1].text, rd_returned_consumer) == 0;
    pending->idle_ms = row->items[2].number;
    pending->deliveries = row->items[3].number;
    return true;
}

/* Returns whether the XREADGROUP that we wait for may contain this entry: it became pending after that read was sent. */
static bool may_still_come(const struct rd_consumer *c, const struct rd_stream *stream, const struct pending *pending) {
    return c->read_awaited && stream->reading && pending->idle_ms <= ebp_boottime_ms() - c->read_ms + ROUNDING_MS;
}

/* Returns whether somebody may be at work on an entry, by its idle time. */
static bool may_be_at_work(const struct rd_consumer *c, const struct pending *pending) {
    return pending->idle_ms < c->set->claim_after || (!pending->returned && ebp_boottime_ms() < c->clock.no_claim_ms);
}

/* Returns whether to take an entry over: it is ours and not in flight, or it was left. */
static bool is_to_take(struct rd_consumer *c, struct rd_stream *stream, const struct pending *pending) {
    if (!(pending->ours && stream->claim.whole) && may_be_at_work(c, pending))
        return false;
    if (rd_is_inflight(c, stream, pending->id))
        return false;
    if (!pending->ours || !may_still_come(c, stream, pending))
        return true;
    stream->claim.maybe_in_read = true;
    return false;
}

/* Returns whether an entry can be claimed together with those of the page. Ours are claimed with the idle times that they
 * have, others only if they are still left by then. */
static bool fits_page(const struct rd_claim *claim, const struct pending *pending) {
    return claim->n < claim->requested && (claim->n == 0 || claim->ours == pending->ours);
}

/* If another consumer claims an entry just now, our XCLAIM does not get it: its idle time has restarted. */
static int32_t on_pending(struct rd_conn *conn, uint64_t number, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_stream *stream = rd_stream_of(conn, number);
    struct rd_claim *claim = &stream->claim;
    int64_t idle_ms = INT64_MAX;

    if (rd_is_error(node))
        return refused(c, stream, node, err);
    rd_confirm_link(conn);
    if (!claim->busy)
        return EB_OK;
    claim->more = node->n >= claim->listed;
    claim->n = 0;
    for (size_t i = 0; node->type == REDIS_REPLY_ARRAY && i < node->n; i++) {
        struct pending pending;
        if (!read_row(c, &node->items[i], &pending))
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XPENDING", stream->name);
        if (is_to_take(c, stream, &pending)) {
            claim->more = claim->more || !fits_page(claim, &pending);
            if (!fits_page(claim, &pending))
                break; /* the next page begins with it */
            claim->ours = pending.ours;
            claim->rows[claim->n++] = (struct rd_row){ .id = pending.id, .deliveries = (uint32_t)pending.deliveries };
            idle_ms = ebp_earlier(idle_ms, pending.idle_ms);
        }
        claim->next = rd_id_after(pending.id);
    }
    if (claim->n == 0)
        end_page(c, stream);
    else
        send_claim(c, stream, claim->ours ? idle_ms : c->set->claim_after);
    return EB_OK;
}

static void begin_look(struct rd_stream *stream, bool whole) {
    struct rd_claim *claim = &stream->claim;

    claim->next = (struct rd_id){ 0 };
    claim->whole = whole;
    claim->first = whole && !stream->pending_done;
}

/* The whole look passes entries that others work on: it lists more than there is capacity for. */
static void send_pending(struct rd_consumer *c, struct rd_stream *stream, size_t capacity) {
    struct rd_claim *claim = &stream->claim;
    char idle[24], start[RD_ID_ROOM], count[24];
    const char *argv[10] = { "XPENDING", stream->name, c->sub->group };
    size_t n = 3;

    claim->busy = true;
    claim->requested = capacity < RD_PAGE ? capacity : RD_PAGE;
    claim->listed = claim->whole ? RD_PAGE : claim->requested;
    c->reserved += claim->requested;
    snprintf(idle, sizeof idle, "%" PRId64, c->set->claim_after);
    snprintf(count, sizeof count, "%zu", claim->listed);
    rd_id_print(claim->next, start);
    if (!claim->whole && !c->no_idle) {
        argv[n++] = "IDLE";
        argv[n++] = idle;
    }
    argv[n++] = start;
    argv[n++] = "+";
    argv[n++] = count;
    rd_control_command(c, on_pending, rd_stream_number(c, stream), argv);
}

/* ---- a round ---- */

static bool is_whole_due(const struct rd_stream *stream, int64_t now_ms) {
    return !stream->pending_done || (stream->own_again_ms > 0 && now_ms >= stream->own_again_ms);
}

/* Entries that the host does not want yet are left to other members. */
int64_t rd_claim_due_ms(const struct rd_consumer *c, const struct rd_stream *stream) {
    if (c->max == 0)
        return INT64_MAX;
    if (!stream->pending_done)
        return c->lost_read_ends_ms;
    if (stream->claim.more && stream->claim.whole)
        return 0;
    return stream->own_again_ms > 0 ? ebp_earlier(stream->own_again_ms, stream->scan_ms) : stream->scan_ms;
}

static void look_round(struct rd_consumer *c, struct rd_stream *stream, size_t capacity, int64_t now_ms) {
    if (!stream->claim.more)
        begin_look(stream, is_whole_due(stream, now_ms));
    rd_server_clock_check(c, now_ms);
    send_pending(c, stream, capacity);
}

static void work_on(struct rd_consumer *c, struct rd_stream *stream, int64_t now_ms) {
    size_t capacity = rd_receive_capacity(c);

    if (!stream->joined)
        return;
    if (!stream->claim.busy && capacity > 0 && now_ms >= rd_claim_due_ms(c, stream))
        look_round(c, stream, capacity, now_ms);
    rd_sweep(c, stream, now_ms);
}

void rd_claim(struct rd_consumer *c) {
    int64_t now_ms = ebp_boottime_ms();

    if (c->closing)
        return;
    for (size_t i = 0; i < c->n_streams && rd_conn_is_ready(&c->control); i++)
        work_on(c, &c->streams[i], now_ms);
}

void rd_claim_give_up(struct rd_consumer *c, struct rd_stream *stream) {
    release_reserved(c, &stream->claim);
    stream->claim = (struct rd_claim){ 0 };
}

void rd_claims_lost(struct rd_consumer *c) {
    for (size_t i = 0; i < c->n_streams; i++) {
        struct rd_stream *stream = &c->streams[i];
        if (stream->claim.busy)
            stream->pending_done =
                false; /* an unanswered XCLAIM may have taken entries over, which are pending under our name */
        rd_claim_give_up(c, stream);
        stream->joined = stream->joining = stream->checking_end = false;
    }
    c->leaves = 0;
}
