/* plugins/redis/consumer/consumer.c - the operations of a consumer: what a receive does, and what it waits for. */
#include "consumer/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "consumer/state.h"
#include "error.h"
#include "position.h"

/* ---- connections ---- */

static void show_link(struct rd_consumer *c) {
    if (rd_conn_is_ready(&c->reader) && rd_conn_is_ready(&c->control) && !c->reader.suspect && !c->control.suspect)
        rd_link_up(&c->link);
}

static void on_ready(struct rd_conn *conn) {
    struct rd_consumer *c = rd_consumer_of(conn);

    if (conn == &c->control)
        rd_membership_reset(c);
    show_link(c);
}

void rd_confirm_link(struct rd_conn *conn) {
    rd_conn_confirm(conn);
    show_link(rd_consumer_of(conn));
}

static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_consumer *c = rd_consumer_of(conn);

    if (conn->overran)                                  /* the same entries will come again, fewer at a time */
        c->count_cap = c->count_cap > 1 ? c->count_cap / 2 : 1;
    if (conn == &c->reader) {
        rd_read_lost(c);
    } else {
        rd_verdicts_lost(c);
        rd_claims_lost(c);
    }
    if (why->status != EB_PERMANENT) {
        rd_link_down(&c->link, why);
    } else if (!c->refused_for_good) {
        c->refused_for_good = c->closing = true;        /* asks for nothing more; what is settled is told still */
        c->why = *why;
    }
}

enum rd_error_class rd_stream_error(const struct rd_consumer *c, const struct rd_stream *stream, const struct rd_node *node,
                           const char *what, struct eb_error *err) {
    enum rd_error_class class = rd_classify_error(node, what, err);

    rd_add_advice(err, node, c->target.user, stream->name);
    return class;
}

/* ---- open, settle, wake ---- */

static int32_t check(const struct eb_subscription *sub, struct eb_error *err) {
    if (sub->n_topics == 0 || !sub->group || !sub->group[0] || !sub->consumer || !sub->consumer[0])
        return rd_error(err, EB_PERMANENT, 0, "a consumer needs a topic, a group and a name");
    if (strcmp(sub->consumer, rd_returned_consumer) == 0)
        return rd_error(err, EB_PERMANENT, 0, "the consumer's name %s is taken: choose another one", rd_returned_consumer);
    return sub->start ? rd_point_check(sub->start, err) : EB_OK;
}

static void free_consumer(struct rd_consumer *c) {
    rd_conn_close(&c->reader);
    rd_conn_close(&c->control);
    rd_target_close(&c->target);
    rd_membership_free(c);
    rd_inflight_free_all(c);
    rd_bell_close(&c->bell);
    free(c->streams);
    free(c);
}

int32_t rd_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub,
                         void **self, struct eb_error *err) {
    struct rd_consumer *c;
    int32_t status = check(sub, err);

    if (status != EB_OK)
        return status;
    c = calloc(1, sizeof *c);
    if (!c)
        return rd_no_memory(err);
    c->host = c->link.host = host;
    c->set = settings;
    c->sub = sub;
    c->count_cap = RD_COUNT_MAX;
    c->bell.fd = -1;
    rd_conn_init(&c->reader, &c->target, c, on_ready, on_lost);
    rd_conn_init(&c->control, &c->target, c, on_ready, on_lost);
    status = rd_target_open(&c->target, host, settings, err);
    if (status == EB_OK && !rd_bell_open(&c->bell))
        status = rd_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status == EB_OK && (!rd_make_streams(c) || !rd_membership_open(c)))
        status = rd_no_memory(err);
    if (status == EB_OK)
        *self = c;
    else
        free_consumer(c);
    return status;
}

int32_t rd_consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct rd_consumer *c = self;
    int32_t status = EB_OK;

    for (size_t i = 0; i < n && status == EB_OK; i++)
        status = rd_settle(c, &verdicts[i], err);
    return status;
}

void rd_consumer_wake(void *self) {
    struct rd_consumer *c = self;

    rd_bell_ring(&c->bell);
}

/* ---- receive ---- */

static void write_both(struct rd_consumer *c) {
    rd_conn_write(&c->control);
    rd_conn_write(&c->reader);
}

/* Everything that a receive does but wait. How many were handed over. The server is given its work before the host is
 * handed what came, so that both work at the same time. */
