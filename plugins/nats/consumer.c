/* consumer.c - the consumer: receives, delivers to the host, closes. subscribe.c asks for messages, settle.c gives the verdicts
 * to the server. See consumer.h. */
#include "consumer.h"

#include <stdlib.h>
#include <string.h>
#include "roles.h"

enum { EVENTS = 64 };

/* ---- Messages in flight ---- */

void ebn_inflight_free(struct consumer *c, struct inflight *one) {
    if (one->lease.of_host)
        c->held_bytes -= one->bytes; /* `of_host` stays set to the end */
    c->bytes -= one->bytes;
    one->topic->n--;
    ebp_lease_end(&c->leases, &one->lease);
    ebn_inflight_move(NULL, one);
    natsMsg_Destroy(one->message);
    one->message = NULL;
    ebp_token_slot_free(&c->tokens, &one->slot);
}

/* ---- Delivering ---- */

/* Delivers one message. EB_OK: the host has it; EB_FULL: it has no room; EB_RETRIABLE: no memory. */
static int32_t deliver(struct consumer *c, struct inflight *one, struct eb_error *err) {
    struct eb_message message;
    int32_t status = ebn_message_read(&c->reading, one->message, one->topic->name, &one->delivered, &message, err);

    if (status != EB_OK)
        return status;
    message.token = ebp_token(&one->slot);
    message.lease_ms = one->topic->ack_wait_ms;
    if (c->host->received(c->host, &message) != EB_OK)
        return EB_FULL;
    ebn_inflight_move(&c->held, one);
    ebp_lease_left_to_host(&c->leases, &one->lease);
    c->held_bytes += one->bytes;
    return EB_OK;
}

/* The topics take turns. Returns EB_OK, or what ended it. */
static int32_t deliver_up_to(struct consumer *c, uint32_t max, uint32_t *n, struct eb_error *err) {
    int32_t status = EB_OK;

    for (size_t idle = 0; status == EB_OK && *n < max && idle < c->n_topics;) {
        struct subscribed *topic = &c->topics[c->turn];
        c->turn = (c->turn + 1) % c->n_topics;
        if (c->held.n + c->settling.n >= c->wanted->max_messages || c->held_bytes >= c->wanted->max_bytes)
            break;
        if (!topic->waiting.first || topic->collecting) {
            idle++;
            continue;
        }
        idle = 0;
        status = deliver(c, topic->waiting.first, err);
        *n += status == EB_OK;
    }
    return status;
}

/* ---- Receiving ---- */

static void on_event(struct consumer *c, struct ebn_event *event, int64_t now) {
    bool of_now = event->epoch == c->epoch;

    if (event->kind == EBN_UP) {
        c->up = true;
        c->epoch = event->epoch;
        ebn_members_up(c, now);
        ebn_settle_up(c, now);
        ebn_subscribe_up(c, now);
    } else if (event->kind == EBN_DOWN) {
        c->up = false;
    } else if (of_now && event->kind == EBN_MESSAGE && !event->what) {
        ebn_delivered(c, event->message, now);
        return;
    } else if (of_now && (event->what == ABOUT_VERDICT || event->what == ABOUT_LEASE)) {
        ebn_settle_answer(c, event, now);
    } else if (of_now && !ebn_members_answer(c, event, now) && event->kind == EBN_MESSAGE) {
        ebn_subscribe_answer(c, event, now);
    }
    natsMsg_Destroy(event->message);
}

/* Does what there is to do, but delivers nothing. Returns when something is due next. */
static int64_t work(struct consumer *c) {
    struct ebn_event events[EVENTS];
    int64_t now = ebp_boottime_ms();
    size_t n;

    while ((n = ebn_take(c->connection, events, EVENTS)) > 0)
        for (size_t i = 0; i < n; i++)
            on_event(c, &events[i], now);
    int64_t next = ebp_earlier(ebn_settle_due(c, now), ebn_members_due(c, now));
    next = ebp_earlier(next, ebn_subscribe_due(c, now));
    ebn_settle_end(c);
    return next;
}

static bool has_ended(const struct consumer *c) {
    for (size_t i = 0; i < c->n_topics; i++)
        if (!c->topics[i].ended)
            return false;
    return c->wanted->until_end && c->held.n + c->settling.n == 0;
}

