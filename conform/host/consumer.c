/* conform/host/consumer.c - consumers of the plugin under test, and the promises that hold for each of their calls. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

/* Driven by the case's thread; host calls come from any, so what they touch is under the case's lock. */
struct ebc_consumer {
    struct ebc_instance in;
    const struct eb_consumer_ops *ops;
    struct eb_subscription sub;
    const char *topics[2], *but;
    uint32_t group_bit;
    struct ebc_got **got;
    size_t n_got, take_only;
    void (*watch)(struct ebc *, const struct ebc_event *);
    /* of the receive at work */
    bool inside, refused;
    uint32_t max, handed;
};

static struct ebc_consumer *consumer_of(struct ebc_instance *in) {
    return (struct ebc_consumer *)in;       /* its first member */
}

/* ---- what is handed over ---- */

static bool ended(struct eb_text text) {
    return text.data && text.data[text.len] == '\0';
}

static bool printable(struct eb_text text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return text.len > 0;
}

static void check_fields(struct ebc *t, const struct eb_message *message, const struct ebc_event *event) {
    struct eb_text topic = event->message.topic;
    int64_t now = ebc_clock_ms(), day = 86400000;

    if (!ended(message->topic) || strcmp(message->topic.data, topic.data) != 0)
        ebc_note(t, EBC_TEXT_ENDS, "expected the topic \"%s\", NUL-ended; came \"%.*s\"%s", topic.data,
                 (int)(message->topic.data ? message->topic.len : 0), message->topic.data ? message->topic.data : "",
                 ended(message->topic) ? "" : ", not ended");
    if (!ended(message->position) || !printable(message->position))
        ebc_note(t, EBC_TEXT_ENDS, "expected a printable, NUL-ended position; came %s",
                 !message->position.data       ? "none"
                 : !ended(message->position) ? "one without NUL"
                                             : "one that is not printable");
    if (message->time_ms != 0 && (message->time_ms < now - day || message->time_ms > now + day))
        ebc_note(t, EBC_RECEIVED, "expected the time it was stored, in ms since 1970, or 0; came %lld at %lld",
                 (long long)message->time_ms, (long long)now);
}

/* Under the lock. Why the message may not be taken, with the rule; NULL: it may. */
static const char *unfit(struct ebc_consumer *c, const struct eb_message *message, enum ebc_rule *rule) {
    uint64_t bytes = 0;
    size_t in_hand = 0;

    for (size_t i = 0; i < c->n_got; i++) {
        if (c->got[i]->message->token == message->token && c->got[i]->answer == EBC_UNANSWERED) {
            *rule = EBC_TOKEN;
            return "a token that is still alive";
        }
        if (!c->got[i]->verdict) {
            in_hand++;
            bytes += c->got[i]->message->payload.len;
        }
    }
    *rule = EBC_BOUNDS;
    if (in_hand >= c->sub.max_messages)
        return "one message more than max_messages";
    if (bytes >= c->sub.max_bytes)
        return "one message more, though the payloads in hand reached max_bytes";
    return NULL;
}

/* Under the lock. */
static void join(struct ebc_consumer *c, struct ebc_got *got) {
    if ((c->n_got & (c->n_got + 1)) == 0) {             /* room for 1, 3, 7, ... is used up */
        struct ebc_got **more = ebc_alloc(c->in.t, (2 * c->n_got + 1) * sizeof *more);
        if (c->n_got > 0)
            memcpy(more, c->got, c->n_got * sizeof *more);
        c->got = more;
    }
    c->got[c->n_got++] = got;
    c->handed++;
}

/* The event that a message is; breaks where it is none of this case. */
static struct ebc_event *known_event(struct ebc *t, const struct eb_message *message) {
    struct ebc_event *event;

    pthread_mutex_lock(&t->lock);
    event = ebc_event_of(t, message);
    pthread_mutex_unlock(&t->lock);
    if (!event)
        ebc_break(t, EBC_RECEIVED, "expected an event of this case; came id \"%.*s\"",
                  (int)(message->id.len < 60 ? message->id.len : 60), message->id.data ? message->id.data : "");
    return event;
}

struct ebc_got *ebc_browsed(struct ebc *t, const struct eb_message *from) {
    struct ebc_got *got = ebc_alloc(t, sizeof *got);

    got->message = ebc_copy_message(t, from);
    got->event = known_event(t, got->message);
    return got;
}

static bool done_before(const struct ebc_consumer *c, const struct ebc_event *event) {
    return (event->done & c->group_bit) && !(c->ops->traits & EB_T_BATCH_REDELIVERY);
}

