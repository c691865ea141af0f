/* tests/process/helped_plugin.c - a plugin that is written with plugin-help.h, in the words that C11 and C++17 share. Its broker
 * keeps packed bytes, leases them, and is spoken to by a thread that confirms what it stored through a queue, as the callbacks
 * of client libraries do. */
#include "helped_broker.h"

enum { BATCH = 64 };

struct settings {
    const char *name;
    int64_t lease;
};

/* ---- Sending ---- */

struct confirmation {
    const struct eb_message *message;
    size_t number; /* 0: not stored */
};

struct producer {
    const struct eb_host *host;
    struct ebp_link link;
    struct ebp_cond_wakeup wakeup;      /* of the host's thread */
    struct ebp_wakeup client;           /* of the client's thread */
    struct ebp_submit_ring taken;       /* the oldest first: the client confirms in order */
    struct ebp_queue *sent, *confirmed; /* messages to the client, confirmations back; each has room for all taken */
    pthread_t thread;
};

static void client_wake(void *arg) {
    ebp_wakeup_signal(&((struct producer *)arg)->client);
}

static size_t store(const struct eb_message *message) {
    struct ebp_bytes bytes = { NULL, 0, 0 };
    size_t number = ebp_pack(&bytes, message) ? broker_store(message->topic.data, bytes) : 0;

    if (number == 0)
        ebp_bytes_free(&bytes);
    return number;
}

static void *client_run(void *arg) {
    struct producer *p = (struct producer *)arg;
    struct confirmation done;
    bool closed;

    ebp_link_up(&p->link);
    do {
        ebp_wakeup_take(&p->client);
        closed = ebp_queue_is_closed(p->sent);
        while (ebp_queue_pop(p->sent, &done.message, 1) == 1) {
            done.number = store(done.message);
            ebp_queue_push(p->confirmed, &done);
        }
        if (!closed)
            ebp_wakeup_wait(&p->client, NULL, 0, 10000);
    } while (!closed);
    return NULL;
}

static void producer_wake(void *self) {
    ebp_cond_wakeup_signal(&((struct producer *)self)->wakeup);
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = (struct producer *)calloc(1, sizeof *p);
    int failed;

    if (!p)
        return ebp_no_memory(err);
    p->host = host;
    ebp_link_init(&p->link, host);
    p->sent = ebp_queue_new(sizeof(const struct eb_message *), EBP_SUBMIT_ROOM, client_wake, p);
    p->confirmed = ebp_queue_new(sizeof(struct confirmation), EBP_SUBMIT_ROOM, producer_wake, p);
    if (!p->sent || !p->confirmed || !ebp_cond_wakeup_open(&p->wakeup) || !ebp_wakeup_open(&p->client))
        return ebp_no_memory(err); /* what is made stays: this is a test */
    failed = ebp_thread_start(&p->thread, client_run, p, "eb-helped");
    if (failed) {
        errno = failed;
        return ebp_errno(err, EB_FATAL, "cannot start the client of %s", ((const struct settings *)settings)->name);
    }
    ebp_log(host, EBP_LOG_INFO, "instance %s is open", host->instance);
    *self = p;
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = (struct producer *)self;
    size_t taken = ebp_submit_take(&p->taken, batch, n);

    (void)err;
    for (size_t i = 0; i < taken; i++)
        ebp_queue_push(p->sent, &batch[i]);
    return (int64_t)taken;
}

/* Reports what is confirmed; returns how many. */
static size_t report(struct producer *p) {
    struct confirmation done[BATCH];
    size_t n = ebp_queue_pop(p->confirmed, done, BATCH);
    struct eb_delivery delivery;
    struct eb_error why;
    char position[24];

    for (size_t i = 0; i < n; i++) {
        memset(&delivery, 0, sizeof delivery);
        delivery.size = sizeof delivery;
        delivery.token = done[i].message->token;
        snprintf(position, sizeof position, "%zu", done[i].number);
        delivery.position = ebp_text_of(position);
        if (done[i].number == 0) {
            delivery.position = ebp_text(NULL, 0);
            delivery.status = ebp_error(&why, EB_RETRIABLE, 0, "topic %s has no room", done[i].message->topic.data);
            delivery.error = &why;
        }
        p->host->delivered(p->host, &delivery);
        ebp_submit_drop(&p->taken, 1);
    }
    return n;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = (struct producer *)self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    (void)err;
    for (;;) {
        if (report(p) > 0 || ebp_cond_wakeup_take(&p->wakeup) || ebp_monotonic_ms() >= until)
            return EB_OK;
        ebp_cond_wakeup_wait(&p->wakeup, until - ebp_monotonic_ms());
    }
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = (struct producer *)self;

    (void)timeout_ms; /* the client keeps nobody waiting */
    ebp_queue_close(p->sent);
    client_wake(p);
    pthread_join(p->thread, NULL);
    while (report(p) > 0)
        continue;
    ebp_queue_unref(p->sent);
    ebp_queue_unref(p->confirmed);
    ebp_cond_wakeup_close(&p->wakeup);
    ebp_wakeup_close(&p->client);
    free(p);
}