/* Returns true when receive is to return *status. */
static bool look_once(struct consumer *c, uint32_t max, int32_t *status, int64_t *next, struct eb_error *err) {
    uint32_t n = 0;

    *next = work(c);
    bool woken = ebn_was_woken(c->connection);
    int32_t ended = deliver_up_to(c, max, &n, err);
    *status = n > 0 ? EB_OK : ended == EB_RETRIABLE ? EB_RETRIABLE : has_ended(c) ? EB_END : EB_EMPTY;
    if (n == 0 && ended == EB_OK && c->trouble.status != EB_OK) {
        if (err)
            *err = c->trouble;
        *status = c->trouble.status;
        c->trouble.status = EB_OK;
        return true;
    }
    return *status != EB_EMPTY || ended == EB_FULL || woken || c->progress;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = self;
    int64_t until = ebp_boottime_ms() + timeout_ms, next;
    int32_t status;

    while (!look_once(c, max, &status, &next, err) && ebp_boottime_ms() < until)
        ebn_wait(c->connection, ebp_earlier(until, next) - ebp_boottime_ms());
    c->progress = false;
    ebn_flush(c->connection);
    return status;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = self;
    int64_t now = ebp_boottime_ms();

    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct inflight *one = (struct inflight *)ebp_token_find(&c->tokens, verdicts[i].token);
        if (one && verdicts[i].kind == EB_EXTEND)
            ebn_extend(c, one, now);
        else if (one)
            ebn_verdict(c, one, verdicts[i].kind, now);
    }
    ebn_settle_end(c);
    ebn_flush(c->connection);
    return EB_OK;
}

static void consumer_wake(void *self) {
    ebn_wake(((struct consumer *)self)->connection);
}

/* ---- Life ---- */

static void consumer_free(struct consumer *c) {
    for (size_t i = 0; i < c->tokens.n; i++)
        natsMsg_Destroy(((struct inflight *)c->tokens.slots[i])->message);
    ebp_lease_book_free(&c->leases);
    ebp_token_table_free(&c->tokens);
    ebn_reading_free(&c->reading);
    free(c->topics);
    free(c);
}

static int32_t name_topics(struct consumer *c, struct eb_error *err) {
    int32_t status = ebn_check_name("group", c->wanted->group, err);

    ebn_name(c->wanted->group, c->durable);
    for (size_t i = 0; status == EB_OK && i < c->wanted->n_topics; i++, c->n_topics++) {
        struct subscribed *topic = &c->topics[i];
        status = ebn_check_name("topic", c->wanted->topics[i], err);
        ebn_name(c->wanted->topics[i], topic->stream);
        topic->name = c->wanted->topics[i];
        topic->number = i;
        topic->retry_ms = topic->check_ms = 0;
    }
    return status;
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *wanted,
                             void **self, struct eb_error *err) {
    static const char counted[] = { ABOUT_VERDICT, ABOUT_LEASE, 0 };
    struct consumer *c = calloc(1, sizeof *c);
    struct eb_error why = { .status = EB_RETRIABLE };

    ebp_error_of_kind(&why, EB_RETRIABLE, EB_KIND_SYSTEM, 0, "out of memory");
    if (!c)
        goto failed;
    c->host = host;
    c->settings = settings;
    c->wanted = wanted;
    c->ordered = wanted->order != EB_ORDER_NONE;
    c->record_ms = c->settings->lease;
    c->again_ms = INT64_MAX;
    c->share = wanted->n_topics > 0 ? wanted->max_messages / wanted->n_topics : 0;
    c->share = c->share > 0 ? c->share : 1;
    c->topics = calloc(wanted->n_topics ? wanted->n_topics : 1, sizeof *c->topics);
    if (!c->topics || ebn_check_point(wanted->start, &why) != EB_OK || name_topics(c, &why) != EB_OK)
        goto failed;
    c->connection = ebn_connect(host, settings, 4 * (size_t)wanted->max_messages + 4 * wanted->n_topics + 1024, counted, &why);
    if (!c->connection)
        goto failed;
    *self = c;
    return EB_OK;
failed:
    if (c)
        consumer_free(c);
    if (err)
        *err = why;
    return why.status;
}

static bool is_pulling(const struct consumer *c) {
    for (size_t i = 0; c->up && i < c->n_topics; i++)
        if (c->topics[i].pull)
            return true;
    return false;
}

static void return_waiting(struct consumer *c, int64_t now) {
    for (size_t i = 0; i < c->n_topics; i++)
        while (c->topics[i].waiting.first)
            ebn_verdict(c, c->topics[i].waiting.first, EB_RETURN, now);
}

/* What goes back while a request is open would come to that request: so those end first, within a second, then what was
 * fetched ahead goes back. */
static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self;
    int64_t until = ebp_boottime_ms() + timeout_ms, next;

    c->closing = true;
    for (bool returned = false; ebp_boottime_ms() < until;) {
        next = work(c);
        if (!returned && (!is_pulling(c) || ebp_boottime_ms() >= until - timeout_ms / 4)) {
            return_waiting(c, ebp_boottime_ms());
            returned = true;
        }
        if (returned && (c->settling.n == 0 || !c->up))
            break;
        ebn_wait(c->connection, ebp_earlier(ebp_earlier(until, next) - ebp_boottime_ms(), 20));
    }
    return_waiting(c, ebp_boottime_ms());
    ebn_members_leave(c);
    ebn_disconnect(c->connection, timeout_ms == 0, until - ebp_boottime_ms());
    while (c->settling.first)
        ebn_lose(c, c->settling.first);
    ebn_settle_end(c);
    consumer_free(c);
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EBN_CONSUMER_TRAITS,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = consumer_settle,
    .wake = consumer_wake,
    .close = consumer_close,
};