static int32_t take(struct ebc_consumer *c, const struct eb_message *message) {
    struct ebc *t = c->in.t;
    struct ebc_got *got = ebc_alloc(t, sizeof *got);
    enum ebc_rule rule;
    const char *wrong;
    bool again;

    *got = (struct ebc_got){ .by = c, .event = known_event(t, message), .message = ebc_copy_message(t, message),
                             .at_ms = ebc_ticks_ms(), .answer = EBC_UNANSWERED };
    check_fields(t, message, got->event);
    pthread_mutex_lock(&t->lock);
    wrong = unfit(c, message, &rule);
    again = done_before(c, got->event);
    if (!wrong)
        join(c, got);
    pthread_mutex_unlock(&t->lock);
    if (wrong)
        ebc_note(t, rule, "expected what fits; came %s (max_messages %u, max_bytes %llu)", wrong, c->sub.max_messages,
                 (unsigned long long)c->sub.max_bytes);
    if (again)
        ebc_note(t, EBC_ACK_FOREVER, "expected event %zu, whose EB_ACK was answered EB_OK, never again; came it",
                 got->event->number);
    return wrong ? EB_FULL : EB_OK;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *from) {
    struct ebc_consumer *c = consumer_of(host->core);
    struct ebc *t = c->in.t;
    struct eb_message message = {0};

    if (!ebc_instance_called(&c->in, "received"))
        return EB_FULL;
    if (!c->inside) {
        ebc_note(t, EBC_INSIDE, "expected host->received only inside receive; came one outside");
        return EB_FULL;
    }
    if (c->refused) {
        ebc_note(t, EBC_FULL_STOPS, "expected nothing more in a receive after EB_FULL; came another message");
        return EB_FULL;
    }
    if (c->handed >= c->max) {
        ebc_note(t, c->max > 0 ? EBC_MAX : EBC_MAX_0, "expected up to %u messages; came one more", c->max);
        return EB_FULL;
    }
    if (c->take_only == 0) {
        c->refused = true;
        return EB_FULL;
    }
    memcpy(&message, from, from->size < sizeof message ? from->size : sizeof message);
    if (take(c, &message) != EB_OK) {
        c->refused = true;
        return EB_FULL;
    }
    c->take_only -= c->take_only != SIZE_MAX;
    return EB_OK;
}

/* ---- answers to verdicts ---- */

/* Under the lock. */
static struct ebc_got *awaiting(struct ebc_consumer *c, uint64_t token) {
    for (size_t i = c->n_got; i-- > 0;)
        if (c->got[i]->message->token == token && c->got[i]->answer == EBC_UNANSWERED)
            return c->got[i];
    return NULL;
}

/* NULL, or what is wrong with the answer. */
static const char *answer_one(struct ebc_consumer *c, uint64_t token, int32_t status) {
    struct ebc *t = c->in.t;
    struct ebc_got *got;
    const char *wrong = NULL;

    pthread_mutex_lock(&t->lock);
    got = awaiting(c, token);
    if (!got) {
        wrong = "one for a token that is not alive";
    } else if (!got->verdict) {
        wrong = "one for a token without a final verdict";
    } else {
        got->answer = status;
        if (status == EB_OK && got->verdict == EB_ACK)
            got->event->done |= c->group_bit;
    }
    pthread_mutex_unlock(&t->lock);
    if (!wrong && status == EB_OK && got->verdict == EB_ACK && c->watch)
        c->watch(t, got->event);
    return wrong;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct ebc_consumer *c = consumer_of(host->core);

    if (!ebc_instance_called(&c->in, "settled"))
        return;
    if (status != EB_OK && status != EB_GONE)
        ebc_note(c->in.t, EBC_GONE_AGAIN, "expected settled with EB_OK or EB_GONE; came %d", status);
    for (size_t i = 0; i < n; i++) {
        const char *wrong = answer_one(c, tokens[i], status);
        if (wrong)
            ebc_note(c->in.t, EBC_ANSWERED_ONCE, "expected one answer for each final verdict; came %s", wrong);
    }
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    struct ebc_consumer *c = consumer_of(host->core);

    (void)grace_ms;
    if (!ebc_instance_called(&c->in, "revoke"))
        return;
    pthread_mutex_lock(&c->in.t->lock);
    for (size_t i = 0; i < n; i++) {
        struct ebc_got *got = awaiting(c, tokens[i]);
        if (got)
            got->revoked = true;
    }
    pthread_mutex_unlock(&c->in.t->lock);
}

