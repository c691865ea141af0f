/* producer.c - the producer: submit gives messages to the client library, whose thread reports each one.
 *
 * Two threads meet here. The host's calls the ops. The library's calls on_published and on_connection, and hands over what
 * they bring by host->delivered and host->link, which any thread may call. poll waits for `changed`, which both threads
 * signal. */
#include "parts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct producer {
    const struct eb_host *host;
    const struct settings *settings;
    struct address address;
    struct stub_client *client;
    struct ebp_bytes packed;        /* the host's thread; used for one message after the other */
    struct ebp_cond_wakeup changed; /* a message was reported, or wake was called; remembered until poll takes it */
    atomic_size_t n_out;            /* messages that were taken and not reported */
};

/* ---- the library's thread ---- */

static void report(const struct producer *p, const struct eb_message *message, uint64_t number, const struct eb_error *why) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = message->token, .error = why };
    char position[24];

    if (why) {
        delivery.status = why->status;
        /* FILL IN: delivery.maybe_stored = 1 after a failure that leaves open whether the broker has the message. */
    } else {
        snprintf(position, sizeof position, "%llu", (unsigned long long)number);
        delivery.position = ebp_text_of(position);
    }
    p->host->delivered(p->host, &delivery);
}

/* FILL IN: EB_OK only for what the broker has confirmed; EB_RETRIABLE for what may succeed later, EB_PERMANENT for what never
 * can. Each message that submit took gets exactly one report. */
static void on_published(void *arg, void *what, enum stub_result result, uint64_t number) {
    struct producer *p = arg;
    const struct eb_message *message = what;
    struct eb_error why;

    if (result == STUB_REFUSED)
        acme_name("topic", message->topic.data, &why);
    else if (result == STUB_FULL)
        ebp_error(&why, EB_RETRIABLE, 0, "topic %s is full; trim it", message->topic.data);
    else if (result == STUB_DISCARDED)
        ebp_error(&why, EB_RETRIABLE, 0, "closed before it was sent to topic %s", message->topic.data);
    report(p, message, number, result == STUB_OK ? NULL : &why);
    atomic_fetch_sub(&p->n_out, 1);
    ebp_cond_wakeup_signal(&p->changed);
}

static void on_connection(void *arg, bool up, const char *why) {
    const struct producer *p = arg;

    acme_link(p->host, &p->address, up, why);
}

/* ---- the host's thread ---- */

static void producer_free(struct producer *p) {
    ebp_cond_wakeup_close(&p->changed);
    ebp_bytes_free(&p->packed);
    free(p);
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    static const struct stub_callbacks callbacks = { .connection = on_connection, .published = on_published };
    struct producer *p = calloc(1, sizeof *p);

    if (!p || !ebp_cond_wakeup_open(&p->changed)) {
        free(p);
        return acme_no_memory(err);
    }
    p->host = host;
    p->settings = settings;
    acme_address(p->settings->url, &p->address);
    p->client = stub_connect(p->address.host, p->address.name, p->settings->away_file, NULL, &callbacks, p);
    if (!p->client) {
        producer_free(p);
        return acme_no_memory(err);
    }
    *self = p;
    return EB_OK;
}

/* FILL IN: a library that copies no message lends the host's: each one stays valid and unchanged until it is reported. */
static int32_t publish(struct producer *p, const struct eb_message *message, struct eb_error *why) {
    const char *unfit = ebp_unfit(message);

    if (unfit)
        return ebp_error_of_kind(why, EB_PERMANENT, EB_KIND_DATA, 0, "cannot send a message to topic %s: %s",
                                 message->topic.data, unfit);
    if (!acme_pack(&p->packed, message) ||
        !stub_publish(p->client, message->topic.data, message->key.data, message->key.len, (const char *)p->packed.data,
                      p->packed.len, (void *)(uintptr_t)message))
        return acme_no_memory(why);
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t room = (size_t)p->settings->window - atomic_load(&p->n_out), taken = n < room ? n : room;
    int32_t status = EB_OK;
    struct eb_error why;

    (void)err;
    atomic_fetch_add(&p->n_out, taken); /* before the library has them, since it may report at once */
    for (size_t i = 0; i < taken; i++) {
        if (status != EB_RETRIABLE) /* else this one fails as well: no message overtakes an earlier one of its key */
            status = publish(p, batch[i], &why);
        if (status == EB_OK)
            continue;
        report(p, batch[i], 0, &why);
        atomic_fetch_sub(&p->n_out, 1);
        ebp_cond_wakeup_signal(&p->changed);
    }
    return (int64_t)taken;
}

/* The library's thread does the work. FILL IN: a library without a thread of its own sends and receives here; it waits for
 * its socket and for wake together, with struct ebp_wakeup. */
static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;

    (void)err;
    ebp_cond_wakeup_wait(&p->changed, timeout_ms);
    ebp_cond_wakeup_take(&p->changed);
    return EB_OK;
}

static void producer_wake(void *self) {
    struct producer *p = self;

    ebp_cond_wakeup_signal(&p->changed);
}

/* stub_close reports what was not sent, and its thread calls back no more. FILL IN: a library that drops such messages
 * without a callback needs a list of them here; one whose thread outlives its close must not reach `p` or the host. */
static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    while (atomic_load(&p->n_out) > 0 && ebp_monotonic_ms() < until) {
        ebp_cond_wakeup_wait(&p->changed, until - ebp_monotonic_ms());
        ebp_cond_wakeup_take(&p->changed);
    }
    stub_close(p->client);
    producer_free(p);
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER, /* FILL IN: see the checklist in README.md */
    .open = producer_open,
    .submit = producer_submit,
    .poll = producer_poll,
    .wake = producer_wake,
    .close = producer_close,
};
