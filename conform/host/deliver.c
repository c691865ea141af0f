/* conform/host/deliver.c - the host calls of a consumer: what the plugin delivers, settles and revokes is checked and noted. */
#include "host/consumer.h"

#include <string.h>

static struct ebc_consumer *consumer_of(const struct eb_host *host) {
    return host->core;
}

/* ---- received ---- */

static bool ended(struct eb_text text) {
    return text.data && text.data[text.len] == '\0';
}

static void check_fields(struct ebc_test *t, const struct eb_message *message, const struct ebc_event *event) {
    struct eb_text topic = event->message.topic;
    int64_t now = ebc_wall_ms(), day = 86400000;

    if (!ended(message->topic) || strcmp(message->topic.data, topic.data) != 0)
        ebc_note(t, EBC_TEXT_ENDS, "expected the topic \"%s\", NUL-ended; came \"%.*s\"%s", topic.data,
                 (int)(message->topic.data ? message->topic.len : 0), message->topic.data ? message->topic.data : "",
                 ended(message->topic) ? "" : ", not ended");
    if (!ended(message->position) || !ebc_is_printable(message->position))
        ebc_note(t, EBC_TEXT_ENDS, "expected a printable, NUL-ended position; came %s",
                 !message->position.data     ? "none"
                 : !ended(message->position) ? "one without NUL"
                                             : "one that is not printable");
    if (message->time_ms != 0 && (message->time_ms < now - day || message->time_ms > now + day))
        ebc_note(t, EBC_RECEIVED, "expected the time it was stored, in ms since 1970, or 0; came %lld at %lld",
                 (long long)message->time_ms, (long long)now);
}

/* Lock held. Returns why the message may not be taken, with the rule; NULL: it may. */
static const char *unfit(struct ebc_consumer *c, const struct eb_message *message, enum ebc_rule *rule) {
    uint64_t bytes = 0;
    size_t unsettled = 0;

    ebc_assert_locked(c->in.t);
    while (c->n_closed < c->n_got && c->got[c->n_closed]->settled != EBC_NOT_SETTLED)
        c->n_closed++;
    for (size_t i = c->n_closed; i < c->n_got; i++) {
        if (c->got[i]->message->token == message->token && c->got[i]->settled == EBC_NOT_SETTLED) {
            *rule = EBC_TOKEN;
            return "a token that is still alive";
        }
        if (!c->got[i]->verdict) {
            unsettled++;
            bytes += c->got[i]->message->payload.len;
        }
    }
    *rule = EBC_BOUNDS;
    if (unsettled >= c->sub.max_messages)
        return "one message more than max_messages";
    if (bytes >= c->sub.max_bytes)
        return "one message more, though the unsettled payloads reached max_bytes";
    return NULL;
}

/* Lock held. */
static void add_received(struct ebc_consumer *c, struct ebc_received *got) {
    ebc_assert_locked(c->in.t);
    c->got = ebc_grow(c->in.t, c->got, c->n_got);
    c->got[c->n_got++] = got;
    c->handed++;
}

/* Returns the event that a message is; breaks when the message is not an event of this test. */
static struct ebc_event *known_event(struct ebc_test *t, const struct eb_message *message) {
    struct ebc_event *event;

    pthread_mutex_lock(&t->lock);
    event = ebc_event_of(t, message);
    pthread_mutex_unlock(&t->lock);
    if (!event)
        ebc_break(t, EBC_RECEIVED, "expected an event of this case; came id \"%.*s\"",
                  (int)(message->id.len < 60 ? message->id.len : 60), message->id.data ? message->id.data : "");
    return event;
}

struct ebc_received *ebc_browsed(struct ebc_test *t, const struct eb_message *from) {
    struct ebc_received *got = ebc_alloc(t, sizeof *got);

    got->message = ebc_copy_message(t, from);
    got->event = known_event(t, got->message);
    return got;
}

static bool done_before(const struct ebc_consumer *c, const struct ebc_event *event) {
    return (event->acked_by & c->group_bit) && !(c->ops->traits & EB_T_BATCH_REDELIVERY);
}

/* A message without its texts: what the host's bounds and verdicts need. */
static const struct eb_message *lean_copy(struct ebc_test *t, const struct eb_message *from) {
    struct eb_message *to = ebc_alloc(t, sizeof *to);

    *to = (struct eb_message){ .size = sizeof *to, .token = from->token, .lease_ms = from->lease_ms };
    to->payload.len = from->payload.len;
    to->deliveries = from->deliveries;
    to->failures = from->failures;
    return to;
}

/* Compares a message with its event before its texts go. */
static const struct eb_message *compared(struct ebc_test *t, struct ebc_event *event, const struct eb_message *from) {
    struct ebc_received now = { .event = event, .message = from };

    ebc_expect_same_values(t, &now);
    return lean_copy(t, from);
}

