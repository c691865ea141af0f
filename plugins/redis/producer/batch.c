/* plugins/redis/producer/batch.c - sends messages in batches and handles the replies. A batch is one MULTI: with a
 * plain pipeline the server would store a later event of a key though it refused an earlier one. The next batch waits
 * for the reply, so that what is sent again stays in order. */
#include "producer/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"
#include "entry.h"

enum { BATCH_BYTES = 1 << 20 };

/* ---- replies ---- */

/* Classifies an error reply about a message. EB_OK: the message and its topic are refused; EB_RETRIABLE: the server
 * takes nothing now, which is reported with the connection that is given up. */
static int32_t classify_reply(const struct rd_producer *p, const struct eb_message *message, const struct rd_node *node,
                              struct eb_error *why) {
    char what[600];

    snprintf(what, sizeof what, "sending to topic %s", message->topic.data);
    if (rd_check_available(node, what, why) != EB_OK)
        return EB_RETRIABLE;
    snprintf(what, sizeof what, "redis at %s: sending to topic %s", p->target.url.shown, message->topic.data);
    rd_classify_error(node, what, why);
    rd_add_advice(why, node, p->target.user, message->topic.data);
    return EB_OK;
}

/* XADD returns the id of the entry. Anything else must not count as delivered: the host forgets what is delivered. */
static bool is_id(const struct rd_node *node) {
    struct rd_id id;

    return rd_id_of(node, &id);
}

static int32_t unexpected_reply(struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to XADD");
}

static void confirm_batch(struct rd_producer *p) {
    p->sent = 0;
    rd_conn_confirm(&p->conn);
    ebp_link_up(&p->link);
}

/* Sends the next batch before this one is reported. */
static void send_staged(struct rd_producer *p) {
    if (p->staged == 0)
        return;
    p->sent = p->staged;
    p->staged = 0;
    p->refused = false;
    rd_conn_send_staged(&p->conn);
    rd_conn_write(&p->conn);
}

static void drop_staged(struct rd_producer *p) {
    p->staged = 0;
    rd_conn_drop_staged(&p->conn);
}

static int32_t on_trim(struct rd_conn *conn, uint64_t topic, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);

    return rd_trim_reply(&p->trims, topic, &p->target, node, err);
}

/* Trims the topics of a batch, behind it. */
static void send_trims(struct rd_producer *p, const struct eb_message *const *batch, size_t n) {
    int64_t now_ms = ebp_boottime_ms();

    for (size_t i = 0; i < n; i++) {
        struct rd_trim_topic *topic = rd_trims_find(&p->trims, batch[i]->topic);
        if (!topic)
            continue;
        topic->dead_letters = topic->dead_letters || rd_entry_is_dead_letter(batch[i]);
        if (!topic->dead_letters && now_ms >= topic->due_ms)
            rd_trim(&p->trims, topic, &p->conn, on_trim); /* without memory: a second later */
    }
}

static bool trims_safely(const struct rd_producer *p) {
    return p->set->stream_trim == RD_TRIM_SAFE && (p->set->stream_max_len > 0 || p->set->stream_hard_len > 0);
}

static int32_t on_single(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);
    const struct eb_message *message = rd_queued(p, 0);

    (void)arg;
    if (rd_is_error(node)) {
        if (classify_reply(p, message, node, err) != EB_OK)
            return EB_RETRIABLE;
        confirm_batch(p);
        drop_staged(p);
        rd_fail_topic(p, message, err);
        return EB_OK;
    }
    if (!is_id(node))
        return unexpected_reply(err);
    confirm_batch(p);
    rd_drop_oldest(p, 1);
    send_staged(p);
    if (trims_safely(p))
        send_trims(p, &message, 1);
    rd_report_stored(p, message, node);
    return EB_OK;
}

/* The reply to a command within MULTI is QUEUED, or an error for which the server will refuse the whole batch. */
static int32_t on_queued(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);

    if (node->type == REDIS_REPLY_STATUS)
        return EB_OK;
    if (!rd_is_error(node))
        return unexpected_reply(err);
    if (classify_reply(p, rd_queued(p, arg), node, err) != EB_OK)
        return EB_RETRIABLE;
    if (!p->refused) {
        p->refused = true;
        p->refused_at = arg;
        p->why = *err;
    }
    return EB_OK;
}

/* The server stored none of the batch. The refused message fails with its topic; the others are sent again. */
static int32_t batch_refused(struct rd_producer *p, const struct rd_node *node, struct eb_error *err) {
    if (!p->refused)
        return classify_reply(p, rd_queued(p, 0), node, err) != EB_OK
                   ? EB_RETRIABLE
                   : ebp_error(err, EB_RETRIABLE, 0, "the server took none of a batch and did not say why");
    confirm_batch(p);
    drop_staged(p);
    rd_fail_topic(p, rd_queued(p, p->refused_at), &p->why);
    return EB_OK;
}

/* Whether the reply has an id or an error for each of n messages. */
static bool replies_to_each(const struct rd_node *node, size_t n, bool *all_stored) {
    *all_stored = true;
    if (!rd_is_array(node, n) || node->n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        *all_stored = *all_stored && !rd_is_error(&node->items[i]);
        if (!rd_is_error(&node->items[i]) && !is_id(&node->items[i]))
            return false;
    }
    return true;
}

