/* conform/host/consumer.c - consumers of the plugin under test: opens them, receives, and checks what each call promises. */
#include "host/consumer.h"

#include <string.h>

static struct ebc_consumer *consumer_of(struct ebc_instance *in) {
    return (struct ebc_consumer *)in; /* its first member */
}

/* ---- opening and closing ---- */

static void close_consumer(struct ebc_instance *in) {
    ebc_close_consumer(consumer_of(in));
}

/* The plugin may use the list until close has returned, which may be after the case has. */
static const char *const *copy_topics(struct ebc_test *t, const struct ebc_consumer_options *options, size_t *n) {
    const char *const one_or_two[] = { options->topic, options->topic2 };
    const char *const *topics = options->topics ? options->topics : one_or_two;

    *n = options->topics ? options->n_topics : options->topic2 ? 2 : 1;
    const char **copy = ebc_alloc(t, *n * sizeof *copy);
    memcpy(copy, topics, *n * sizeof *copy);
    return copy;
}

static const struct eb_point *copy_start(struct ebc_consumer *c, const struct eb_point *start) {
    struct eb_point *copy = ebc_alloc(c->in.t, sizeof *copy);

    *copy = start ? *start
                  : (struct eb_point){ .size = sizeof *copy, .kind = c->ops->traits & EB_T_HISTORY ? EB_EARLIEST : EB_LATEST };
    return copy;
}

static void fill_subscription(struct ebc_consumer *c, const struct ebc_consumer_options *options) {
    size_t n_topics;
    const char *const *topics = copy_topics(c->in.t, options, &n_topics);

    c->unwanted = options->unwanted;
    c->lean = options->lean;
    c->sub = (struct eb_subscription){ .size = sizeof c->sub,
                                       .topics = topics,
                                       .n_topics = n_topics,
                                       .group = options->group,
                                       .consumer = options->member ? options->member : "m1",
                                       .start = copy_start(c, options->start),
                                       .order = options->no_order ? EB_ORDER_NONE
                                                : options->order  ? options->order
                                                                  : EB_ORDER_KEY,
                                       .max_messages = options->max_messages ? options->max_messages : 1000,
                                       .max_bytes = options->max_bytes ? options->max_bytes : UINT64_C(64) << 20,
                                       .until_end = options->until_end };
}

struct ebc_consumer *ebc_consumer(struct ebc_test *t, const struct ebc_consumer_options *options) {
    struct ebc_consumer *c = ebc_alloc(t, sizeof *c);
    struct eb_error err = { 0 };
    int32_t status;

    c->ops = t->plugin.consumer;
    c->accept_only = SIZE_MAX;
    c->got = ebc_alloc(t, sizeof *c->got);
    ebc_instance_init(t, &c->in, ebc_format(t, "consumer %s", options->member ? options->member : "m1"), close_consumer);
    ebc_consumer_listen(c);
    fill_subscription(c, options);
    c->group_bit = ebc_group_bit(t, options->group);
    ebc_op_begins(t, 0, "open of %s", c->in.name);
    status = c->ops->open(&c->in.host, t->settings, &c->sub, &c->in.self, &err);
    ebc_op_ended(t);
    ebc_instance_opened(&c->in, status, &err);
    return c;
}

static void return_rest(struct ebc_consumer *c) {
    struct ebc_received **rest = ebc_alloc(c->in.t, (c->n_got + 1) * sizeof *rest);
    size_t n = 0;

    for (size_t i = 0; i < c->n_got; i++)
        if (!c->got[i]->verdict)
            rest[n++] = c->got[i];
    ebc_settle_each(c, rest, n, EB_RETURN);
}

void ebc_close_consumer(struct ebc_consumer *c) {
    ebc_close_consumer_within(c, (int32_t)c->in.t->patience_ms);
}

void ebc_close_consumer_within(struct ebc_consumer *c, int32_t timeout_ms) {
    size_t left;

    assert(c->in.open);
    return_rest(c);
    ebc_op_begins(c->in.t, timeout_ms, "close(%d ms) of %s", timeout_ms, c->in.name);
    c->ops->close(c->in.self, timeout_ms);
    ebc_op_ended(c->in.t);
    ebc_instance_closed(&c->in);
    left = ebc_count_not_settled(c);
    if (left > 0)
        ebc_note(c->in.t, EBC_CLOSE_SETTLES, "expected close to settle all verdicts; %zu were not settled", left);
}

/* ---- receive ---- */

int32_t ebc_receive(struct ebc_consumer *c, uint32_t max, int32_t timeout_ms) {
    struct eb_error err = { 0 };
    int32_t status;

    assert(c->in.open && !c->inside);
    c->max = max;
    c->handed = 0;
    c->refused = false;
    c->inside = true;
    ebc_op_begins(c->in.t, timeout_ms, "receive(max %u, %d ms) of %s", max, timeout_ms, c->in.name);
    status = c->ops->receive(c->in.self, max, timeout_ms, &err);
    ebc_op_ended(c->in.t);
    c->inside = false;
    ebc_instance_worked(&c->in, "receive", status, &err);
    if (status == EB_END && !c->sub.until_end)
        ebc_break(c->in.t, EBC_END_UNASKED, "expected no EB_END without until_end; it came from %s", c->in.name);
    if (status > EB_END)
        ebc_note(c->in.t, EBC_RECEIVE_STATUS, "expected receive to return EB_OK, EB_EMPTY or EB_END; came %d", status);
    if (c->handed > 0 && status != EB_OK)
        ebc_note(c->in.t, EBC_RECEIVE_STATUS, "expected EB_OK from a receive that delivered %u messages; came %d", c->handed,
                 status);
    if (c->handed == 0 && status == EB_OK)
        ebc_note(c->in.t, EBC_RECEIVE_STATUS,
                 "expected EB_EMPTY from a receive(max %u) of which the host took nothing; came EB_OK", max);
    return status;
}

