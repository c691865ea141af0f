/* plugins/redis/producer/producer.c - the producer: a batch is one MULTI, since a plain pipeline would store a later event of
 * a key though an earlier one was refused. The next batch waits for the answer, so that what is resent stays in
 * order. */
#include "producer/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wakeup.h"
#include "clock.h"
#include "connection/connection.h"
#include "entry.h"
#include "error.h"
#include "connection/link.h"
#include "connection/server_error.h"
#include "producer/trim.h"

enum {
    QUEUE_ROOM = 8192,          /* messages taken and not yet reported */
    BATCH_MESSAGES = 200,       /* in one MULTI; the server does nothing else meanwhile: half a ms */
    BATCH_BYTES = 1 << 20
};

/* One instance. All but the bell belongs to the thread at work. */
struct producer {
    const struct eb_host *host;
    const struct rd_settings *set;
    struct rd_target target;
    struct rd_conn conn;
    struct rd_bell bell;
    struct rd_link link;
    struct rd_trims trims;
    size_t first, n;                    /* of the ring */
    size_t sent;                        /* of these, the first ones, which are at the server without an answer */
    size_t staged;                        /* behind these, the batch that is written out and waits for their answer */
    size_t unsure;                      /* of these, the first ones, which a server may have that did not answer */
    size_t reported;                    /* in the poll at work */
    size_t most;                        /* messages in a batch, as far as the server takes MULTI */
    bool warned_single;
    bool refused;                       /* when the batch was queued at the server, which then takes none of it: */
    size_t refused_at;                  /*   the first one that it was about, */
    struct eb_error why;                /*   and why */
    const struct eb_message *queue[QUEUE_ROOM];
};

static struct producer *producer_of(const struct rd_conn *conn) {
    return conn->owner;
}

static const struct eb_message *queued(const struct producer *p, size_t i) {
    return p->queue[(p->first + i) % QUEUE_ROOM];
}

/* ---- reporting ---- */

static void report(struct producer *p, const struct eb_message *message, const struct eb_delivery *delivery) {
    struct eb_delivery whole = *delivery;

    whole.size = sizeof whole;
    whole.token = message->token;
    p->reported++;
    p->host->delivered(p->host, &whole);
}

static void report_failed(struct producer *p, const struct eb_message *message, const struct eb_error *why,
                          int32_t maybe_stored) {
    report(p, message, &(struct eb_delivery){ .status = why->status, .maybe_stored = maybe_stored, .error = why });
}

static void report_stored(struct producer *p, const struct eb_message *message, const struct rd_node *id) {
    report(p, message, &(struct eb_delivery){ .status = EB_OK, .position = { id->text, id->n } });
}

static void drop_first(struct producer *p, size_t n) {
    p->first = (p->first + n) % QUEUE_ROOM;
    p->n -= n;
    p->unsure -= n < p->unsure ? n : p->unsure;
}

static bool same_topic(const struct eb_message *a, const struct eb_message *b) {
    return a->topic.len == b->topic.len && memcmp(a->topic.data, b->topic.data, a->topic.len) == 0;
}

/* All that we hold of a topic fails with the one that was refused, so that none of its key passes it. */
static void fail_topic(struct producer *p, const struct eb_message *refused, const struct eb_error *why) {
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct eb_message *message = queued(p, i);
        if (same_topic(message, refused))
            report_failed(p, message, why, i < p->unsure);
        else
            p->queue[(p->first + kept++) % QUEUE_ROOM] = message;
    }
    p->n = kept;
    if (p->unsure > kept)
        p->unsure = kept;
}

/* ---- answers ---- */

/* Why a message was refused. EB_OK: it alone, and its topic; negative: the server takes nothing, which is told with the
 * connection that is given up. */
static int32_t classify_reply(const struct producer *producer, const struct eb_message *message, const struct rd_node *node,
                     struct eb_error *why) {
    char what[600];

    snprintf(what, sizeof what, "sending to topic %s", message->topic.data);
    if (rd_classify_error(node, what, why) == RD_UNAVAILABLE)
        return EB_RETRIABLE;
    snprintf(what, sizeof what, "redis at %s: sending to topic %s", producer->target.url.shown, message->topic.data);
    rd_classify_error(node, what, why);
    rd_add_advice(why, node, producer->target.user, message->topic.data);
    return EB_OK;
}

