/* tests/plugins/wrong/wrong.c - a small broker inside the process, with one promise broken on purpose: which one is
 * NAME, with which this file is compiled once for each. As "right" it keeps them all. */
#include <eventbus/plugin.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline bool is(const char *fault) {
    return strcmp(NAME, fault) == 0;
}

/* ---- what is stored ---- */

struct stored {
    struct eb_message message; /* a deep copy; token 0 */
    char position[24];
};

struct topic {
    struct topic *next;
    char *name;
    struct stored **messages;
    size_t n;
};

enum state { WAITING, OUT, DONE };

/* What became of one message for one group. */
struct entry {
    enum state state;
    const void *at; /* OUT: the consumer */
    int64_t due_ms; /* WAITING: not before */
    uint32_t deliveries, failures;
    unsigned failed_at; /* the member of the last failure */
};

struct group {
    struct group *next;
    struct topic *topic;
    char *name;
    struct entry *entries;
    size_t n, start, acked_to;
};

/* All of it, in one process; under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct topic *topics;
static struct group *groups;
static unsigned n_members;

static int64_t now_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

static void *need(void *memory) {
    if (!memory)
        abort(); /* a test plugin on a machine without memory */
    return memory;
}

static struct eb_text copied(struct eb_text text) {
    char *copy;

    if (!text.data)
        return text;
    copy = need(malloc(text.len + 1));
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (struct eb_text){ copy, text.len };
}

static const struct eb_header *copied_headers(const struct eb_header *from, size_t n) {
    struct eb_header *to = need(calloc(n + 1, sizeof *to));

    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ copied(from[i].name), copied(from[i].value) };
    return to;
}

static struct topic *topic_named(const char *name) {
    struct topic *topic = topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    if (topic)
        return topic;
    topic = need(calloc(1, sizeof *topic));
    topic->name = need(strdup(name));
    topic->next = topics;
    return topics = topic;
}

static bool has_id(const struct topic *topic, struct eb_text id) {
    for (size_t i = 0; i < topic->n; i++)
        if (topic->messages[i]->message.id.len == id.len && memcmp(topic->messages[i]->message.id.data, id.data, id.len) == 0)
            return true;
    return false;
}

static void store(const struct eb_message *from, char position[24]) {
    struct topic *topic = topic_named(from->topic.data);
    struct stored *stored = need(calloc(1, sizeof *stored));
    struct eb_message *to = &stored->message;

    snprintf(stored->position, sizeof stored->position, "%zu", topic->n);
    snprintf(position, 24, "%zu", topic->n + is("misnames-position"));
    *to = (struct eb_message){ .size = sizeof *to,
                               .time_ms = now_ms(CLOCK_REALTIME),
                               .topic = copied(from->topic),
                               .position = { stored->position, strlen(stored->position) },
                               .id = copied(from->id),
                               .key = copied(from->key),
                               .payload = copied(from->payload),
                               .attrs = copied_headers(from->attrs, from->n_attrs),
                               .n_attrs = from->n_attrs,
                               .headers = copied_headers(from->headers, from->n_headers),
                               .n_headers = from->n_headers };
    if (is("forgets-header") && to->n_headers > 1)
        to->n_headers--;
    if (is("trims-attributes"))
        to->n_attrs--;
    if (is("cuts-at-nul") && to->payload.data)
        to->payload.len = strnlen(to->payload.data, to->payload.len);
    if ((is("loses-some") && topic->n % 50 == 40) || (is("deduplicates-by-id") && has_id(topic, from->id)))
        return;
    topic->messages = need(realloc(topic->messages, (topic->n + 1) * sizeof *topic->messages));
    topic->messages[topic->n++] = stored;
    if (!is("misses-arrivals"))
        pthread_cond_broadcast(&changed);
}

/* ---- waiting, and what ends it ---- */

struct waiter {
    bool woken, waiting;
};

