/* plugins/redis/consumer/consumer.c - the operations of the consumer role: what one round of receive does, and what it
 * waits for. */
#include "consumer/consumer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "consumer/state.h"
#include "position.h"

/* ---- connections ---- */

static void report_link_up(struct rd_consumer *c) {
    if (rd_conn_is_ready(&c->reader) && rd_conn_is_ready(&c->control) && !c->reader.suspect && !c->control.suspect)
        ebp_link_up(&c->link);
}

static void on_ready(struct rd_conn *conn) {
    struct rd_consumer *c = rd_consumer_of(conn);

    if (conn == &c->control)
        rd_membership_reset(c);
    report_link_up(c);
}

void rd_confirm_link(struct rd_conn *conn) {
    rd_conn_confirm(conn);
    report_link_up(rd_consumer_of(conn));
}

static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_consumer *c = rd_consumer_of(conn);

    if (conn->overran) /* ask for fewer entries at once: the same ones come again */
        c->count_cap = c->count_cap > 1 ? c->count_cap / 2 : 1;
    if (conn == &c->reader) {
        rd_read_lost(c);
    } else {
        rd_verdicts_lost(c);
        rd_claims_lost(c);
    }
    if (why->status != EB_PERMANENT) {
        ebp_link_down(&c->link, why);
    } else if (!c->refused_for_good) {
        c->refused_for_good = c->closing = true; /* nothing more is asked for; verdicts are still reported */
        c->why = *why;
    }
}

enum rd_error_class rd_stream_error(const struct rd_consumer *c, const struct rd_stream *stream, const struct rd_node *node,
                                    struct eb_error *err, const char *format, ...) {
    enum rd_error_class class;
    char what[400];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    class = rd_classify_error(node, what, err);
    rd_add_advice(err, node, c->target.user, stream->name);
    return class;
}

void rd_control_command(struct rd_consumer *c, rd_reply_handler handler, uint64_t arg, const char *const *argv) {
    if (!rd_conn_command_texts(&c->control, handler, arg, argv))
        rd_conn_fail_no_memory(&c->control);
}

/* ---- open, settle, wake ---- */

static int32_t check(const struct eb_subscription *sub, struct eb_error *err) {
    if (sub->n_topics == 0 || !sub->group || !sub->group[0] || !sub->consumer || !sub->consumer[0])
        return ebp_error(err, EB_PERMANENT, 0, "a consumer needs a topic, a group and a name");
    if (strcmp(sub->consumer, rd_returned_consumer) == 0)
        return ebp_error(err, EB_PERMANENT, 0, "the consumer's name %s is reserved: choose another one", rd_returned_consumer);
    return sub->start ? rd_point_check(sub->start, err) : EB_OK;
}

static void free_consumer(struct rd_consumer *c) {
    rd_conn_close(&c->reader);
    rd_conn_close(&c->control);
    rd_target_close(&c->target);
    rd_membership_free(c);
    rd_inflight_free_all(c);
    ebp_wakeup_close(&c->wakeup);
    free(c->streams);
    free(c);
}

int32_t rd_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                         struct eb_error *err) {
    struct rd_consumer *c;
    int32_t status = check(sub, err);

    if (status != EB_OK)
        return status;
    c = calloc(1, sizeof *c);
    if (!c)
        return ebp_no_memory(err);
    c->host = host;
    ebp_link_init(&c->link, host);
    c->set = settings;
    c->sub = sub;
    c->count_cap = RD_COUNT_MAX;
    c->wakeup.fd = -1;
    rd_conn_init(&c->reader, &c->target, c, on_ready, on_lost);
    rd_conn_init(&c->control, &c->target, c, on_ready, on_lost);
    status = rd_target_open(&c->target, host, settings, err);
    if (status == EB_OK && !ebp_wakeup_open(&c->wakeup))
        status = ebp_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status == EB_OK && (!rd_make_streams(c) || !rd_membership_open(c)))
        status = ebp_no_memory(err);
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

    ebp_wakeup_signal(&c->wakeup);
}

