/* consumer.c - the consumer: the client library's thread brings messages, receive delivers them to the host.
 *
 * Two threads meet here. The library's calls the on_... functions. What it brings waits in the list `waiting`, since
 * host->received may be called in receive only; host->settled, revoke and link may be called by any thread. `mutex` guards
 * what both use. It may be held while the host is called, since the host queues and never calls back. */
#include "parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct list {
    struct stub_message *first, *last;
    size_t n;
};

struct consumer {
    const struct eb_host *host;
    const struct eb_subscription *wanted;
    struct address address;
    struct stub_subscription subscription;
    struct stub_client *client;
    struct ebp_cond_wakeup changed; /* signalled after each change of what follows */
    pthread_mutex_t mutex;
    /* guarded by the mutex */
    struct list waiting;   /* fetched ahead, not delivered to the host */
    struct list in_flight; /* at the host, until the broker has confirmed the verdict; the address is the token */
    uint64_t bytes;        /* of both */
    size_t n_verdicts;     /* sent, not confirmed */
    size_t n_back;         /* those of them that are no EB_ACK */
    unsigned connection;   /* counts connections: what came over an earlier one is lost */
    bool fetching;         /* a request for messages is open */
    bool looked;           /* for topics that do not exist */
    bool no_memory;        /* a message could not be given back */
    bool ended;            /* until_end: there is nothing to wait for */
    bool progress, woken;  /* since the last receive: a verdict was confirmed, wake was called */
};

static void push(struct list *list, struct stub_message *message) {
    message->next = NULL;
    message->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = message;
    list->last = message;
    list->n++;
}

static void push_front(struct list *list, struct stub_message *message) {
    message->prev = NULL;
    message->next = list->first;
    *(list->first ? &list->first->prev : &list->last) = message;
    list->first = message;
    list->n++;
}

static struct stub_message *unlink_message(struct list *list, struct stub_message *message) {
    if (!message)
        return NULL;
    *(message->prev ? &message->prev->next : &list->first) = message->next;
    *(message->next ? &message->next->prev : &list->last) = message->prev;
    list->n--;
    return message;
}

/* ---- the library's thread ---- */

static void on_message(void *arg, struct stub_message *message, bool last) {
    struct consumer *c = arg;

    pthread_mutex_lock(&c->mutex);
    push(&c->waiting, message);
    c->bytes += message->len;
    c->fetching = !last;
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->changed);
}

/* With the mutex. Whether `later` must not be delivered before `message`. */
static bool keep_order(const struct consumer *c, const struct stub_message *message, const struct stub_message *later) {
    return strcmp(later->topic, message->topic) == 0 && later->number > message->number &&
           (c->subscription.strict || (message->key && later->key && later->key_len == message->key_len &&
                                       memcmp(later->key, message->key, later->key_len) == 0));
}

/* With the mutex. Gives a message that waits here back to the broker. */
static void return_message(struct consumer *c, struct stub_message *message) {
    unlink_message(&c->waiting, message);
    c->bytes -= message->len;
    if (stub_settle(c->client, message->tag, STUB_RETURN, 0, NULL))
        c->n_verdicts++;
    else
        c->no_memory = true;
    stub_message_free(message);
}

/* With the mutex. A message that comes again must not be overtaken by one of its key that was fetched ahead. */
static void return_later(struct consumer *c, const struct stub_message *message) {
    struct stub_message *next;

    for (struct stub_message *later = c->waiting.first; later; later = next) {
        next = later->next;
        if (keep_order(c, message, later))
            return_message(c, later);
    }
}

/* `what` is NULL for a message that the host never had. FILL IN: confirm EB_OK only when the broker has the verdict. */
static void on_settled(void *arg, void *what, bool in_time) {
    struct consumer *c = arg;
    struct stub_message *message = what;
    uint64_t token = (uintptr_t)message;

    if (message)
        c->host->settled(c->host, &token, 1, in_time ? EB_OK : EB_GONE);
    pthread_mutex_lock(&c->mutex);
    if (unlink_message(&c->in_flight, message))
        c->bytes -= message->len;
    if (message && message->verdict != EB_ACK) {
        c->n_back--;
        return_later(c, message); /* this thread has brought all that was sent before */
    }
    c->n_verdicts--;
    c->progress = true;
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->changed);
    if (message)
        stub_message_free(message);
}

static void on_ended(void *arg) {
    struct consumer *c = arg;

    pthread_mutex_lock(&c->mutex);
    c->ended = true;
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->changed);
}