/* ---- Receiving ---- */

struct inflight {
    struct ebp_token_slot slot; /* first: a record of the table of tokens */
    struct ebp_lease lease;
    struct group *group;
    struct leased got;
    bool delivered;
};

struct consumer {
    const struct eb_host *host;
    const struct eb_subscription *wanted;
    struct ebp_link link;
    struct ebp_cond_wakeup wakeup;
    bool woken; /* by the host, not by the broker */
    int64_t lease_ms;
    struct group **groups; /* one for each topic; NULL: it does not exist yet */
    size_t *ends;
    bool ready;                     /* the ends are known */
    struct ebp_token_table records; /* of struct inflight */
    struct ebp_lease_book book;
    struct ebp_pairs pairs;
    struct inflight **ahead; /* fetched and not delivered, a ring */
    struct ebp_ring ring;
    size_t n, bytes; /* in flight, those included */
};

static void consumer_wake(void *self) {
    struct consumer *c = (struct consumer *)self;

    __atomic_store_n(&c->woken, true, __ATOMIC_RELEASE);
    ebp_cond_wakeup_signal(&c->wakeup);
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *wanted,
                             void **self, struct eb_error *err) {
    struct consumer *c = (struct consumer *)calloc(1, sizeof *c);
    const char *position = wanted->start->kind == EB_POSITION ? wanted->start->position.data : "1";

    if (c && !position[strspn(position, "0123456789")] && *position && ebp_cond_wakeup_open(&c->wakeup)) {
        c->host = host;
        c->wanted = wanted;
        c->lease_ms = ((const struct settings *)settings)->lease;
        c->groups = (struct group **)calloc(wanted->n_topics, sizeof *c->groups);
        c->ends = (size_t *)calloc(wanted->n_topics, sizeof *c->ends);
        ebp_link_init(&c->link, host);
        if (c->groups && c->ends && broker_change_member(NULL, &c->wakeup)) {
            ebp_link_up(&c->link);
            *self = c;
            return EB_OK;
        }
        return ebp_no_memory(err); /* what is made stays: this is a test */
    }
    free(c);
    return ebp_error(err, EB_PERMANENT, 0, "\"%.40s\" is not a position: expected a number", position);
}

/* The message leaves: its token and its lease end. */
static void forget(struct consumer *c, struct inflight *one) {
    ebp_lease_end(&c->book, &one->lease);
    c->n--;
    c->bytes -= one->got.bytes.len;
    ebp_token_slot_free(&c->records, &one->slot);
}

static bool has_room(const struct consumer *c) {
    return c->n < c->wanted->max_messages && c->bytes < c->wanted->max_bytes;
}

static bool fetch_one(struct consumer *c, struct group *group) {
    int64_t sent_ms = ebp_boottime_ms();
    struct inflight *one;
    struct leased got;

    if (!EBP_RING_RESERVE(&c->ring, c->ahead, 1) || !broker_lease(group, c, sent_ms + c->lease_ms, &got))
        return false;
    one = (struct inflight *)ebp_token_slot_new(&c->records, sizeof *one);
    if (!one || !ebp_lease_begin(&c->book, &one->lease, ebp_token(&one->slot), sent_ms, c->lease_ms))
        return false; /* it comes again when its lease is over */
    one->group = group;
    one->got = got;
    one->delivered = false;
    c->ahead[ebp_ring_push(&c->ring)] = one;
    c->n++;
    c->bytes += got.bytes.len;
    return true;
}

static void fetch(struct consumer *c) {
    for (size_t i = 0; i < c->wanted->n_topics; i++) {
        size_t end;

        if (!c->groups[i] || !c->ready)
            c->groups[i] = broker_group(c->wanted->topics[i], c->wanted->group, c->wanted->start,
                                        c->ready ? &end : &c->ends[i]);
        while (c->groups[i] && has_room(c) && fetch_one(c, c->groups[i]))
            continue;
    }
    c->ready = true;
}

/* Extends what was fetched ahead, and revokes what the broker has given to others. */
static void keep_leases(struct consumer *c) {
    int64_t now_ms = ebp_boottime_ms();
    enum ebp_lease_what what;
    struct ebp_lease *lease;

    while ((lease = ebp_lease_due(&c->book, now_ms, &what))) {
        struct inflight *one = (struct inflight *)ebp_token_find(&c->records, lease->token);

        if (what == EBP_LEASE_EXTEND && broker_settle(one->group, &one->got, c, false, now_ms + c->lease_ms))
            ebp_lease_extended(&c->book, lease, now_ms);
        else if (what == EBP_LEASE_OVER && one->delivered)
            c->host->revoke(c->host, &lease->token, 1, 0);
    }
}