static uint32_t work(struct rd_consumer *c, uint32_t max) {
    uint32_t delivered;

    c->max = max;
    rd_conn_work(&c->control);
    rd_conn_work(&c->reader);
    rd_link_slow(&c->link, &c->control);
    rd_link_slow(&c->link, &c->reader);
    rd_membership_check(c);
    rd_join(c);
    rd_extend_fetched(c);
    rd_send_verdicts(c);
    rd_claim(c);
    rd_check_end(c);
    rd_read(c);
    write_both(c);
    delivered = rd_deliver(c, max);
    c->max = max - delivered;
    return delivered;
}

/* When something is to be done though nothing comes. */
static int64_t due_ms(const struct rd_consumer *c, int64_t until_ms) {
    int64_t due = rd_earlier(until_ms, rd_earlier(rd_conn_due_ms(&c->reader), rd_conn_due_ms(&c->control)));
    bool room = rd_receive_capacity(c) > 0;

    if (c->fetched.n > 0)
        due = rd_earlier(due, c->extended_ms + c->set->claim_after / 6);
    if (!rd_conn_is_ready(&c->control))
        return due;
    if (!c->membership.known && !c->membership.list_awaited)
        due = rd_earlier(due, c->membership.look_ms);
    if (!c->read_awaited)
        due = rd_earlier(due, c->life_shown_ms);
    if (c->sub->until_end)
        due = rd_earlier(due, c->end_ms);
    for (size_t i = 0; i < c->n_streams; i++) {
        const struct rd_stream *stream = &c->streams[i];
        if (stream->joined && !stream->claim.busy && room)
            due = rd_earlier(due, rd_claim_due_ms(c, stream));
        if (c->membership.known && !stream->joined && !stream->joining && !stream->ended)
            due = rd_earlier(due, stream->join_ms);
    }
    return due;
}

static void wait_until(struct rd_consumer *c, int64_t until_ms) {
    struct pollfd both[2] = { rd_conn_poll(&c->control), rd_conn_poll(&c->reader) };

    rd_bell_wait(&c->bell, both, 2, due_ms(c, until_ms));
}

int32_t rd_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct rd_consumer *c = self;
    int64_t until_ms = rd_ticks_ms() + timeout_ms;
    uint32_t delivered;

    c->settled = 0;
    c->host_refused = false;
    for (;;) {
        delivered = work(c, max);
        if (c->why.text[0]) {
            *err = c->why;
            c->why = (struct eb_error){0};
            return EB_PERMANENT;
        }
        if (rd_bell_take(&c->bell) || delivered > 0 || c->host_refused || c->settled > 0)
            break;
        if (rd_at_end(c))
            return EB_END;
        if (rd_ticks_ms() >= until_ms)
            break;
        wait_until(c, until_ms);
    }
    return delivered > 0 ? EB_OK : EB_EMPTY;
}

/* ---- close ---- */

static void work_at_close(struct rd_consumer *c) {
    rd_conn_work(&c->control);
    rd_conn_work(&c->reader);
    rd_return_fetched(c);
    rd_send_verdicts(c);
    write_both(c);
}

static bool is_open(const struct rd_consumer *c) {
    return c->read_awaited || rd_has_verdicts(c) || c->fetched.n > 0;
}

static void close_until(struct rd_consumer *c, int64_t until_ms) {
    bool asked = false;

    while (is_open(c) && rd_ticks_ms() < until_ms) {
        if (c->read_awaited && !asked && rd_conn_is_ready(&c->control)) {
            rd_end_read(c);
            asked = true;
        }
        work_at_close(c);
        if (is_open(c))
            wait_until(c, until_ms);
        rd_bell_take(&c->bell);
    }
    if (is_open(c) || !rd_conn_is_ready(&c->control))
        return;
    rd_leave(c);
    while (c->leaves > 0 && rd_ticks_ms() < until_ms) {
        rd_conn_work(&c->control);
        if (c->leaves > 0)
            wait_until(c, until_ms);
        rd_bell_take(&c->bell);
    }
}

void rd_consumer_close(void *self, int32_t timeout_ms) {
    struct rd_consumer *c = self;

    c->closing = true;
    c->max = 0;
    rd_return_fetched(c);
    close_until(c, rd_ticks_ms() + timeout_ms);
    rd_abandon_verdicts(c);
    free_consumer(c);
}
