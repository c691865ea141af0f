/* plugins/memory/memory.c - the plugin: events within one program. Read this first, then broker.h.
 *
 * A producer keeps pointers in submit and copies the messages into their topics in poll. A consumer claims works in
 * receive and answers for them in settle. What a key's order, a retry or the end of a topic mean is in groups.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broker.h"

enum { BATCH = 256 };                   /* messages dealt with while the mutex is held once */

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

struct producer {
    const struct eb_host *host;
    const struct settings *settings;
    struct broker *broker;
    bool rung;
    size_t n;                           /* taken, not yet reported */
    const struct eb_message *taken[BATCH];
};

static struct broker *broker_of(const struct settings *settings) {
    pthread_mutex_lock(&memory_mutex);
    struct broker *broker = memory_broker(settings->name);
    pthread_mutex_unlock(&memory_mutex);
    return broker;
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = calloc(1, sizeof *p);

    if (!p || !(p->broker = broker_of(settings))) {
        free(p);
        return memory_used_up(err);
    }
    p->host = host;
    p->settings = settings;
    *self = p;
    host->link(host, 1, NULL);          /* there is no way to go, so it is up at once */
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t k = n < BATCH - p->n ? n : BATCH - p->n;

    (void)err;
    memcpy(p->taken + p->n, batch, k * sizeof(const struct eb_message *));
    p->n += k;
    return (int64_t)k;
}

/* seq 0: not stored, and status tells why. */
static void report(const struct producer *p, const struct eb_message *message, int32_t status, int64_t seq) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token };
    struct eb_error why;
    char position[24];

    if (status == EB_OK) {
        int len = snprintf(position, sizeof position, "%lld", (long long)seq);
        delivery.position = (struct eb_text){ position, (size_t)len };
    } else if (status == EB_FULL) {
        delivery.status = memory_fail(&why, EB_RETRIABLE, EB_KIND_BROKER, "topic %s of memory broker %s is full: let its "
                                      "groups catch up, trim it, or raise max_messages or max_bytes",
                                      message->topic.data, p->broker->name);
    } else {
        delivery.status = memory_used_up(&why);
    }
    delivery.error = delivery.status == EB_OK ? NULL : &why;
    p->host->delivered(p->host, &delivery);
}

/* Stores and reports what was taken. No message overtakes one of its key that could not be stored: a topic that is full
 * stays full while the mutex is held, and when memory is used up nothing behind that is stored. */
static void flush(struct producer *p) {
    struct stored *copies[BATCH];
    int64_t seqs[BATCH] = {0};
    int32_t status[BATCH];
    bool used_up = false;
    size_t n = p->n;

    for (size_t i = 0; i < n; i++)
        copies[i] = memory_copy(p->taken[i]);
    pthread_mutex_lock(&memory_mutex);
    for (size_t i = 0; i < n; i++) {
        used_up = used_up || !copies[i];
        status[i] = used_up ? EB_RETRIABLE : memory_append(p->broker, copies[i], p->taken[i], p->settings);
        used_up = status[i] == EB_RETRIABLE;
        if (status[i] == EB_OK)
            seqs[i] = copies[i]->seq;
    }
    pthread_cond_broadcast(&p->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    p->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (status[i] != EB_OK)
            free(copies[i]);
        report(p, p->taken[i], status[i], seqs[i]);
    }
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t until = memory_ticks() + timeout_ms;

    (void)err;
    if (p->n) {
        flush(p);
        return EB_OK;
    }
    pthread_mutex_lock(&memory_mutex);
    while (!p->rung && memory_ticks() < until)
        memory_wait(&p->broker->called, until);
    p->rung = false;
    pthread_mutex_unlock(&memory_mutex);
    return EB_OK;
}

static void producer_wake(void *self) {
    struct producer *p = self;

    pthread_mutex_lock(&memory_mutex);
    p->rung = true;
    pthread_cond_broadcast(&p->broker->called);
    pthread_mutex_unlock(&memory_mutex);
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;

    if (timeout_ms > 0)
        flush(p);
    for (size_t i = 0; i < p->n; i++) {
        struct eb_error why;
        struct eb_delivery delivery = { .size = sizeof delivery, .token = p->taken[i]->token, .error = &why };
        delivery.status = memory_fail(&why, EB_RETRIABLE, EB_KIND_BROKER, "closed before it was stored in topic %s",
                                      p->taken[i]->topic.data);
        p->host->delivered(p->host, &delivery);
    }
    free(p);
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER,
    .open = producer_open,
    .submit = producer_submit,
    .poll = producer_poll,
    .wake = producer_wake,
    .close = producer_close,
};

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

struct consumer {
    struct member member;
};

/* A pattern is there when any topic of the subscription is. */
static bool is_there(const struct member *member, const char *name) {
    bool there = memory_topic(member->broker, name);

    for (const struct topic *topic = member->broker->topics; topic && strchr(name, '*') && !there; topic = topic->next)
        there = memory_wants(member, topic);
    return there;
}

