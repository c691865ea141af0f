/* plugins/memory/producer.c - the producer: poll stores what submit took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "broker.h"

enum { BATCH = 256 }; /* messages taken at most, and stored while the mutex is held once */

struct producer {
    const struct eb_host *host;
    const struct settings *settings;
    struct broker *broker;
    bool woken;
    size_t n; /* taken, not yet reported */
    const struct eb_message *taken[BATCH];
};

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = calloc(1, sizeof *p);

    if (!p || !(p->broker = memory_broker(((const struct settings *)settings)->name))) {
        free(p);
        return memory_exhausted(err);
    }
    p->host = host;
    p->settings = settings;
    *self = p;
    host->link(host, 1, NULL); /* nothing to connect to */
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

static void report(const struct producer *p, const struct eb_message *message, int64_t seq, const struct eb_error *why) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token, .error = why };
    char position[24];

    if (why)
        delivery.status = why->status;
    else
        delivery.position = (struct eb_text){ position, (size_t)snprintf(position, sizeof position, "%lld", (long long)seq) };
    p->host->delivered(p->host, &delivery);
}

static void report_refused(const struct producer *p, const struct eb_message *message, int32_t status) {
    struct eb_error why;

    if (status == EB_FULL)
        ebp_error(&why, EB_RETRIABLE, 0,
                  "topic %s of memory broker %s is full: let its groups catch up, trim it, or raise "
                  "max_messages or max_bytes",
                  message->topic.data, p->broker->name);
    else
        memory_exhausted(&why);
    report(p, message, 0, &why);
}

/* Stores and reports what was taken. No message overtakes one of its key that could not be stored: a topic that is full
 * stays full while the mutex is held, and once memory is exhausted nothing behind that is stored. */
static void flush(struct producer *p) {
    struct stored *copies[BATCH];
    int64_t seqs[BATCH] = { 0 };
    int32_t status[BATCH];
    bool exhausted = false;
    size_t n = p->n;

    for (size_t i = 0; i < n; i++)
        copies[i] = memory_copy(p->taken[i]);
    pthread_mutex_lock(&memory_mutex);
    for (size_t i = 0; i < n; i++) {
        exhausted = exhausted || !copies[i];
        status[i] = exhausted ? EB_RETRIABLE : memory_append(p->broker, copies[i], p->taken[i], p->settings);
        exhausted = status[i] == EB_RETRIABLE;
        if (status[i] == EB_OK)
            seqs[i] = copies[i]->seq; /* read here: another thread may drop the message once the mutex is free */
    }
    pthread_cond_broadcast(&p->broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    p->n = 0;
    for (size_t i = 0; i < n; i++)
        if (status[i] == EB_OK) {
            report(p, p->taken[i], seqs[i], NULL);
        } else {
            free(copies[i]);
            report_refused(p, p->taken[i], status[i]);
        }
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    (void)err;
    if (p->n) {
        flush(p);
        return EB_OK;
    }
    pthread_mutex_lock(&memory_mutex);
    while (!p->woken && ebp_monotonic_ms() < until)
        memory_wait(&p->broker->called, until);
    p->woken = false;
    pthread_mutex_unlock(&memory_mutex);
    return EB_OK;
}

static void producer_wake(void *self) {
    struct producer *p = self;

    pthread_mutex_lock(&memory_mutex);
    p->woken = true;
    pthread_cond_broadcast(&p->broker->called);
    pthread_mutex_unlock(&memory_mutex);
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;
    struct eb_error why;

    if (timeout_ms > 0)
        flush(p);
    for (size_t i = 0; i < p->n; i++) {
        ebp_error(&why, EB_RETRIABLE, 0, "closed before it was stored in topic %s", p->taken[i]->topic.data);
        report(p, p->taken[i], 0, &why);
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