/* '*' stands for any characters. */
static bool fits(const char *pattern, const char *topic) {
    while (*pattern && *pattern != '*')
        if (*pattern++ != *topic++)
            return false;
    if (!*pattern)
        return !*topic;
    for (;; topic++)
        if (fits(pattern + 1, topic))
            return true;
        else if (!*topic)
            return false;
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    struct ebc_consumer *c = consumer_of(host->core);

    for (size_t i = 0; i < c->sub.n_topics && !(c->but && strcmp(c->but, topic) == 0); i++)
        if (fits(c->sub.topics[i], topic))
            return 1;
    return 0;
}

/* ---- opening and closing ---- */

static void close_consumer(struct ebc_instance *in) {
    ebc_close_consumer(consumer_of(in));
}

static uint32_t group_bit(struct ebc *t, const char *group) {
    size_t room = sizeof t->groups / sizeof *t->groups, i = 0;

    while (i < t->n_groups && strcmp(t->groups[i], group) != 0)
        i++;
    if (i == t->n_groups && i < room)
        t->groups[t->n_groups++] = group;
    return i < room ? UINT32_C(1) << i : 0;
}

static void fill_subscription(struct ebc_consumer *c, const struct ebc_wish *wish) {
    struct ebc *t = c->in.t;
    struct eb_point *earliest = ebc_alloc(t, sizeof *earliest);

    *earliest = (struct eb_point){ .size = sizeof *earliest,
                                   .kind = c->ops->traits & EB_T_HISTORY ? EB_EARLIEST : EB_LATEST };
    c->topics[0] = wish->topic;
    c->topics[1] = wish->topic2;
    c->but = wish->but;
    c->sub = (struct eb_subscription){
        .size = sizeof c->sub, .topics = c->topics, .n_topics = wish->topic2 ? 2 : 1, .group = wish->group,
        .consumer = wish->member ? wish->member : "m1", .start = wish->start ? wish->start : earliest,
        .order = wish->order ? wish->order : EB_ORDER_KEY,
        .max_messages = wish->max_messages ? wish->max_messages : 1000,
        .max_bytes = wish->max_bytes ? wish->max_bytes : UINT64_C(64) << 20, .until_end = wish->until_end };
}

struct ebc_consumer *ebc_consumer(struct ebc *t, const struct ebc_wish *wish) {
    struct ebc_consumer *c = ebc_alloc(t, sizeof *c);
    struct eb_error err = {0};
    int32_t status;

    c->ops = t->plugin.consumer;
    c->take_only = SIZE_MAX;
    c->got = ebc_alloc(t, sizeof *c->got);
    ebc_instance_init(t, &c->in, ebc_text(t, "consumer %s", wish->member ? wish->member : "m1"), close_consumer);
    c->in.host.received = on_received;
    c->in.host.settled = on_settled;
    c->in.host.revoke = on_revoke;
    c->in.host.matches = on_matches;
    fill_subscription(c, wish);
    c->group_bit = group_bit(t, wish->group);
    ebc_begin(t, 0, "open of %s", c->in.name);
    status = c->ops->open(&c->in.host, t->settings, &c->sub, &c->in.self, &err);
    ebc_end(t);
    if (status < 0)
        c->in.open = false;
    ebc_instance_worked(&c->in, "open", status, &err);
    return c;
}

static size_t unanswered(struct ebc_consumer *c) {
    size_t n = 0;

    pthread_mutex_lock(&c->in.t->lock);
    for (size_t i = 0; i < c->n_got; i++)
        n += c->got[i]->verdict && c->got[i]->answer == EBC_UNANSWERED;
    pthread_mutex_unlock(&c->in.t->lock);
    return n;
}

static void return_rest(struct ebc_consumer *c) {
    struct ebc_got **rest = ebc_alloc(c->in.t, (c->n_got + 1) * sizeof *rest);
    size_t n = 0;

    for (size_t i = 0; i < c->n_got; i++)
        if (!c->got[i]->verdict)
            rest[n++] = c->got[i];
    ebc_settle_all(c, rest, n, EB_RETURN);
}

void ebc_close_consumer(struct ebc_consumer *c) {
    int32_t timeout_ms = (int32_t)c->in.t->patience_ms;
    size_t left;

    return_rest(c);
    ebc_begin(c->in.t, timeout_ms, "close(%d ms) of %s", timeout_ms, c->in.name);
    c->ops->close(c->in.self, timeout_ms);
    ebc_end(c->in.t);
    c->in.open = false;
    left = unanswered(c);
    if (left > 0)
        ebc_note(c->in.t, EBC_CLOSE_ANSWERS, "expected close to answer all verdicts; came no answer to %zu", left);
}