static void wake_up(struct waiter *waiter) {
    pthread_mutex_lock(&lock);
    waiter->woken = !is("loses-wake") || waiter->waiting;
    if (!is("wakes-the-next-only"))
        pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits, under the lock, until something changed or the time (of CLOCK_MONOTONIC) is over; false when it is. */
static bool wait_until(struct waiter *waiter, int64_t end_ms) {
    struct timespec end = { end_ms / 1000, end_ms % 1000 * 1000000 };
    int late;

    waiter->waiting = true;
    late = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &end);
    waiter->waiting = false;
    return !late;
}

/* ---- producer ---- */

enum { QUEUE = 64 };

struct producer {
    const struct eb_host *host;
    struct waiter waiter;
    const struct eb_message *queue[QUEUE];
    size_t n;
    bool up;
};

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = need(calloc(1, sizeof *p));

    (void)settings;
    (void)err;
    p->host = host;
    if (is("leaks"))
        (void)!dup(0);
    *self = p;
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && p->n < QUEUE) {
        if (is("aborts") && batch[taken]->payload.len == 65536)
            abort();
        p->queue[p->n++] = batch[taken++];
    }
    return (int64_t)taken;
}

static void report(struct producer *p, const struct eb_message *message, int32_t status, const char *position) {
    struct eb_error why = { .status = status, .kind = EB_KIND_BROKER, .text = "closed before it was sent" };
    struct eb_delivery report = { .size = sizeof report,
                                  .token = message->token,
                                  .status = status,
                                  .position = { position, position ? strlen(position) : 0 },
                                  .error = status ? &why : NULL };

    p->host->delivered(p->host, &report);
    if (is("reports-twice") && message->token % 10 == 0)
        p->host->delivered(p->host, &report);
}

static bool same_key(const struct eb_message *a, const struct eb_message *b) {
    return a->key.data && b->key.data && a->key.len == b->key.len && memcmp(a->key.data, b->key.data, a->key.len) == 0;
}

static void reorder(struct producer *p) {
    for (size_t i = 1; i < p->n; i++)
        if (same_key(p->queue[i - 1], p->queue[i])) {
            const struct eb_message *first = p->queue[i - 1];
            p->queue[i - 1] = p->queue[i];
            p->queue[i] = first;
            return;
        }
}

static void send_all(struct producer *p) {
    char position[24];

    if (is("reorders-key"))
        reorder(p);
    for (size_t i = 0; i < p->n; i++) {
        pthread_mutex_lock(&lock);
        store(p->queue[i], position);
        pthread_mutex_unlock(&lock);
        report(p, p->queue[i], EB_OK, position);
    }
    p->n = 0;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    static const struct eb_error nobody = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "nobody listens" };
    struct producer *p = self;
    int64_t end_ms = now_ms(CLOCK_MONOTONIC) + timeout_ms;

    (void)err;
    if (is("away") && !p->up)
        p->host->link(p->host, 0, &nobody);
    else if (!p->up || is("links-again"))
        p->host->link(p->host, 1, NULL);
    p->up = true;
    if (p->n > 0) {
        send_all(p);
        return EB_OK;
    }
    pthread_mutex_lock(&lock);
    while (!p->waiter.woken && wait_until(&p->waiter, end_ms))
        continue;
    p->waiter.woken = false;
    pthread_mutex_unlock(&lock);
    return EB_OK;
}

static void producer_wake(void *self) {
    wake_up(&((struct producer *)self)->waiter);
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;

    if (timeout_ms > 0 && !is("sends-nothing-at-close"))
        send_all(p);
    if (is("skips-at-close") && p->n > 0) { /* the first failed, later ones of its key are stored all the same */
        report(p, p->queue[0], EB_RETRIABLE, NULL);
        p->queue[0] = p->queue[--p->n];
        send_all(p);
    }
    for (size_t i = 0; i < p->n && !is("drops-on-close"); i++)
        report(p, p->queue[i], EB_RETRIABLE, NULL);
    free(p);
}