static bool on_wants(void *arg, const char *topic) {
    const struct consumer *c = arg;
    bool pattern = false;

    for (size_t i = 0; i < c->wanted->n_topics; i++) {
        if (strcmp(c->wanted->topics[i], topic) == 0)
            return true;
        pattern = pattern || strchr(c->wanted->topics[i], '*');
    }
    return pattern && c->host->matches(c->host, topic);
}

/* With the mutex. What the broker gave over the lost connection goes to others, or comes again. */
static void lose_messages(struct consumer *c) {
    struct stub_message *message;
    uint64_t token;

    c->connection++;
    c->fetching = false;
    while ((message = unlink_message(&c->waiting, c->waiting.first))) {
        c->bytes -= message->len;
        stub_message_free(message);
    }
    for (message = c->in_flight.first; message; message = message->next) {
        token = (uintptr_t)message;
        c->host->revoke(c->host, &token, 1, 0);
    }
}

/* With the mutex. A consumer does not make a topic that it waits for, and says so once. */
static void log_absent(const struct consumer *c) {
    struct stub_topic_info info;

    for (size_t i = 0; i < c->wanted->n_topics; i++)
        if (!strchr(c->wanted->topics[i], '*') && !stub_topic(c->client, c->wanted->topics[i], &info))
            ebp_log(c->host, EBP_LOG_WARNING, "topic %s does not exist%s", c->wanted->topics[i],
                    c->wanted->until_end ? "" : "; waiting for it");
}

static void on_connection(void *arg, bool up, const char *why) {
    struct consumer *c = arg;

    acme_link(c->host, &c->address, up, why);
    pthread_mutex_lock(&c->mutex);
    if (!up)
        lose_messages(c);
    else if (!c->looked)
        log_absent(c);
    c->looked = c->looked || up;
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->changed); /* receive asks for messages */
}

/* ---- the host's thread ---- */

static const struct stub_callbacks callbacks = {
    .connection = on_connection, .wants = on_wants, .message = on_message, .settled = on_settled, .ended = on_ended
};

static void consumer_free(struct consumer *c) {
    while (c->waiting.first)
        stub_message_free(unlink_message(&c->waiting, c->waiting.first));
    while (c->in_flight.first)
        stub_message_free(unlink_message(&c->in_flight, c->in_flight.first));
    pthread_mutex_destroy(&c->mutex);
    ebp_cond_wakeup_close(&c->changed);
    free(c);
}

static int32_t consumer_open(const struct eb_host *host, const void *given, const struct eb_subscription *wanted, void **self,
                             struct eb_error *err) {
    const struct settings *settings = given;
    struct stub_point start;
    struct consumer *c;
    int32_t status = acme_point(wanted->start, &start, err);

    if (status == EB_OK)
        status = acme_name("group", wanted->group, err);
    if (status != EB_OK)
        return status;
    c = calloc(1, sizeof *c);
    if (!c || !ebp_cond_wakeup_open(&c->changed)) {
        free(c);
        return acme_no_memory(err);
    }
    pthread_mutex_init(&c->mutex, NULL);
    c->host = host;
    c->wanted = wanted;
    acme_address(settings->url, &c->address);
    c->subscription = (struct stub_subscription){ .group = wanted->group,
                                                  .member = wanted->consumer,
                                                  .start = start,
                                                  .strict = wanted->order == EB_ORDER_STRICT,
                                                  .until_end = wanted->until_end != 0 };
    pthread_mutex_lock(&c->mutex); /* the library's thread may call back before `client` is set */
    c->client = stub_connect(c->address.host, c->address.name, settings->away_file, &c->subscription, &callbacks, c);
    pthread_mutex_unlock(&c->mutex);
    if (!c->client) {
        consumer_free(c);
        return acme_no_memory(err);
    }
    *self = c;
    return EB_OK;
}

/* With the mutex. Asks for what fits: max_messages and max_bytes bound the messages at the host and those that wait here. */
static void fetch(struct consumer *c) {
    const struct eb_subscription *wanted = c->wanted;
    size_t n = c->waiting.n + c->in_flight.n;

    if (c->fetching || n >= wanted->max_messages || c->bytes >= wanted->max_bytes)
        return;
    c->fetching = true;
    stub_fetch(c->client, wanted->max_messages - n, wanted->max_bytes - c->bytes);
}

static int32_t received(void *arg, const struct eb_message *message) {
    const struct consumer *c = arg;

    return c->host->received(c->host, message);
}