struct ebc_received **ebc_all(const struct ebc_consumer *c) {
    return c->got;
}

size_t ebc_count(const struct ebc_consumer *c) {
    return c->n_got;
}

size_t ebc_unsettled(const struct ebc_consumer *c) {
    size_t n = 0;

    for (size_t i = c->n_closed; i < c->n_got; i++)
        n += !c->got[i]->verdict;
    return n;
}

void ebc_accept_only(struct ebc_consumer *c, size_t n) {
    c->accept_only = n;
}

/* Acknowledges what came since there were `from`. */
static void ack_from(struct ebc_consumer *c, size_t from) {
    ebc_settle_each(c, c->got + from, c->n_got - from, EB_ACK);
}

static struct ebc_received **take_n(struct ebc_consumer *c, size_t n, bool ack) {
    struct ebc_test *t = c->in.t;
    size_t before = c->n_got;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (c->n_got < before + n) {
        size_t had = c->n_got;
        ebc_receive(c, (uint32_t)(before + n - had), 50);
        if (ack)
            ack_from(c, had);
        if (c->n_got > had)
            end = ebc_monotonic_ms() + t->patience_ms;
        else if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_MISSING, "expected %zu messages for group %s; came %zu, then none for %lld ms", n, c->sub.group,
                      c->n_got - before, (long long)t->patience_ms);
    }
    return c->got + before;
}

struct ebc_received **ebc_receive_n(struct ebc_consumer *c, size_t n) {
    return take_n(c, n, false);
}

struct ebc_received **ebc_receive_and_ack(struct ebc_consumer *c, size_t n) {
    return take_n(c, n, true);
}

size_t ebc_receive_rest(struct ebc_consumer *c, size_t most) {
    /* a plugin that delivers without end is noted, and left alone */
    size_t before = c->n_got, had, limit = 2 * c->in.t->n_events + 100;

    do {
        had = c->n_got;
        ebc_receive_for_quiet_ms(c);
        ack_from(c, had);
    } while (c->n_got > had && c->n_got - before < most && c->n_got < limit);
    return c->n_got - before;
}

size_t ebc_receive_for_quiet_ms(struct ebc_consumer *c) {
    int64_t end = ebc_monotonic_ms() + c->in.t->quiet_ms;
    size_t before = c->n_got;

    while (ebc_monotonic_ms() < end)
        ebc_receive(c, 100, 20);
    return c->n_got - before;
}

/* Whether the n events are among those that came since there were `from`. */
static bool all_came(const struct ebc_consumer *c, size_t from, const struct ebc_event *const *events, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!ebc_find_event(c->got + from, c->n_got - from, events[i]))
            return false;
    return true;
}

size_t ebc_receive_due(struct ebc_consumer *c, const char *topic, const struct ebc_event *const *due, size_t n) {
    struct ebc_test *t = c->in.t;
    struct ebc_event *const marker = ebc_new_event(t, topic, "marker");
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t before = c->n_got, had;
    bool marked = false;

    ebc_send_through_new(t, ebc_range_of(marker));
    while ((!marked || !all_came(c, before, due, n)) && ebc_monotonic_ms() < end) {
        had = c->n_got;
        ebc_receive(c, 100, 50);
        ack_from(c, had);
        marked = ebc_find_event(c->got + before, c->n_got - before, marker) != NULL;
        if (c->n_got > had && c->n_got < 2 * t->n_events + 100)
            end = ebc_monotonic_ms() + t->patience_ms;
    }
    if (!marked)
        ebc_break(t, EBC_MISSING, "expected the event that was sent last; came %zu others, then none for %lld ms",
                  c->n_got - before, (long long)t->patience_ms);
    ebc_receive_rest(c, SIZE_MAX);
    return c->n_got - before - 1;
}

size_t ebc_count_before_marker(struct ebc_consumer *c, const char *topic) {
    return ebc_receive_due(c, topic, NULL, 0);
}

struct ebc_received **ebc_read_stored(struct ebc_test *t, const char *topic, const char *group, size_t n) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct ebc_received **got = ebc_receive_and_ack(c, n);

    ebc_close_consumer(c);
    return got;
}

struct ebc_received *ebc_find_event(struct ebc_received **got, size_t n, const struct ebc_event *event) {
    for (size_t i = 0; i < n; i++)
        if (got[i]->event == event)
            return got[i];
    return NULL;
}

void ebc_expect_events(struct ebc_test *t, enum ebc_rule rule, struct ebc_received **got, size_t n,
                       const struct ebc_event *const *wanted, size_t n_wanted) {
    for (size_t i = 0; i < n_wanted; i++)
        if (!ebc_find_event(got, n, wanted[i]))
            ebc_break(t, rule, "expected event %zu among %zu; came %zu others, not this one", wanted[i]->number, n_wanted, n);
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < n_wanted; k++)
            known = known || wanted[k] == got[i]->event;
        if (!known)
            ebc_break(t, rule, "expected only the %zu events due; came event %zu as well", n_wanted, got[i]->event->number);
        if (ebc_find_event(got + i + 1, n - i - 1, got[i]->event))
            ebc_break(t, rule, "expected event %zu once; it came twice", got[i]->event->number);
    }
}