/* ---- consumer ---- */

struct hand {
    uint64_t token;
    struct group *group;
    size_t i;
};

enum { GROUPS = 2, HANDS = 1000 };

struct consumer {
    const struct eb_host *host;
    const struct eb_subscription *sub;
    struct waiter waiter;
    unsigned number; /* from 1: that of no other member, earlier ones included */
    struct group *groups[GROUPS];
    size_t ends[GROUPS], n_groups;
    struct hand hands[HANDS];
    size_t n_hands;
    uint64_t last_token;
    uint64_t late[HANDS]; /* stays-in-receive: verdicts that receive answers */
    size_t n_late;
    bool up, refused; /* refused: by the host, in this receive */
};

static size_t start_of(const struct topic *topic, const struct eb_point *point) {
    size_t i = 0;

    if (point->kind == EB_LATEST)
        return is("latest-is-earliest") ? 0 : topic->n;
    if (point->kind == EB_POSITION)
        return (size_t)strtoull(point->position.data, NULL, 10) + is("starts-behind");
    while (point->kind == EB_TIME && i < topic->n && topic->messages[i]->message.time_ms < point->time_ms)
        i++;
    return i;
}

static struct group *group_named(struct topic *topic, const char *name, const struct eb_point *start) {
    struct group *group = groups;

    while (group && (group->topic != topic || (strcmp(group->name, name) != 0 && !is("mixes-groups"))))
        group = group->next;
    if (group && is("moves-groups"))
        group->start = start_of(topic, start);
    if (group)
        return group;
    group = need(calloc(1, sizeof *group));
    *group = (struct group){ .next = groups, .topic = topic, .name = need(strdup(name)), .start = start_of(topic, start) };
    return groups = group;
}

/* An entry for each message that the topic has by now. */
static void follow(struct group *group) {
    if (group->n == group->topic->n)
        return;
    group->entries = need(realloc(group->entries, group->topic->n * sizeof *group->entries));
    for (; group->n < group->topic->n; group->n++)
        group->entries[group->n] = (struct entry){ .state = group->n < group->start ? DONE : WAITING };
}

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                             struct eb_error *err) {
    struct consumer *c = need(calloc(1, sizeof *c));

    (void)settings;
    (void)err;
    c->host = host;
    c->sub = sub;
    pthread_mutex_lock(&lock);
    c->number = ++n_members;
    for (; c->n_groups < sub->n_topics && c->n_groups < GROUPS; c->n_groups++) {
        struct topic *topic = topic_named(sub->topics[c->n_groups]);
        c->groups[c->n_groups] = group_named(topic, sub->group, sub->start);
        c->ends[c->n_groups] = topic->n;
    }
    pthread_mutex_unlock(&lock);
    *self = c;
    return EB_OK;
}

static const struct eb_message *message_at(const struct group *group, size_t i) {
    return &group->topic->messages[i]->message;
}

/* Whether an earlier message of the key keeps this one back: out at another consumer, or waiting for its retry. */
static bool held_back(const struct consumer *c, const struct group *group, size_t i, int64_t now) {
    for (size_t k = 0; k < i; k++) {
        const struct entry *earlier = &group->entries[k];
        bool out = earlier->state == OUT && earlier->at != c && !is("scatters-keys");
        bool retry = earlier->state == WAITING && earlier->due_ms > now && !is("passes-retry");

        if ((out || retry) && same_key(message_at(group, k), message_at(group, i)))
            return true;
    }
    return false;
}

static bool has_room(const struct consumer *c) {
    uint64_t bytes = 0;

    if (is("ignores-bounds"))
        return c->n_hands < HANDS;
    for (size_t i = 0; i < c->n_hands; i++)
        bytes += message_at(c->hands[i].group, c->hands[i].i)->payload.len;
    if (bytes >= c->sub->max_bytes && !is("ignores-bytes"))
        return false;
    return c->n_hands < HANDS && c->n_hands < c->sub->max_messages;
}