/* Whoever waits for a topic does not make it. */
static void tell_absent(const struct member *member) {
    const struct eb_subscription *sub = member->subscription;
    char text[400];

    for (size_t i = 0; i < sub->n_topics; i++) {
        bool pattern = strchr(sub->topics[i], '*');
        pthread_mutex_lock(&memory_mutex);
        bool there = is_there(member, sub->topics[i]);
        pthread_mutex_unlock(&memory_mutex);
        if (there)
            continue;
        snprintf(text, sizeof text, pattern ? "no topic matches %.300s%s" : "topic %.300s does not exist%s", sub->topics[i],
                 sub->until_end ? "" : pattern ? "; waiting for one" : "; waiting for it");
        member->host->log(member->host, 4, text);
    }
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *subscription,
                             void **self, struct eb_error *err) {
    int32_t status = memory_check(subscription->start, err);
    struct consumer *c = status == EB_OK ? calloc(1, sizeof *c) : NULL;

    if (status != EB_OK)
        return status;
    if (!c || !(c->member.broker = broker_of(settings))) {
        free(c);
        return memory_used_up(err);
    }
    c->member.host = host;
    c->member.subscription = subscription;
    pthread_mutex_lock(&memory_mutex);
    status = memory_join(&c->member, err);
    pthread_mutex_unlock(&memory_mutex);
    if (status != EB_OK) {
        free(c);
        return status;
    }
    *self = c;
    host->link(host, 1, NULL);
    tell_absent(&c->member);
    return EB_OK;
}

/* Hands over until the host has no room; answers how many it took. */
static size_t hand_over(const struct eb_host *host, struct work *const *got, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct eb_message message = got[i]->stored->message;

        message.token = (uintptr_t)got[i];
        message.deliveries = got[i]->deliveries;
        message.failures = got[i]->failures;
        int32_t status = host->received(host, &message);
        if (status == EB_FULL || status < 0)
            return i;
    }
    return n;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    static const struct eb_verdict back = { .kind = EB_RETURN };
    struct consumer *c = self;
    struct member *member = &c->member;
    struct work *got[BATCH];
    size_t n = 0, taken;
    int64_t now = memory_ticks(), until = now + timeout_ms;
    bool ended = false;

    (void)err;
    pthread_mutex_lock(&memory_mutex);
    for (;; now = memory_ticks()) {
        ended = member->subscription->until_end && memory_at_end(member);
        n = ended ? 0 : memory_claim(member, got, max < BATCH ? max : BATCH, now);
        if (n || ended || member->rung || now >= until)
            break;
        int64_t due = memory_next_due(member, now);
        memory_wait(&member->broker->arrived, due < until ? due : until);
    }
    member->rung = false;
    pthread_mutex_unlock(&memory_mutex);
    if (ended)
        return EB_END;
    taken = hand_over(c->member.host, got, n);
    if (taken < n) {
        pthread_mutex_lock(&memory_mutex);
        for (size_t i = taken; i < n; i++)
            memory_settle(member, got[i], &back, now);
        pthread_cond_broadcast(&member->broker->arrived);
        pthread_mutex_unlock(&memory_mutex);
    }
    return taken ? EB_OK : EB_EMPTY;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = self;
    uint64_t done[BATCH], gone[BATCH];
    size_t i = 0;

    (void)err;
    while (i < n) {
        size_t n_done = 0, n_gone = 0;
        int64_t now = memory_ticks();

        pthread_mutex_lock(&memory_mutex);
        for (; i < n && n_done + n_gone < BATCH; i++) {
            if (verdicts[i].kind == EB_EXTEND)
                continue;                           /* nothing is taken away here: lease_ms is 0 */
            struct work *work = (struct work *)(uintptr_t)verdicts[i].token;
            if (memory_settle(&c->member, work, &verdicts[i], now) == EB_OK)
                done[n_done++] = verdicts[i].token;
            else
                gone[n_gone++] = verdicts[i].token;
        }
        pthread_cond_broadcast(&c->member.broker->arrived);
        pthread_mutex_unlock(&memory_mutex);
        if (n_done)
            c->member.host->settled(c->member.host, done, n_done, EB_OK);
        if (n_gone)
            c->member.host->settled(c->member.host, gone, n_gone, EB_GONE);
    }
    return EB_OK;
}

static void consumer_wake(void *self) {
    struct consumer *c = self;

    pthread_mutex_lock(&memory_mutex);
    c->member.rung = true;
    pthread_cond_broadcast(&c->member.broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
}

static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    memory_leave(&c->member);
    pthread_cond_broadcast(&c->member.broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    free(c);
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = consumer_settle,
    .wake = consumer_wake,
    .close = consumer_close,            /* no pause: there are no partitions */
};

/* ---- What it is ------------------------------------------------------------------------------------------------- */

static const struct eb_option options[] = {
    { .key = "name", .type = EB_OPT_TEXT, .fallback = "default", .offset = offsetof(struct settings, name),
      .help = "Which broker of this program; those of one name are one" },
    { .key = "max_messages", .type = EB_OPT_INT, .fallback = "100000", .min = 1, .max = 1000000000,
      .flags = EB_OPT_PRODUCER, .offset = offsetof(struct settings, max_messages),
      .help = "Messages a topic keeps; beyond, what all its groups have settled is dropped, else sending has to wait" },
    { .key = "max_bytes", .type = EB_OPT_BYTES, .fallback = "256M", .min = 1, .max = INT64_MAX,
      .flags = EB_OPT_PRODUCER, .offset = offsetof(struct settings, max_bytes),
      .help = "Bytes a topic keeps, likewise" },
};

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "memory",
    .version = "0.1.0",
    .summary = "Events within one program; nothing outlives it",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
};