/* ---- receive ---- */

int32_t ebc_receive(struct ebc_consumer *c, uint32_t max, int32_t timeout_ms) {
    struct eb_error err = {0};
    int32_t status;

    c->max = max;
    c->handed = 0;
    c->refused = false;
    c->inside = true;
    ebc_begin(c->in.t, timeout_ms, "receive(max %u, %d ms) of %s", max, timeout_ms, c->in.name);
    status = c->ops->receive(c->in.self, max, timeout_ms, &err);
    ebc_end(c->in.t);
    c->inside = false;
    ebc_instance_worked(&c->in, "receive", status, &err);
    if (status == EB_END && !c->sub.until_end)
        ebc_break(c->in.t, EBC_END_UNASKED, "expected no EB_END without until_end; came it from %s", c->in.name);
    if (status > EB_END)
        ebc_note(c->in.t, EBC_ANSWER, "expected receive to answer EB_OK, EB_EMPTY or EB_END; came %d", status);
    if (c->handed > 0 && status != EB_OK)
        ebc_note(c->in.t, EBC_ANSWER, "expected EB_OK from a receive that handed %u over; came %d", c->handed, status);
    if (c->handed == 0 && max > 0 && !c->refused && status == EB_OK)
        ebc_note(c->in.t, EBC_ANSWER, "expected EB_EMPTY from a receive that handed nothing over; came EB_OK");
    return status;
}

struct ebc_got **ebc_all(const struct ebc_consumer *c) {
    return c->got;
}

size_t ebc_count(const struct ebc_consumer *c) {
    return c->n_got;
}

size_t ebc_in_hand(const struct ebc_consumer *c) {
    size_t n = 0;

    for (size_t i = 0; i < c->n_got; i++)
        n += !c->got[i]->verdict;
    return n;
}

void ebc_take_only(struct ebc_consumer *c, size_t n) {
    c->take_only = n;
}

/* Acknowledges what came since there were `from`. */
static void ack_from(struct ebc_consumer *c, size_t from) {
    ebc_settle_all(c, c->got + from, c->n_got - from, EB_ACK);
}

static struct ebc_got **take_n(struct ebc_consumer *c, size_t n, bool ack) {
    struct ebc *t = c->in.t;
    size_t before = c->n_got;
    int64_t end = ebc_ticks_ms() + t->patience_ms;

    while (c->n_got < before + n) {
        size_t had = c->n_got;
        ebc_receive(c, (uint32_t)(before + n - had), 50);
        if (ack)
            ack_from(c, had);
        if (c->n_got > had)
            end = ebc_ticks_ms() + t->patience_ms;
        else if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_MISSING, "expected %zu messages for group %s; came %zu, then none for %lld ms", n,
                      c->sub.group, c->n_got - before, (long long)t->patience_ms);
    }
    return c->got + before;
}

struct ebc_got **ebc_take(struct ebc_consumer *c, size_t n) {
    return take_n(c, n, false);
}

struct ebc_got **ebc_take_and_ack(struct ebc_consumer *c, size_t n) {
    return take_n(c, n, true);
}

size_t ebc_take_rest(struct ebc_consumer *c, size_t most) {
    /* what comes for ever is noted, not followed */
    size_t before = c->n_got, had, limit = 2 * c->in.t->n_events + 100;

    do {
        had = c->n_got;
        ebc_quiet(c);
        ack_from(c, had);
    } while (c->n_got > had && c->n_got - before < most && c->n_got < limit);
    return c->n_got - before;
}

size_t ebc_quiet(struct ebc_consumer *c) {
    int64_t end = ebc_ticks_ms() + c->in.t->quiet_ms;
    size_t before = c->n_got;

    while (ebc_ticks_ms() < end)
        ebc_receive(c, 100, 20);
    return c->n_got - before;
}

size_t ebc_others_before_marker(struct ebc_consumer *c, const char *topic) {
    struct ebc *t = c->in.t;
    struct ebc_event *marker = ebc_make_keyed(t, topic, "marker");
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    size_t before = c->n_got, had;

    ebc_send_through_new(t, ebc_one(marker));
    while (!ebc_find(c->got + before, c->n_got - before, marker)) {
        had = c->n_got;
        ebc_receive(c, 100, 50);
        ack_from(c, had);
        if (c->n_got > had && c->n_got < 2 * t->n_events + 100)
            end = ebc_ticks_ms() + t->patience_ms;
        else if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_MISSING, "expected the event that was sent last; came %zu others, then none for %lld ms",
                      c->n_got - before, (long long)t->patience_ms);
    }
    ebc_take_rest(c, SIZE_MAX);
    return c->n_got - before - 1;
}