/* Offers one message; EB_EMPTY: there is none now. Under the lock, which the host's copying does not mind. */
static int32_t offer_one(struct consumer *c, struct group *group, int64_t now) {
    follow(group);
    for (size_t i = 0; i < group->n; i++) {
        struct entry *entry = &group->entries[i];
        struct eb_message message = *message_at(group, i);

        if (entry->state != WAITING || entry->due_ms > now || held_back(c, group, i, now) || !has_room(c))
            continue;
        message.token = c->last_token + 1;
        message.deliveries = entry->deliveries + 1;
        message.failures = is("counts-at-one-member") && entry->failed_at != c->number ? 0 : entry->failures;
        if (c->host->received(c->host, &message) == EB_FULL) {
            if (is("drops-refused"))
                entry->state = DONE;
            return EB_FULL;
        }
        c->hands[c->n_hands++] = (struct hand){ ++c->last_token, group, i };
        entry->state = OUT;
        entry->at = c;
        return EB_OK;
    }
    return EB_EMPTY;
}

static uint32_t offer(struct consumer *c, uint32_t max, int64_t now) {
    uint32_t n = 0;

    for (size_t g = 0; g < c->n_groups; g++)
        while (n < max + (max > 2 && is("hands-over-too-many"))) {
            int32_t status = offer_one(c, c->groups[g], now);
            if (status == EB_FULL) {
                c->refused = true;
                return n;
            }
            if (status == EB_EMPTY)
                break;
            n++;
        }
    return n;
}

static bool settled(const struct entry *entry) {
    return entry->state == DONE || (is("ends-too-early") && entry->state == OUT) ||
           (is("ends-before-retry") && entry->state == WAITING);
}

static bool at_end(const struct consumer *c) {
    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < c->ends[g]; i++)
            if (i >= c->groups[g]->n || !settled(&c->groups[g]->entries[i]))
                return false;
    return c->sub->until_end;
}

/* When the first retry is due that was not yet at the time of the last offer; else the end of the wait. */
static int64_t next_ms(const struct consumer *c, int64_t offered_ms, int64_t end_ms) {
    int64_t next = end_ms;

    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < c->groups[g]->n; i++) {
            const struct entry *entry = &c->groups[g]->entries[i];
            if (entry->state == WAITING && entry->due_ms > offered_ms && entry->due_ms < next)
                next = entry->due_ms;
        }
    return next;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = self;
    int64_t now = now_ms(CLOCK_MONOTONIC), end_ms = now + (is("forgets-time") && timeout_ms > 100 ? 3600000 : timeout_ms);
    int32_t status = EB_EMPTY;

    (void)err;
    if (!c->up)
        c->host->link(c->host, 1, NULL);
    c->up = true;
    if (is("hands-over-at-0") && max == 0)
        max = 1;
    if (c->n_late > 0)
        c->host->settled(c->host, c->late, c->n_late, EB_OK);
    c->n_late = 0;
    c->refused = false;
    pthread_mutex_lock(&lock);
    if (max > 0 && offer(c, max, now) > 0)
        status = EB_OK;
    while (is("waits-for-a-batch") && status == EB_OK && now_ms(CLOCK_MONOTONIC) < end_ms)
        wait_until(&c->waiter, end_ms);
    while (status == EB_EMPTY && !c->refused && !c->waiter.woken && !at_end(c) && now < end_ms) {
        wait_until(&c->waiter, next_ms(c, now, end_ms));
        now = now_ms(CLOCK_MONOTONIC);
        if (max > 0 && offer(c, max, now) > 0)
            status = EB_OK;
    }
    c->waiter.woken = false;
    if (status == EB_EMPTY && at_end(c))
        status = EB_END;
    pthread_mutex_unlock(&lock);
    return status;
}