/* The id that the entry got, and no other text: what is taken for delivered is no longer kept. */
static bool is_id(const struct rd_node *node) {
    struct rd_id id;

    return rd_is_text(node) && rd_id_parse(node->text, &id);
}

static int32_t unexpected(struct eb_error *err) {
    return rd_error(err, EB_RETRIABLE, 0, "the answer to XADD is none");
}

static void batch_worked(struct producer *p) {
    p->sent = 0;
    rd_conn_confirm(&p->conn);
    rd_link_up(&p->link);
}

/* The next batch goes on its way before this one is reported. */
static void send_staged(struct producer *p) {
    if (p->staged == 0)
        return;
    p->sent = p->staged;
    p->staged = 0;
    p->refused = false;
    rd_conn_send_staged(&p->conn);
    rd_conn_write(&p->conn);
}

static void drop_staged(struct producer *p) {
    p->staged = 0;
    rd_conn_drop_staged(&p->conn);
}

static int32_t on_trim(struct rd_conn *conn, uint64_t topic, const struct rd_node *node, struct eb_error *err) {
    struct producer *p = producer_of(conn);

    return rd_trim_reply(&p->trims, topic, &p->target, node, err);
}

/* Asked behind a batch, for the topics that are in it. */
static void send_trims(struct producer *p, const struct eb_message *const *batch, size_t n) {
    int64_t now_ms = rd_ticks_ms();

    for (size_t i = 0; i < n; i++) {
        struct rd_trim_topic *topic = rd_trims_find(&p->trims, batch[i]->topic);
        if (!topic)
            continue;
        topic->dead_letters = topic->dead_letters || rd_entry_is_dead_letter(batch[i]);
        if (!topic->dead_letters && now_ms >= topic->due_ms)
            rd_trim(&p->trims, topic, &p->conn, on_trim);       /* without memory now: a second later */
    }
}

static bool trims_safely(const struct producer *p) {
    return p->set->stream_trim == RD_TRIM_SAFE && (p->set->stream_max_len > 0 || p->set->stream_hard_len > 0);
}

static int32_t on_single(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct producer *p = producer_of(conn);
    const struct eb_message *message = queued(p, 0);

    (void)arg;
    if (rd_is_error(node)) {
        if (classify_reply(p, message, node, err) != EB_OK)
            return EB_RETRIABLE;
        batch_worked(p);
        drop_staged(p);
        fail_topic(p, message, err);
        return EB_OK;
    }
    if (!is_id(node))
        return unexpected(err);
    batch_worked(p);
    drop_first(p, 1);
    send_staged(p);
    if (trims_safely(p))
        send_trims(p, &message, 1);
    report_stored(p, message, node);
    return EB_OK;
}

/* QUEUED, or why the server will take none of the batch. */
static int32_t on_queued(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct producer *p = producer_of(conn);

    if (node->type == REDIS_REPLY_STATUS)
        return EB_OK;
    if (!rd_is_error(node))
        return unexpected(err);
    if (classify_reply(p, queued(p, arg), node, err) != EB_OK)
        return EB_RETRIABLE;
    if (!p->refused) {
        p->refused = true;
        p->refused_at = arg;
        p->why = *err;
    }
    return EB_OK;
}

/* None was stored. One of them was at fault: it fails, the others go again. */
static int32_t batch_refused(struct producer *p, const struct rd_node *node, struct eb_error *err) {
    if (!p->refused)
        return classify_reply(p, queued(p, 0), node, err) != EB_OK ? EB_RETRIABLE
               : rd_error(err, EB_RETRIABLE, 0, "the server took none of a batch and did not say why");
    batch_worked(p);
    drop_staged(p);
    fail_topic(p, queued(p, p->refused_at), &p->why);
    return EB_OK;
}

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

/* What one message of a batch was answered; it is no longer in the ring. Within a MULTI nothing comes between, so
 * that the later ones of its key were refused as well. */
