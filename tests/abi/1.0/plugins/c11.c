/* tests/abi/1.0/plugins/c11.c - a plugin of ABI 1.0 in C11, built from the frozen header alone: a broker inside the process, with
 * all three roles. Later versions of the event bus have to load it and to work with it; it is not changed any more. */
#include <eventbus/plugin.h>

#ifndef NAME
#define NAME "c11"
/* How much of its structs the plugin gives: all. short.c, which includes this file, gives less. */
#define UP_TO(type, last) sizeof(type)
#define GIVE(type, given, last) ((void)0)
#define CHECK NULL
#endif

enum { QUEUE = 256 };

#include "store.h"

/* ---- Producer ---- */

struct producer {
    const struct eb_host *host;
    bool woken;
    const struct eb_message *queue[QUEUE];
    size_t n;
};

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = need(calloc(1, sizeof *p));

    (void)settings, (void)err;
    p->host = host;
    host->link(host, 1, NULL);
    *self = p;
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && p->n < QUEUE)
        p->queue[p->n++] = batch[taken++];
    return (int64_t)taken;
}

static void report(const struct producer *p, const struct eb_message *message, const struct stored *stored) {
    static const struct eb_error why = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "closed before it was sent" };
    struct eb_delivery report = {
        .size = sizeof report, .token = message->token, .status = stored ? EB_OK : EB_RETRIABLE, .error = stored ? NULL : &why
    };

    if (stored) {
        report.position = stored->message.position;
        GIVE(struct eb_delivery, report, position);
    }
    p->host->delivered(p->host, &report);
}

static void send_all(struct producer *p) {
    for (size_t i = 0; i < p->n; i++) {
        pthread_mutex_lock(&lock);
        const struct stored *stored = store(p->queue[i]);
        pthread_mutex_unlock(&lock);
        report(p, p->queue[i], stored);
    }
    p->n = 0;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = self;
    int64_t end_ms = now_ms(CLOCK_MONOTONIC) + timeout_ms;

    (void)err;
    if (p->n > 0) {
        send_all(p);
        return EB_OK;
    }
    pthread_mutex_lock(&lock);
    while (!p->woken && now_ms(CLOCK_MONOTONIC) < end_ms)
        wait_until(end_ms);
    p->woken = false;
    pthread_mutex_unlock(&lock);
    return EB_OK;
}

static void producer_wake(void *self) {
    wake_up(&((struct producer *)self)->woken);
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;

    if (timeout_ms > 0)
        send_all(p);
    for (size_t i = 0; i < p->n; i++)
        report(p, p->queue[i], NULL);
    free(p);
}

/* ---- Consumer ---- */

struct reading {         /* one topic of the subscription */
    struct group *group; /* NULL: the topic does not exist yet */
    size_t end;          /* of the topic, when the consumer was opened */
};

struct consumer {
    struct consumer *next;
    const struct eb_host *host;
    const struct eb_subscription *sub;
    bool woken;
    size_t n_out;
    uint64_t bytes_out;
    size_t turn; /* the topic to begin with */
    struct reading *readings;
};

static const struct eb_message *message_of(const struct group *group, size_t i) {
    return &group->topic->messages[i]->message;
}

/* Joins the groups of the topics that exist. A topic that came later is read from its beginning. */
static void join(struct consumer *c, bool at_open) {
    for (size_t i = 0; i < c->sub->n_topics; i++) {
        struct topic *topic = c->readings[i].group ? NULL : find_topic(c->sub->topics[i]);
        struct group *group = topic ? find_group(topic, c->sub->group) : NULL;
        bool beyond;

        if (!topic)
            continue;
        if (!group) {
            group = make_group(topic, c->sub->group);
            move_group(group, at_open ? place_of(topic, c->sub->start, &beyond) : 0);
        }
        group->strict = c->sub->order == EB_ORDER_STRICT;
        c->readings[i] = (struct reading){ .group = group, .end = at_open ? topic->n : 0 };
    }
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                             struct eb_error *err) {
    struct consumer *c;

    (void)settings;
    if (!is_number(sub->start))
        return fail(err, EB_PERMANENT, EB_KIND_CONFIG, "a position is a number, and not", sub->start->position.data);
    c = need(calloc(1, sizeof *c));
    *c = (struct consumer){ .host = host, .sub = sub, .readings = need(calloc(sub->n_topics + 1, sizeof *c->readings)) };
    pthread_mutex_lock(&lock);
    join(c, true);
    c->next = consumers;
    consumers = c;
    pthread_mutex_unlock(&lock);
    host->link(host, 1, NULL);
    *self = c;
    return EB_OK;
}