static void try_again(struct entry *entry, uint32_t delay_ms, unsigned member) {
    entry->due_ms = is("retries-at-once") ? 0 : now_ms(CLOCK_MONOTONIC) + delay_ms;
    entry->failed_at = member;
    entry->failures = is("counts-no-failures") ? 0 : is("forgets-failures") ? 1 : entry->failures + 1;
    entry->deliveries++;
}

static void decide(const struct consumer *c, const struct hand *hand, const struct eb_verdict *verdict) {
    struct entry *entry = &hand->group->entries[hand->i];

    if (verdict->kind == EB_ACK) {
        entry->state = is("forgets-acks") && hand->i % 10 == 9 ? WAITING : DONE;
        if (hand->i > hand->group->acked_to)
            hand->group->acked_to = hand->i;
        return;
    }
    /* acks-on-receive: the broker was told when it was handed over, so there is nothing to return */
    bool gone = is("acks-on-receive") || (is("acks-cover") && hand->i < hand->group->acked_to);
    if (verdict->kind == EB_RETURN && gone) {
        entry->state = DONE;
        return;
    }
    entry->state = WAITING;
    entry->due_ms = 0;
    if (verdict->kind == EB_RETRY)
        try_again(entry, verdict->delay_ms, c->number);
    else if (is("counts-returns"))
        entry->deliveries++;
    else if (is("counts-returns-as-failures"))
        entry->failures++;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct consumer *c = self;

    (void)err;
    for (size_t v = 0; v < n; v++) {
        bool found = false;

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < c->n_hands && !found && verdicts[v].kind != EB_EXTEND; i++)
            if (c->hands[i].token == verdicts[v].token) {
                decide(c, &c->hands[i], &verdicts[v]);
                c->hands[i] = c->hands[--c->n_hands];
                found = true;
            }
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        if (found && is("stays-in-receive"))
            c->late[c->n_late++] = verdicts[v].token;
        else if (found)
            c->host->settled(c->host, &verdicts[v].token, 1, EB_OK);
        if (found && is("answers-twice") && verdicts[v].token % 10 == 0)
            c->host->settled(c->host, &verdicts[v].token, 1, EB_OK);
    }
    if (is("prints") && n > 20)
        puts("many verdicts");
    return EB_OK;
}

static void consumer_wake(void *self) {
    wake_up(&((struct consumer *)self)->waiter);
}

static void consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self;

    (void)timeout_ms;
    for (size_t g = 0; g < c->n_groups && is("swallows-prefetched"); g++)
        for (size_t i = 0; i < c->groups[g]->n; i++)
            c->groups[g]->entries[i].state = DONE;
    free(c); /* every token has its verdict, and each was answered at once */
}

/* ---- the plugin ---- */

const struct eb_plugin eventbus_plugin = { .size = sizeof eventbus_plugin,
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = NAME,
                                           .version = "1",
                                           .summary = "A broker inside the process, to test the conformance kit",
                                           .option_size = sizeof(struct eb_option) };

const struct eb_producer_ops eventbus_producer = { .size = sizeof eventbus_producer,
                                                   .traits = EB_T_ORDER,
                                                   .open = producer_open,
                                                   .submit = producer_submit,
                                                   .poll = producer_poll,
                                                   .wake = producer_wake,
                                                   .close = producer_close };

/* A table is filled when the file is compiled. */
#define DELAY (__builtin_strcmp(NAME, "delays-in-order-only") == 0 ? 0 : EB_T_DELAY)

const struct eb_consumer_ops eventbus_consumer = { .size = sizeof eventbus_consumer,
                                                   .traits = EB_T_ORDER | DELAY | EB_T_DELAY_ORDER | EB_T_FREE_RETURN |
                                                             EB_T_HISTORY,
                                                   .open = consumer_open,
                                                   .receive = consumer_receive,
                                                   .settle = consumer_settle,
                                                   .wake = consumer_wake,
                                                   .close = consumer_close };