/* ---- receive ---- */

static void write_both(struct rd_consumer *c) {
    rd_conn_write(&c->control);
    rd_conn_write(&c->reader);
}

/* One round of receive, without waiting; returns how many entries it delivered. Commands are sent before entries are
 * delivered, so that server and host work at the same time. */
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
    rd_show_life(c);
    rd_check_end(c);
    rd_read(c);
    write_both(c);
    delivered = rd_deliver(c, max);
    c->max = max - delivered;
    return delivered;
}

/* When there is something to do next even if nothing comes from the server. */
static int64_t due_ms(const struct rd_consumer *c, int64_t until_ms) {
    int64_t due = ebp_earlier(until_ms, ebp_earlier(rd_conn_due_ms(&c->reader), rd_conn_due_ms(&c->control)));
    bool has_capacity = rd_receive_capacity(c) > 0;

    if (c->fetched.n > 0)
        due = ebp_earlier(due, c->extended_ms + c->set->claim_after / 6);
    if (!rd_conn_is_ready(&c->control))
        return due;
    if (!c->membership.known && !c->membership.list_awaited)
        due = ebp_earlier(due, c->membership.look_ms);
    if (!c->closing)
        due = ebp_earlier(due, rd_life_due_ms(c));
    if (c->sub->until_end)
        due = ebp_earlier(due, c->end_ms);
    for (size_t i = 0; i < c->n_streams; i++) {
        const struct rd_stream *stream = &c->streams[i];
        if (stream->joined && !stream->claim.busy && has_capacity)
            due = ebp_earlier(due, rd_claim_due_ms(c, stream));
        if (c->membership.known && !stream->joined && !stream->joining && !stream->ended)
            due = ebp_earlier(due, stream->join_ms);
    }
    return due;
}

static void wait_until(struct rd_consumer *c, int64_t until_ms) {
    struct pollfd both[2] = { rd_conn_poll(&c->control), rd_conn_poll(&c->reader) };

    ebp_wakeup_wait(&c->wakeup, both, 2, due_ms(c, until_ms) - ebp_boottime_ms());
}

int32_t rd_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct rd_consumer *c = self;
    int64_t until_ms = ebp_boottime_ms() + timeout_ms;
    uint32_t delivered;

    c->settled = 0;
    c->host_refused = false;
    for (;;) {
        delivered = work(c, max);
        if (c->why.text[0]) {
            *err = c->why;
            c->why = (struct eb_error){ 0 };
            return EB_PERMANENT;
        }
        if (ebp_wakeup_take(&c->wakeup) || delivered > 0 || c->host_refused || c->settled > 0)
            break;
        if (rd_at_end(c))
            return EB_END;
        if (ebp_boottime_ms() >= until_ms)
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

    while (is_open(c) && ebp_boottime_ms() < until_ms) {
        if (c->read_awaited && !asked && rd_conn_is_ready(&c->control)) {
            rd_end_read(c);
            asked = true;
        }
        work_at_close(c);
        if (is_open(c))
            wait_until(c, until_ms);
        ebp_wakeup_take(&c->wakeup);
    }
    if (is_open(c) || !rd_conn_is_ready(&c->control))
        return;
    rd_leave(c);
    while (c->leaves > 0 && ebp_boottime_ms() < until_ms) {
        rd_conn_work(&c->control);
        if (c->leaves > 0)
            wait_until(c, until_ms);
        ebp_wakeup_take(&c->wakeup);
    }
}

void rd_consumer_close(void *self, int32_t timeout_ms) {
    struct rd_consumer *c = self;

    c->closing = true;
    c->max = 0;
    rd_return_fetched(c);
    close_until(c, ebp_boottime_ms() + timeout_ms);
    rd_abandon_verdicts(c);
    free_consumer(c);
}