/* Whether an earlier message of the key keeps this one back: out at another consumer, or not out at all. */
static bool held_back(const struct consumer *c, const struct group *group, size_t i) {
    size_t before = group->strict ? i : group->topic->messages[i]->before;
    const struct entry *earlier = before ? group->entries[before - 1] : NULL;

    return earlier && earlier->state != DONE && (earlier->state == WAITING || earlier->at != c);
}

static bool has_room(const struct consumer *c) {
    return c->n_out < c->sub->max_messages && c->bytes_out < c->sub->max_bytes;
}

/* Delivers messages of a group, up to max. full: the host takes no more. */
static uint32_t deliver(struct consumer *c, struct group *group, uint32_t max, int64_t now, bool *full) {
    uint32_t n = 0;

    follow(group);
    for (size_t i = group->first; i < group->n && n < max && !*full && has_room(c); i++) {
        struct entry *entry = group->entries[i];
        struct eb_message message = *message_of(group, i);

        if (entry->state != WAITING || entry->due_ms > now || held_back(c, group, i))
            continue;
        message.token = (uintptr_t)entry;
        message.deliveries = entry->deliveries + 1;
        message.failures = entry->failures;
        GIVE(struct eb_message, message, n_headers);
        *full = c->host->received(c->host, &message) != EB_OK;
        if (*full)
            break;
        entry->state = OUT;
        entry->at = c;
        c->n_out++;
        c->bytes_out += entry->bytes = message_of(group, i)->payload.len;
        n++;
    }
    return n;
}

static uint32_t deliver_all(struct consumer *c, uint32_t max, int64_t now, bool *full) {
    uint32_t n = 0;

    join(c, false);
    for (size_t i = 0; i < c->sub->n_topics && n < max && !*full; i++) {
        struct group *group = c->readings[(c->turn + i) % c->sub->n_topics].group;
        if (group)
            n += deliver(c, group, max - n, now, full);
    }
    c->turn++;
    return n;
}

/* Whether all up to the end is settled, except what others hold. */
static bool at_end(const struct consumer *c) {
    for (size_t r = 0; r < c->sub->n_topics && c->sub->until_end; r++) {
        const struct reading *reading = &c->readings[r];

        for (size_t i = reading->group ? reading->group->first : 0; i < reading->end; i++) {
            const struct entry *entry = i < reading->group->n ? reading->group->entries[i] : NULL;
            if (!entry || entry->state == WAITING || (entry->state == OUT && entry->at == c))
                return false;
        }
    }
    return c->sub->until_end;
}

/* When the first retry is due that was not yet at the last delivery; else the end of the wait. */
static int64_t next_ms(const struct consumer *c, int64_t delivered_ms, int64_t end_ms) {
    for (size_t r = 0; r < c->sub->n_topics; r++) {
        const struct group *group = c->readings[r].group;

        for (size_t i = group ? group->first : 0; group && i < group->n; i++)
            if (group->entries[i]->state == WAITING && group->entries[i]->due_ms > delivered_ms &&
                group->entries[i]->due_ms < end_ms)
                end_ms = group->entries[i]->due_ms;
    }
    return end_ms;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = self;
    int64_t now = now_ms(CLOCK_MONOTONIC), end_ms = now + timeout_ms;
    int32_t status = EB_EMPTY;
    bool full = false;

    (void)err;
    pthread_mutex_lock(&lock);
    for (;; now = now_ms(CLOCK_MONOTONIC)) {
        if (deliver_all(c, max, now, &full) > 0)
            status = EB_OK;
        else if (at_end(c))
            status = EB_END;
        if (status != EB_EMPTY || full || c->woken || now >= end_ms)
            break;
        wait_until(next_ms(c, now, end_ms));
    }
    c->woken = false;
    pthread_mutex_unlock(&lock);
    return status;
}