/* With the mutex, which is free while the host is called. Delivers a message; false: the host has no room, and it waits on. */
static bool deliver(struct consumer *c, struct stub_message *message) {
    uint64_t token = (uintptr_t)message;
    unsigned connection = c->connection;

    pthread_mutex_unlock(&c->mutex);
    bool taken = acme_give(message, token, received, c, NULL) == EB_OK;
    pthread_mutex_lock(&c->mutex);
    if (taken) {
        push(&c->in_flight, message);
        if (connection != c->connection) /* lost meanwhile */
            c->host->revoke(c->host, &token, 1, 0);
    } else if (connection == c->connection) {
        push_front(&c->waiting, message);
    } else {
        c->bytes -= message->len;
        stub_message_free(message);
    }
    return taken;
}

/* The host opens a new instance; what has no verdict comes again. */
static int32_t give_up(struct eb_error *err) {
    acme_no_memory(err);
    if (err)
        err->status = EB_FATAL;
    return EB_FATAL;
}

/* With the mutex. Delivers what it can and asks for more. Returns whether receive has something to return for. */
static bool work(struct consumer *c, uint32_t max, uint32_t *n) {
    struct stub_message *message;
    bool room = true;

    while (*n < max && room && c->n_back == 0 && /* what was fetched behind a message on its way back has to wait */
           (message = unlink_message(&c->waiting, c->waiting.first))) {
        room = deliver(c, message);
        *n += room;
    }
    fetch(c);
    return *n > 0 || !room || c->ended || c->no_memory || c->progress || c->woken;
}

/* FILL IN: where messages have leases, renew here those of the messages that wait, after a third of their time: each
 * ebp_lease_due that says EBP_LEASE_EXTEND, of eventbus/plugin-help/leases.h. */
static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    uint32_t n = 0;

    pthread_mutex_lock(&c->mutex);
    while (!work(c, max, &n) && ebp_monotonic_ms() < until) {
        pthread_mutex_unlock(&c->mutex);
        ebp_cond_wakeup_wait(&c->changed, until - ebp_monotonic_ms());
        ebp_cond_wakeup_take(&c->changed); /* before the next look, which sees what was signalled */
        pthread_mutex_lock(&c->mutex);
    }
    bool ended = c->ended, no_memory = c->no_memory;
    c->progress = c->woken = false;
    pthread_mutex_unlock(&c->mutex);
    if (no_memory)
        return give_up(err);
    return n > 0 ? EB_OK : ended ? EB_END : EB_EMPTY;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    static const enum stub_verdict kinds[] = { [EB_ACK] = STUB_ACK, [EB_RETRY] = STUB_RETRY, [EB_RETURN] = STUB_RETURN };
    struct consumer *c = self;

    for (size_t i = 0; i < n; i++) {
        struct stub_message *message = (struct stub_message *)(uintptr_t)verdicts[i].token;
        if (verdicts[i].kind == EB_EXTEND)
            continue; /* FILL IN: renew the lease. The stub has none: lease_ms is 0 */
        pthread_mutex_lock(&c->mutex);
        message->verdict = verdicts[i].kind;
        c->n_verdicts++;
        c->n_back += verdicts[i].kind != EB_ACK;
        pthread_mutex_unlock(&c->mutex);
        if (!stub_settle(c->client, message->tag, kinds[verdicts[i].kind], verdicts[i].delay_ms, message)) {
            pthread_mutex_lock(&c->mutex);
            c->n_verdicts--;
            c->n_back -= verdicts[i].kind != EB_ACK;
            pthread_mutex_unlock(&c->mutex);
            return give_up(err);
        }
    }
    return EB_OK;
}

static void consumer_wake(void *self) {
    struct consumer *c = self;

    pthread_mutex_lock(&c->mutex);
    c->woken = true; /* remembered: the next receive returns at once if none waits now */
    pthread_mutex_unlock(&c->mutex);
    ebp_cond_wakeup_signal(&c->changed);
}

/* stub_close confirms as too late what is left of the verdicts, and its thread calls back no more. FILL IN: a library that
 * does not call back for them needs settled(EB_GONE) for each message of in_flight here. */
static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    stub_fetch(c->client, 0, 0);
    pthread_mutex_lock(&c->mutex);
    for (;;) {
        while (c->waiting.first) /* what was fetched ahead: other members get it at once */
            return_message(c, c->waiting.first);
        if (c->n_verdicts == 0 || ebp_monotonic_ms() >= until)
            break;
        pthread_mutex_unlock(&c->mutex);
        ebp_cond_wakeup_wait(&c->changed, until - ebp_monotonic_ms());
        ebp_cond_wakeup_take(&c->changed);
        pthread_mutex_lock(&c->mutex);
    }
    pthread_mutex_unlock(&c->mutex);
    stub_close(c->client);
    consumer_free(c);
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    /* FILL IN: see the checklist in README.md */
    .traits = EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = consumer_settle,
    .wake = consumer_wake,
    .close = consumer_close, /* FILL IN: .pause, where the broker has partitions */
};
