/* plugins/redis/producer/producer.c - the operations of the producer role, and what a new connection asks the server
 * first. */
#include "producer/producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"
#include "producer/state.h"

/* ---- what the server can do ---- */

/* Reads the server's version. Which product it is does not matter: others give the version of Redis that they are
 * like. */
static int32_t on_info(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    const char *version = rd_is_text(node) ? strstr(node->text, "redis_version:") : NULL;
    int major = 0, minor = 0;

    (void)arg;
    (void)err;
    if (version)
        sscanf(version, "redis_version:%d.%d", &major, &minor);
    rd_producer_of(conn)->trims.knows_acked = major > 8 || (major == 8 && minor >= 2);
    return EB_OK;
}

static void warn_single(struct rd_producer *p, const struct eb_error *why) {
    if (p->warned_single)
        return;
    p->warned_single = true;
    ebp_log(p->host, EBP_LOG_WARNING, "%.500s: events are sent one at a time, which is slower", why->text);
}

/* MULTI and EXEC with nothing between them. If the user may not send them, the server would store each event of a batch
 * by itself. */
static int32_t on_first_multi(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);

    (void)arg;
    if (!rd_is_error(node))
        return EB_OK;
    if (rd_check_available(node, "MULTI and EXEC", err) != EB_OK)
        return EB_RETRIABLE;
    rd_add_advice(err, node, p->target.user, "");
    warn_single(p, err);
    return EB_OK;
}

static int32_t on_first_exec(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    if (rd_is_array(node, 0) && node->n == 0)
        rd_producer_of(conn)->most = RD_BATCH_MESSAGES;
    return on_first_multi(conn, arg, node, err);
}

static void check_capabilities(struct rd_producer *p) {
    p->most = 1;
    p->trims.knows_acked = false;
    if (!rd_conn_command_texts(&p->conn, on_info, 0, (const char *[]){ "INFO", "server", NULL }) ||
        !rd_send_word(p, "MULTI", on_first_multi) || !rd_send_word(p, "EXEC", on_first_exec))
        rd_conn_fail_no_memory(&p->conn);
}

/* ---- open, submit, wake ---- */

static void on_ready(struct rd_conn *conn) {
    struct rd_producer *p = rd_producer_of(conn);

    check_capabilities(p);
    if (!conn->suspect || p->queue.n == 0)
        ebp_link_up(&p->link);
}

/* Messages without a reply are sent again, from the first one on. */
static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_producer *p = rd_producer_of(conn);

    if (p->sent > p->unsure)
        p->unsure = p->sent;
    p->sent = p->staged = 0;
    ebp_link_down(&p->link, why);
}

int32_t rd_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct rd_producer *p = calloc(1, sizeof *p);
    int32_t status;

    if (!p)
        return ebp_no_memory(err);
    p->host = host;
    ebp_link_init(&p->link, host);
    p->set = settings;
    status = rd_target_open(&p->target, host, settings, err);
    if (status == EB_OK && !ebp_wakeup_open(&p->wakeup))
        status = ebp_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status != EB_OK) {
        rd_target_close(&p->target);
        free(p);
        return status;
    }
    rd_conn_init(&p->conn, &p->target, p, on_ready, on_lost);
    *self = p;
    return EB_OK;
}

int64_t rd_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct rd_producer *p = self;

    (void)err;
    return (int64_t)ebp_submit_take(&p->queue, batch, n);
}

void rd_producer_wake(void *self) {
    struct rd_producer *p = self;

    ebp_wakeup_signal(&p->wakeup);
}

/* ---- poll, close ---- */

static void work(struct rd_producer *p) {
    rd_conn_work(&p->conn);
    rd_link_slow(&p->link, &p->conn);
    rd_send_batch(p);
    rd_conn_write(&p->conn);
    rd_stage_batch(p);
}

int32_t rd_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct rd_producer *p = self;
    int64_t until_ms = ebp_boottime_ms() + timeout_ms;

    (void)err;
    p->reported = 0;
    for (;;) {
        work(p);
        if (ebp_wakeup_take(&p->wakeup) || p->reported > 0 || ebp_boottime_ms() >= until_ms)
            return EB_OK;
        rd_conn_wait(&p->conn, &p->wakeup, until_ms);
    }
}

static void fail_rest(struct rd_producer *p) {
    struct eb_error why;

    ebp_error(&why, EB_RETRIABLE, 0, "not sent to redis at %s before it was closed", p->target.url.shown);
    for (size_t i = 0; i < p->queue.n; i++)
        rd_report_failed(p, rd_queued(p, i), &why, i < p->sent || i < p->unsure);
    p->queue.n = 0;
}

void rd_producer_close(void *self, int32_t timeout_ms) {
    struct rd_producer *p = self;
    int64_t until_ms = ebp_boottime_ms() + timeout_ms;

    while (p->queue.n > 0 && ebp_boottime_ms() < until_ms) {
        work(p);
        if (p->queue.n > 0)
            rd_conn_wait(&p->conn, &p->wakeup, until_ms);
        ebp_wakeup_take(&p->wakeup);
    }
    fail_rest(p);
    rd_conn_close(&p->conn);
    rd_target_close(&p->target);
    rd_trims_free(&p->trims);
    ebp_wakeup_close(&p->wakeup);
    free(p);
}