static void report_one(struct producer *p, const struct eb_message *message, const struct rd_node *node, bool unsure) {
    struct eb_error why;

    if (!rd_is_error(node)) {
        report_stored(p, message, node);
        return;
    }
    classify_reply(p, message, node, &why);
    report_failed(p, message, &why, unsure);
    fail_topic(p, message, &why);
}

static int32_t on_batch(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct producer *p = producer_of(conn);
    const struct eb_message *batch[BATCH_MESSAGES];
    size_t n = p->sent, unsure = p->unsure;
    bool all_stored;

    (void)arg;
    if (rd_is_error(node))
        return batch_refused(p, node, err);
    if (!replies_to_each(node, n, &all_stored))
        return unexpected(err);
    batch_worked(p);
    for (size_t i = 0; i < n; i++)
        batch[i] = queued(p, i);
    drop_first(p, n);
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
    struct producer *p = producer_of(conn);

    (void)arg;
    return rd_is_error(node) && classify_reply(p, queued(p, 0), node, err) != EB_OK ? EB_RETRIABLE : EB_OK;
}

static bool send_word(struct producer *p, const char *word, rd_reply_handler handler) {
    return rd_conn_command(&p->conn, handler, 0, 0, 1, &word, (const size_t[]){ strlen(word) });
}

static bool send_add(struct producer *p, const struct eb_message *message, rd_reply_handler handler, uint64_t arg) {
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

/* What can never be stored is reported when its turn comes. */
static void report_unfit(struct producer *p) {
    struct eb_error why;
    const char *unfit;

    while (p->n > 0 && (unfit = rd_entry_unfit(queued(p, 0)))) {
        const struct eb_message *message = queued(p, 0);
        drop_first(p, 1);
        rd_error(&why, EB_PERMANENT, 0, "cannot be sent to topic %s: %s",
                 message->topic.data ? message->topic.data : "", unfit);
        why.kind = EB_KIND_DATA;
        report_failed(p, message, &why, 0);
    }
}

static size_t batch_size(const struct producer *p, size_t first) {
    size_t n = 0, bytes = 0;

    for (; first + n < p->n && n < p->most && bytes < BATCH_BYTES; n++) {
        const struct eb_message *message = queued(p, first + n);
        if (rd_entry_unfit(message))
            break;
        bytes += message->payload.len;
    }
    return n;
}

static void write_batch(struct producer *p, size_t first, size_t n) {
    struct eb_error why;
    bool ok = true;

    if (n == 1) {
        ok = send_add(p, queued(p, first), on_single, 0);
    } else {
        ok = send_word(p, "MULTI", on_multi);
        for (size_t i = 0; i < n && ok; i++)
            ok = send_add(p, queued(p, first + i), on_queued, i);
        ok = ok && send_word(p, "EXEC", on_batch);
    }
    if (ok)
        return;
    rd_no_memory(&why);
    rd_conn_fail(&p->conn, &why);
}

static void send_batch(struct producer *p) {
    size_t n;

    if (p->sent == 0)
        report_unfit(p);
    if (p->sent > 0 || !rd_conn_is_ready(&p->conn) || (n = batch_size(p, 0)) == 0)
        return;
    p->refused = false;
    p->sent = n;
    write_batch(p, 0, n);
}

/* While the server works on a batch the next one is written out, if it is a whole one: what is few may still grow. */
static void prepare_batch(struct producer *p) {
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

/* ---- open, submit, wake ---- */

/* Which version the server is; what it is called besides does not matter: others tell the one that they are like. */
static int32_t on_info(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    const char *version = rd_is_text(node) ? strstr(node->text, "redis_version:") : NULL;
    int major = 0, minor = 0;

    (void)arg;
    (void)err;
    if (version)
        sscanf(version, "redis_version:%d.%d", &major, &minor);
    producer_of(conn)->trims.knows_acked = major > 8 || (major == 8 && minor >= 2);
    return EB_OK;
}

static void warn_single(struct producer *p, const struct eb_error *why) {
    char text[700];

    if (p->warned_single)
        return;
    p->warned_single = true;
    snprintf(text, sizeof text, "%.500s: events are sent one at a time, which is slower", why->text);
    p->host->log(p->host, 4, text);
}

/* MULTI and EXEC with nothing between: those who may not would have each event of a batch stored by itself. */
static int32_t on_first_multi(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct producer *p = producer_of(conn);

    (void)arg;
    if (!rd_is_error(node))
        return EB_OK;
    if (rd_classify_error(node, "MULTI and EXEC", err) == RD_UNAVAILABLE)
        return EB_RETRIABLE;
    rd_add_advice(err, node, p->target.user, "");
    warn_single(p, err);
    return EB_OK;
}

static int32_t on_first_exec(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    if (rd_is_array(node, 0) && node->n == 0)
        producer_of(conn)->most = BATCH_MESSAGES;
    return on_first_multi(conn, arg, node, err);
}

static void send_capability_checks(struct producer *p) {
    struct eb_error why;

    p->most = 1;
    p->trims.knows_acked = false;
    if (rd_conn_command(&p->conn, on_info, 0, 0, 2, (const char *[]){ "INFO", "server" }, (const size_t[]){ 4, 6 }) &&
        send_word(p, "MULTI", on_first_multi) && send_word(p, "EXEC", on_first_exec))
        return;
    rd_no_memory(&why);
    rd_conn_fail(&p->conn, &why);
}

static void on_ready(struct rd_conn *conn) {
    send_capability_checks(producer_of(conn));
    if (!conn->suspect || producer_of(conn)->n == 0)
        rd_link_up(&producer_of(conn)->link);
}

/* What has no answer is sent again, from the first one on. */
static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct producer *p = producer_of(conn);

    if (p->sent > p->unsure)
        p->unsure = p->sent;
    p->sent = p->staged = 0;
    rd_link_down(&p->link, why);
}

int32_t rd_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = calloc(1, sizeof *p);
    int32_t status;

    if (!p)
        return rd_no_memory(err);
    p->host = p->link.host = host;
    p->set = settings;
    status = rd_target_open(&p->target, host, settings, err);
    if (status == EB_OK && !rd_bell_open(&p->bell))
        status = rd_errno(err, EB_FATAL, "cannot make an eventfd");
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
    struct producer *p = self;
    size_t taken = 0;

    (void)err;
    for (; taken < n && p->n < QUEUE_ROOM; taken++, p->n++)
        p->queue[(p->first + p->n) % QUEUE_ROOM] = batch[taken];
    return (int64_t)taken;
}