static int32_t deliver_one(struct consumer *c, struct inflight *one) {
    struct eb_message message;
    char position[24];

    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    if (ebp_unpack(&c->pairs, one->got.bytes, &message, NULL) != EB_OK)
        return EB_FULL; /* no memory: again in a later receive */
    snprintf(position, sizeof position, "%zu", one->got.number);
    message.token = ebp_token(&one->slot);
    message.time_ms = one->got.time_ms;
    message.lease_ms = c->lease_ms;
    message.deliveries = one->got.deliveries;
    message.topic = ebp_text_of(one->group->topic->name);
    message.position = ebp_text_of(position);
    return c->host->received(c->host, &message);
}

/* Delivers up to max of what was fetched; returns how many. *full: the host has no room for the next one. */
static uint32_t deliver(struct consumer *c, uint32_t max, bool *full) {
    uint32_t n = 0;

    *full = false;
    while (n < max && c->ring.n > 0) {
        struct inflight *one = c->ahead[ebp_ring_at(&c->ring, 0)];
        bool held = ebp_lease_is_held(&one->lease, ebp_boottime_ms());

        *full = held && deliver_one(c, one) != EB_OK;
        if (*full)
            break;
        ebp_ring_pop(&c->ring);
        one->delivered = held;
        if (held)
            ebp_lease_left_to_host(&c->book, &one->lease);
        else
            forget(c, one); /* another has it by now */
        n += held;
    }
    return n;
}

static bool at_end(const struct consumer *c) {
    bool all = c->wanted->until_end && c->ready;

    for (size_t i = 0; all && i < c->wanted->n_topics; i++)
        all = !c->groups[i] || broker_at_end(c->groups[i], c->ends[i], c);
    return all;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = (struct consumer *)self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    (void)err;
    for (;;) {
        int64_t now_ms = ebp_monotonic_ms();
        bool full;

        ebp_cond_wakeup_take(&c->wakeup);
        keep_leases(c);
        fetch(c);
        if (deliver(c, max, &full) > 0)
            return EB_OK;
        if (at_end(c))
            return EB_END;
        if (full || __atomic_exchange_n(&c->woken, false, __ATOMIC_ACQUIRE) || now_ms >= until)
            return EB_EMPTY;
        ebp_cond_wakeup_wait(&c->wakeup, ebp_earlier(until - now_ms, ebp_leases_due_ms(&c->book) - ebp_boottime_ms()));
    }
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = (struct consumer *)self;
    int64_t now_ms = ebp_boottime_ms();

    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct inflight *one = (struct inflight *)ebp_token_find(&c->records, verdicts[i].token);
        bool extend = verdicts[i].kind == EB_EXTEND, held;

        if (!one)
            continue;
        held = broker_settle(one->group, &one->got, c, verdicts[i].kind == EB_ACK, extend ? now_ms + c->lease_ms : 0);
        if (extend) {
            if (held)
                ebp_lease_extended(&c->book, &one->lease, now_ms);
            continue;
        }
        forget(c, one);
        c->host->settled(c->host, &verdicts[i].token, 1, held ? EB_OK : EB_GONE);
    }
    return EB_OK;
}

static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = (struct consumer *)self;

    (void)timeout_ms;
    for (; c->ring.n > 0; ebp_ring_pop(&c->ring))
        broker_settle(c->ahead[ebp_ring_at(&c->ring, 0)]->group, &c->ahead[ebp_ring_at(&c->ring, 0)]->got, c, false, 0);
    broker_change_member(&c->wakeup, NULL);
    ebp_lease_book_free(&c->book);
    ebp_token_table_free(&c->records);
    ebp_pairs_free(&c->pairs);
    ebp_cond_wakeup_close(&c->wakeup);
    free(c->ahead);
    free(c->groups);
    free(c->ends);
    free(c);
}

/* ---- The plugin ---- */

static int32_t check(const void *settings, struct eb_error *err) {
    const char *name = ((const struct settings *)settings)->name;

    if (ebp_text_begins(ebp_text_of(name), "x"))
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "name \"%.40s\": expected one that begins with x", name);
}

/* clang-format off */
static const struct eb_option options[] = {
    { "name", "xyz", "The name of the broker", NULL, EB_OPT_TEXT, 0, 0, 0, offsetof(struct settings, name) },
    { "lease", "900ms", "How long a member may keep a message", NULL, EB_OPT_MS, 0, 100, 60000,
      offsetof(struct settings, lease) },
};

const struct eb_producer_ops eventbus_producer = {
    sizeof(struct eb_producer_ops), EB_T_ORDER, 0, producer_open, producer_submit, producer_poll, producer_wake, producer_close, NULL,
};

const struct eb_consumer_ops eventbus_consumer = {
    sizeof(struct eb_consumer_ops), EB_T_HISTORY, 0, consumer_open, consumer_receive, consumer_settle, consumer_wake, NULL,
    consumer_close, NULL,
};

const struct eb_plugin eventbus_plugin = {
    sizeof(struct eb_plugin), EB_ABI_MAJOR, EB_ABI_MINOR, "helped", "1.0", "Packed messages that are leased", options, 2,
    sizeof(struct eb_option), sizeof(struct settings), check,
};
/* clang-format on */