/* Reports one message of a batch, which has left the queue. Nothing comes between the commands of a MULTI, so the later
 * ones of its key were refused as well. */
static void report_one(struct rd_producer *p, const struct eb_message *message, const struct rd_node *node, bool unsure) {
    struct eb_error why;

    if (!rd_is_error(node)) {
        rd_report_stored(p, message, node);
        return;
    }
    classify_reply(p, message, node, &why);
    rd_report_failed(p, message, &why, unsure);
    rd_fail_topic(p, message, &why);
}

static int32_t on_batch(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);
    const struct eb_message *batch[RD_BATCH_MESSAGES];
    size_t n = p->sent, unsure = p->unsure;
    bool all_stored;

    (void)arg;
    if (rd_is_error(node))
        return batch_refused(p, node, err);
    if (!replies_to_each(node, n, &all_stored))
        return unexpected_reply(err);
    confirm_batch(p);
    for (size_t i = 0; i < n; i++)
        batch[i] = rd_queued(p, i);
    rd_drop_oldest(p, n);
    if (all_stored)
        send_staged(p);
    else
        drop_staged(p);
    if (trims_safely(p))
        send_trims(p, batch, n);
    for (size_t i = 0; i < n; i++)
        report_one(p, batch[i], &node->items[i], i < unsure);
    return EB_OK;
}

/* ---- sending ---- */

static int32_t on_multi(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_producer *p = rd_producer_of(conn);

    (void)arg;
    return rd_is_error(node) && classify_reply(p, rd_queued(p, 0), node, err) != EB_OK ? EB_RETRIABLE : EB_OK;
}

bool rd_send_word(struct rd_producer *p, const char *word, rd_reply_handler handler) {
    return rd_conn_command(&p->conn, handler, 0, 0, 1, &word, NULL);
}

static bool send_add(struct rd_producer *p, const struct eb_message *message, rd_reply_handler handler, uint64_t arg) {
    const char *argv[RD_FIELDS_MAX + 6];
    size_t lens[RD_FIELDS_MAX + 6], n = 0;
    struct rd_trim_topic *topic;
    char length[24];

    argv[n] = "XADD", lens[n++] = 4;
    argv[n] = message->topic.data, lens[n++] = message->topic.len;
    if (p->set->stream_trim == RD_TRIM_PEER && p->set->stream_max_len > 0) {
        topic = rd_trims_find(&p->trims, message->topic);
        if (topic && !topic->dead_letters && !rd_entry_is_dead_letter(message)) {
            argv[n] = "MAXLEN", lens[n++] = 6;
            argv[n] = "~", lens[n++] = 1;
            argv[n] = length;
            lens[n++] = (size_t)snprintf(length, sizeof length, "%" PRId64, p->set->stream_max_len);
        }
    }
    argv[n] = "*", lens[n++] = 1;
    n += rd_entry_write(message, argv + n, lens + n);
    return rd_conn_command(&p->conn, handler, arg, 0, n, argv, lens);
}

/* Reports the oldest messages that no entry can hold. */
static void report_unfit(struct rd_producer *p) {
    struct eb_error why;
    const char *unfit;

    while (p->queue.n > 0 && (unfit = rd_entry_unfit(rd_queued(p, 0)))) {
        const struct eb_message *message = rd_queued(p, 0);
        rd_drop_oldest(p, 1);
        ebp_error_of_kind(&why, EB_PERMANENT, EB_KIND_DATA, 0, "cannot be sent to topic %s: %s",
                          message->topic.data ? message->topic.data : "", unfit);
        rd_report_failed(p, message, &why, false);
    }
}

static size_t batch_size(const struct rd_producer *p, size_t first) {
    size_t n = 0, bytes = 0;

    for (; first + n < p->queue.n && n < p->most && bytes < BATCH_BYTES; n++) {
        const struct eb_message *message = rd_queued(p, first + n);
        if (rd_entry_unfit(message))
            break;
        bytes += message->payload.len;
    }
    return n;
}

static void write_batch(struct rd_producer *p, size_t first, size_t n) {
    bool ok = true;

    if (n == 1) {
        ok = send_add(p, rd_queued(p, first), on_single, 0);
    } else {
        ok = rd_send_word(p, "MULTI", on_multi);
        for (size_t i = 0; i < n && ok; i++)
            ok = send_add(p, rd_queued(p, first + i), on_queued, i);
        ok = ok && rd_send_word(p, "EXEC", on_batch);
    }
    if (!ok)
        rd_conn_fail_no_memory(&p->conn);
}

void rd_send_batch(struct rd_producer *p) {
    size_t n;

    if (p->sent == 0)
        report_unfit(p);
    if (p->sent > 0 || !rd_conn_is_ready(&p->conn) || (n = batch_size(p, 0)) == 0)
        return;
    p->refused = false;
    p->sent = n;
    write_batch(p, 0, n);
}

void rd_stage_batch(struct rd_producer *p) {
    size_t n;

    if (p->sent == 0 || p->staged > 0 || !rd_conn_is_ready(&p->conn))
        return;
    n = batch_size(p, p->sent);
    if (n < p->most)
        return;
    p->staged = n;
    rd_conn_stage(&p->conn);
    write_batch(p, p->sent, n);
}