void rd_producer_wake(void *self) {
    struct producer *p = self;

    rd_bell_ring(&p->bell);
}

/* ---- poll, close ---- */

static void work(struct producer *p) {
    rd_conn_work(&p->conn);
    rd_link_slow(&p->link, &p->conn);
    send_batch(p);
    rd_conn_write(&p->conn);
    prepare_batch(p);
}

static void wait_until(struct producer *p, int64_t until_ms) {
    struct pollfd wait = rd_conn_poll(&p->conn);

    rd_bell_wait(&p->bell, &wait, 1, rd_earlier(until_ms, rd_conn_due_ms(&p->conn)));
}

int32_t rd_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t until_ms = rd_ticks_ms() + timeout_ms;

    (void)err;
    p->reported = 0;
    for (;;) {
        work(p);
        if (rd_bell_take(&p->bell) || p->reported > 0 || rd_ticks_ms() >= until_ms)
            return EB_OK;
        wait_until(p, until_ms);
    }
}

static void give_back_rest(struct producer *p) {
    struct eb_error why;

    rd_error(&why, EB_RETRIABLE, 0, "not sent to redis at %s before it was closed", p->target.url.shown);
    for (size_t i = 0; i < p->n; i++)
        report_failed(p, queued(p, i), &why, i < p->sent || i < p->unsure);
    p->n = 0;
}

void rd_producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;
    int64_t until_ms = rd_ticks_ms() + timeout_ms;

    while (p->n > 0 && rd_ticks_ms() < until_ms) {
        work(p);
        if (p->n > 0)
            wait_until(p, until_ms);
        rd_bell_take(&p->bell);
    }
    give_back_rest(p);
    rd_conn_close(&p->conn);
    rd_target_close(&p->target);
    rd_trims_free(&p->trims);
    rd_bell_close(&p->bell);
    free(p);
}