struct ebc_got **ebc_stored(struct ebc *t, const char *topic, const char *group, size_t n) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    struct ebc_got **got = ebc_take_and_ack(c, n);

    ebc_close_consumer(c);
    return got;
}

struct ebc_got *ebc_find(struct ebc_got **got, size_t n, const struct ebc_event *event) {
    for (size_t i = 0; i < n; i++)
        if (got[i]->event == event)
            return got[i];
    return NULL;
}

void ebc_expect_events(struct ebc *t, enum ebc_rule rule, struct ebc_got **got, size_t n,
                       const struct ebc_event *const *wanted, size_t n_wanted) {
    for (size_t i = 0; i < n_wanted; i++)
        if (!ebc_find(got, n, wanted[i]))
            ebc_break(t, rule, "expected event %zu among %zu; came %zu others, not this one", wanted[i]->number,
                      n_wanted, n);
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < n_wanted; k++)
            known = known || wanted[k] == got[i]->event;
        if (!known)
            ebc_break(t, rule, "expected only the %zu events due; came event %zu as well", n_wanted,
                      got[i]->event->number);
        if (ebc_find(got + i + 1, n - i - 1, got[i]->event))
            ebc_break(t, rule, "expected event %zu once; came it twice", got[i]->event->number);
    }
}

/* ---- settle ---- */

void ebc_settle_mixed(struct ebc_consumer *c, struct ebc_got **got, const struct eb_verdict *kinds, size_t n) {
    struct ebc *t = c->in.t;
    struct eb_verdict *verdicts = ebc_alloc(t, (n + 1) * sizeof *verdicts);
    struct eb_error err = {0};
    int32_t status;

    if (n == 0)
        return;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = (struct eb_verdict){ got[i]->message->token, kinds[i].delay_ms, kinds[i].kind };
        if (kinds[i].kind != EB_EXTEND)
            got[i]->verdict = kinds[i].kind;
    }
    pthread_mutex_unlock(&t->lock);
    ebc_begin(t, 0, "settle of %zu verdicts of %s", n, c->in.name);
    status = c->ops->settle(c->in.self, verdicts, n, &err);
    ebc_end(t);
    memset(verdicts, 0xA5, n * sizeof *verdicts);       /* they were to be copied */
    ebc_instance_worked(&c->in, "settle", status, &err);
}

void ebc_settle_all(struct ebc_consumer *c, struct ebc_got **got, size_t n, enum eb_verdict_kind kind) {
    struct eb_verdict *kinds = ebc_alloc(c->in.t, (n + 1) * sizeof *kinds);

    for (size_t i = 0; i < n; i++)
        kinds[i].kind = kind;
    ebc_settle_mixed(c, got, kinds, n);
}

void ebc_settle(struct ebc_got *got, enum eb_verdict_kind kind, uint32_t delay_ms) {
    struct eb_verdict verdict = { .kind = kind, .delay_ms = delay_ms };

    ebc_settle_mixed(got->by, &got, &verdict, 1);
}

void ebc_wait_answers(struct ebc_consumer *c) {
    struct ebc *t = c->in.t;
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    size_t left;

    while ((left = unanswered(c)) > 0) {
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_ANSWERED_ONCE, "expected an answer to each final verdict within %lld ms; came none to %zu",
                      (long long)t->patience_ms, left);
        ebc_receive(c, 0, 20);
    }
}

void ebc_watch_answers(struct ebc_consumer *c, void (*watch)(struct ebc *, const struct ebc_event *)) {
    c->watch = watch;
}

void ebc_wake_consumer(struct ebc_consumer *c) {
    c->ops->wake(c->in.self);
}

void ebc_pause(struct ebc_consumer *c, uint32_t partition, int32_t on) {
    ebc_begin(c->in.t, 0, "pause(partition %u, %d) of %s", partition, on, c->in.name);
    c->ops->pause(c->in.self, partition, on);
    ebc_end(c->in.t);
}

void ebc_forget_done(struct ebc *t, const char *group) {
    uint32_t bit = group_bit(t, group);

    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->n_events; i++)
        t->events[i]->done &= ~bit;
    pthread_mutex_unlock(&t->lock);
}