static int32_t take(struct ebc_consumer *c, const struct eb_message *message) {
    struct ebc_test *t = c->in.t;
    struct ebc_received *got = ebc_alloc(t, sizeof *got);
    enum ebc_rule rule;
    const char *wrong;
    bool again;

    int64_t now = ebc_monotonic_ms();

    *got = (struct ebc_received){
        .by = c, .event = known_event(t, message), .at_ms = now, .leased_ms = now, .settled = EBC_NOT_SETTLED
    };
    got->message = c->lean ? compared(t, got->event, message) : ebc_copy_message(t, message);
    check_fields(t, message, got->event);
    pthread_mutex_lock(&t->lock);
    wrong = unfit(c, message, &rule);
    again = done_before(c, got->event);
    if (!wrong)
        add_received(c, got);
    pthread_mutex_unlock(&t->lock);
    if (wrong)
        ebc_note(t, rule, "expected what fits; came %s (max_messages %u, max_bytes %llu)", wrong, c->sub.max_messages,
                 (unsigned long long)c->sub.max_bytes);
    if (again)
        ebc_note(t, EBC_ACK_FOREVER, "expected event %zu, whose EB_ACK was settled EB_OK, never again; it came",
                 got->event->number);
    return wrong ? EB_FULL : EB_OK;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *from) {
    struct ebc_consumer *c = consumer_of(host);
    struct ebc_test *t = c->in.t;
    struct eb_message message = { 0 };

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
    if (c->accept_only == 0) {
        c->refused = true;
        return EB_FULL;
    }
    memcpy(&message, from, from->size < sizeof message ? from->size : sizeof message);
    if (take(c, &message) != EB_OK) {
        c->refused = true;
        return EB_FULL;
    }
    c->accept_only -= c->accept_only != SIZE_MAX;
    return EB_OK;
}

/* ---- settled and revoke ---- */

/* Lock held. */
static struct ebc_received *find_unsettled(struct ebc_consumer *c, uint64_t token) {
    ebc_assert_locked(c->in.t);
    for (size_t i = c->n_got; i-- > 0;)
        if (c->got[i]->message->token == token && c->got[i]->settled == EBC_NOT_SETTLED)
            return c->got[i];
    return NULL;
}

/* Lock held. Whether a confirmation with EB_OK says nothing, since the lease had ended and the plugin cannot tell a late verdict. */
static bool is_late(const struct ebc_consumer *c, const struct ebc_received *got) {
    int64_t lease_ms = got->message->lease_ms;

    ebc_assert_locked(c->in.t);
    return (c->ops->traits & EB_T_LATE_UNTOLD) && lease_ms > 0 && ebc_monotonic_ms() - got->leased_ms > lease_ms;
}

/* Returns what is wrong with the call, or NULL. */
static const char *settle_one(struct ebc_consumer *c, uint64_t token, int32_t status) {
    struct ebc_test *t = c->in.t;
    struct ebc_received *got;
    const char *wrong = NULL;

    pthread_mutex_lock(&t->lock);
    got = find_unsettled(c, token);
    if (!got) {
        wrong = "one for a token that is not alive";
    } else if (!got->verdict) {
        wrong = "one for a token without a final verdict";
    } else {
        if (status == EB_OK && is_late(c, got))
            status = EB_GONE; /* as the event bus takes it */
        got->settled = status;
        if (status == EB_OK && got->verdict == EB_ACK)
            got->event->acked_by |= c->group_bit;
    }
    pthread_mutex_unlock(&t->lock);
    if (!wrong && status == EB_OK && got->verdict == EB_ACK && c->watch)
        c->watch(t, got->event);
    return wrong;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct ebc_consumer *c = consumer_of(host);

    if (!ebc_instance_called(&c->in, "settled"))
        return;
    if (status != EB_OK && status != EB_GONE)
        ebc_note(c->in.t, EBC_GONE_AGAIN, "expected settled with EB_OK or EB_GONE; came %d", status);
    for (size_t i = 0; i < n; i++) {
        const char *wrong = settle_one(c, tokens[i], status);
        if (wrong)
            ebc_note(c->in.t, EBC_SETTLED_ONCE, "expected one settled call for each final verdict; came %s", wrong);
    }
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    struct ebc_consumer *c = consumer_of(host);

    (void)grace_ms;
    if (!ebc_instance_called(&c->in, "revoke"))
        return;
    pthread_mutex_lock(&c->in.t->lock);
    for (size_t i = 0; i < n; i++) {
        struct ebc_received *got = find_unsettled(c, tokens[i]);
        if (got)
            got->revoked = true;
    }
    pthread_mutex_unlock(&c->in.t->lock);
}

/* Returns whether a topic fits a pattern, in which '*' stands for any characters. */
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
    struct ebc_consumer *c = consumer_of(host);

    for (size_t i = 0; i < c->sub.n_topics && !(c->unwanted && strcmp(c->unwanted, topic) == 0); i++)
        if (fits(c->sub.topics[i], topic))
            return 1;
    return 0;
}

void ebc_consumer_listen(struct ebc_consumer *c) {
    c->in.host.received = on_received;
    c->in.host.settled = on_settled;
    c->in.host.revoke = on_revoke;
    c->in.host.matches = on_matches;
}