/* Carries out a final verdict. EB_GONE: the group was moved away from the message. */
static int32_t decide(struct entry *entry, const struct eb_verdict *verdict) {
    if (entry->moved) {
        free(entry);
        return EB_GONE;
    }
    entry->state = verdict->kind == EB_ACK ? DONE : WAITING;
    entry->due_ms = verdict->kind == EB_RETRY ? now_ms(CLOCK_MONOTONIC) + verdict->delay_ms : 0;
    entry->deliveries += verdict->kind == EB_RETRY;
    entry->failures += verdict->kind == EB_RETRY;
    entry->at = NULL;
    return EB_OK;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = self;

    (void)err;
    for (size_t v = 0; v < n; v++) {
        struct entry *entry = (struct entry *)(uintptr_t)verdicts[v].token;
        int32_t status;

        if (verdicts[v].kind == EB_EXTEND) /* there are no leases */
            continue;
        pthread_mutex_lock(&lock);
        c->bytes_out -= entry->bytes;
        c->n_out--;
        status = decide(entry, &verdicts[v]);
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        c->host->settled(c->host, &verdicts[v].token, 1, status);
    }
    return EB_OK;
}

static void consumer_wake(void *self) {
    wake_up(&((struct consumer *)self)->woken);
}

static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self, **at = &consumers;

    (void)timeout_ms; /* each verdict was carried out at once */
    pthread_mutex_lock(&lock);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    pthread_mutex_unlock(&lock);
    free(c->readings);
    free(c);
}

#include "admin.h" /* which counts members */

/* ---- The plugin ---- */

struct settings {
    const char *note;
    int64_t number;
};

static const struct eb_option options[] = {
    { .key = "note", .help = "A text that is not used", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, note) },
    { .key = "number",
      .fallback = "3",
      .help = "A number that is not used",
      .type = EB_OPT_INT,
      .min = 1,
      .max = 9,
      .offset = offsetof(struct settings, number) },
};

const struct eb_plugin eventbus_plugin = { .size = UP_TO(struct eb_plugin, settings_size),
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = NAME,
                                           .version = "1",
                                           .summary = "A broker inside the process, as an author of ABI 1.0 wrote it",
                                           .options = options,
                                           .n_options = sizeof options / sizeof options[0],
                                           .option_size = sizeof(struct eb_option),
                                           .settings_size = sizeof(struct settings),
                                           .check = CHECK };

const struct eb_producer_ops eventbus_producer = { .size = UP_TO(struct eb_producer_ops, close),
                                                   .traits = EB_T_ORDER,
                                                   .open = producer_open,
                                                   .submit = producer_submit,
                                                   .poll = producer_poll,
                                                   .wake = producer_wake,
                                                   .close = producer_close };

const struct eb_consumer_ops eventbus_consumer = { .size = UP_TO(struct eb_consumer_ops, close),
                                                   .traits = EB_T_ORDER | EB_T_DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN |
                                                             EB_T_HISTORY,
                                                   .open = consumer_open,
                                                   .receive = consumer_receive,
                                                   .settle = consumer_settle,
                                                   .wake = consumer_wake,
                                                   .close = consumer_close };

const struct eb_admin_ops eventbus_admin = { .size = UP_TO(struct eb_admin_ops, close),
                                             .traits = EB_T_HISTORY,
                                             .open = admin_open,
                                             .topics = admin_topics,
                                             .groups = admin_groups,
                                             .browse = admin_browse,
                                             .seek = admin_seek,
                                             .create = admin_create,
                                             .close = admin_close };
