/* conform/cases/outage.c - a broker that goes away and comes back, and a broker that does not answer at all: no op waits for
 * it, the plugin reports the link, and no event is lost. */
#include "cases/case.h"

#include <string.h>

enum { BEFORE = 20, DURING = 20, ALL = BEFORE + DURING };

/* A producer and a consumer of one topic; NULL: the plugin has not the role. */
struct pair {
    struct ebc_test *t;
    struct ebc_producer *p;
    struct ebc_consumer *c;
};

/* Gives each instance time once. */
static void turn(struct pair *pair) {
    if (pair->p)
        ebc_poll(pair->p, 20);
    if (pair->c)
        ebc_receive(pair->c, 20, 20);
}

/* No report says that an event of the range is stored while no broker is there. */
static void expect_none_stored(struct pair *pair, struct ebc_range sent) {
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(pair->t, sent, i);
        if (event->reports > 0 && event->status != EB_RETRIABLE)
            ebc_break(pair->t, event->status == EB_OK ? EBC_AWAY_KEEPS : EBC_AWAY_RESENDS,
                      "expected event %zu to wait, or EB_RETRIABLE, while the broker is away; came a report of status %d",
                      event->number, event->status);
    }
}

/* ---- the way back ---- */

static void await_up(struct pair *pair) {
    int64_t end = ebc_monotonic_ms() + pair->t->takeover_ms;

    while (!ebc_all_up(pair->t)) {
        if (ebc_monotonic_ms() > end)
            ebc_break(pair->t, EBC_AWAY_LINK,
                      "expected link(1) from each instance once the broker is there; %u of %u told it in %lld ms",
                      ebc_links(pair->t).up, ebc_links(pair->t).n, (long long)pair->t->takeover_ms);
        turn(pair);
    }
}

/* Submits again what the plugin gave back, as the host does. */
static void submit_again(struct pair *pair, struct ebc_range sent) {
    for (size_t i = 0; i < sent.n; i++) {
        struct ebc_event *event = ebc_event(pair->t, sent, i);
        if (event->reports > 0 && event->status == EB_RETRIABLE) {
            ebc_forget_report(pair->t, event);
            ebc_submit(pair->p, ebc_range_of(event));
        }
    }
}

static size_t not_stored(struct ebc_test *t, struct ebc_range sent) {
    size_t n = 0;

    for (size_t i = 0; i < sent.n; i++)
        n += ebc_event(t, sent, i)->reports == 0 || ebc_event(t, sent, i)->status != EB_OK;
    return n;
}

static void await_stored(struct pair *pair, struct ebc_range sent) {
    struct ebc_test *t = pair->t;
    int64_t end = ebc_monotonic_ms() + t->takeover_ms;
    size_t left;

    while ((left = not_stored(t, sent)) > 0) {
        for (size_t i = 0; i < sent.n; i++)
            if (ebc_event(t, sent, i)->reports > 0 && ebc_event(t, sent, i)->status == EB_PERMANENT)
                ebc_break(t, EBC_AWAY_RESENDS, "expected event %zu to be stored once the broker is back; came EB_PERMANENT: %s",
                          ebc_event(t, sent, i)->number, ebc_event(t, sent, i)->error);
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_AWAY_RESENDS,
                      "expected all %zu events to be stored once the broker is back; %zu were not after %lld ms", sent.n, left,
                      (long long)t->takeover_ms);
        submit_again(pair, sent);
        turn(pair);
    }
}

static void ack_all(struct ebc_consumer *c) {
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            ebc_settle(ebc_all(c)[i], ebc_all(c)[i]->revoked ? EB_RETURN : EB_ACK, 0);
}

/* The first event of the range that has not come; NULL: all have. */
static const struct ebc_event *first_missing(struct pair *pair, struct ebc_range sent) {
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(ebc_all(pair->c), ebc_count(pair->c), ebc_event(pair->t, sent, i)))
            return ebc_event(pair->t, sent, i);
    return NULL;
}

static void await_all(struct pair *pair, struct ebc_range sent) {
    struct ebc_test *t = pair->t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    const struct ebc_event *event;
    size_t before;

    while ((event = first_missing(pair, sent))) {
        before = ebc_count(pair->c);
        turn(pair);
        ack_all(pair->c);
        if (ebc_count(pair->c) > before)
            end = ebc_monotonic_ms() + t->patience_ms;
        else if (ebc_monotonic_ms() > end)
            ebc_break(
                t, EBC_AWAY_KEEPS,
                "expected event %zu, which was reported EB_OK %s the broker was stopped; it did not come for %lld ms. A broker "
                "that keeps events in its memory alone loses them with --down: let it store them",
                event->number, event->number < sent.first + BEFORE ? "before" : "after", (long long)t->patience_ms);
    }
    ebc_wait_settled(pair->c);
}

/* ---- a restart ---- */

/* Until both have told that the broker is away; what is submitted meanwhile waits. */
static void await_down(struct pair *pair, struct ebc_range sent) {
    struct ebc_test *t = pair->t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    struct ebc_links links;

    while ((links = ebc_links(t)).up > 0) {
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_AWAY_LINK,
                      "expected link(0) from each instance once the broker is away; %u of %u had told it after %lld ms",
                      links.n - links.up, links.n, (long long)t->patience_ms);
        turn(pair);
        expect_none_stored(pair, sent);
    }
}

/* The ops go on for a while: the link stays down, and nothing is stored. */
static void stay_down(struct pair *pair, struct ebc_range sent) {
    for (int64_t end = ebc_monotonic_ms() + 5 * pair->t->quiet_ms; ebc_monotonic_ms() < end;) {
        turn(pair);
        expect_none_stored(pair, sent);
        if (ebc_links(pair->t).up > 0)
            ebc_break(pair->t, EBC_AWAY_LINK, "expected no link(1) while the broker is away; came link(1)");
    }
}

static void events_come_through_a_restart(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, ALL, 4), during = { sent.first + BEFORE, DURING };
    struct pair pair = { t, ebc_producer(t),
                         ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group }) };

    await_up(&pair);
    ebc_send(pair.p, (struct ebc_range){ sent.first, BEFORE });
    ebc_receive_and_ack(pair.c, BEFORE / 2);
    ebc_wait_settled(pair.c);
    ebc_broker_stop(t);
    ebc_submit(pair.p, during);
    await_down(&pair, during);
    stay_down(&pair, during);
    ebc_broker_start(t);
    await_up(&pair);
    await_stored(&pair, sent);
    await_all(&pair, sent);
}

/* ---- absence at open ---- */

static void an_instance_opens_while_the_broker_is_away(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, DURING, 4);
    struct pair pair = { .t = t };

    ebc_broker_stop(t);
    pair.p = ebc_producer(t);
    pair.c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_submit(pair.p, sent);
    stay_down(&pair, sent);
    ebc_broker_start(t);
    await_up(&pair);
    await_stored(&pair, sent);
    await_all(&pair, sent);
}

/* ---- no broker at all ---- */

static int64_t took(int64_t began) {
    return ebc_monotonic_ms() - began;
}

/* Opening asks nobody, and closing has no time to. A busy machine may let either wait for some seconds. */
static void expect_at_once(struct ebc_test *t, enum ebc_rule rule, const char *what, int64_t ms) {
    if (ms > 5000)
        ebc_break(t, rule, "expected %s to return at once although no broker answers; it took %lld ms", what, (long long)ms);
}

static void close_at_once(struct pair *pair, struct ebc_range sent) {
    int64_t began = ebc_monotonic_ms();

    ebc_close_producer(pair->p, 0);
    expect_at_once(pair->t, EBC_AWAY_CLOSE, "close(0) of the producer", took(began));
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(pair->t, sent, i);
        if (event->reports == 0 || event->status != EB_RETRIABLE)
            ebc_break(pair->t, EBC_AWAY_CLOSE, "expected EB_RETRIABLE for event %zu at close(0); came %s", event->number,
                      event->reports == 0 ? "no report" : ebc_format(pair->t, "status %d: %s", event->status, event->error));
    }
}

static void send_to_nobody(struct ebc_test *t, const char *topic) {
    struct ebc_range sent = ebc_new_events(t, topic, DURING, 4);
    int64_t began = ebc_monotonic_ms();
    struct pair pair = { .t = t, .p = ebc_producer(t) };

    expect_at_once(t, EBC_AWAY_OPEN, "open of the producer", took(began));
    ebc_submit(pair.p, sent);
    stay_down(&pair, sent);
    close_at_once(&pair, sent);
}

static void receive_from_nobody(struct ebc_test *t, const char *topic) {
    int64_t began = ebc_monotonic_ms();
    struct pair pair = { .t = t };

    pair.c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = ebc_format(t, "%s-g", topic) });
    expect_at_once(t, EBC_AWAY_OPEN, "open of the consumer", took(began));
    stay_down(&pair, (struct ebc_range){ 0, 0 });
    if (ebc_count(pair.c) > 0)
        ebc_break(t, EBC_AWAY_OPS, "expected no message while no broker answers; came %zu", ebc_count(pair.c));
    began = ebc_monotonic_ms();
    ebc_close_consumer_within(pair.c, 0);
    expect_at_once(t, EBC_AWAY_CLOSE, "close(0) of the consumer", took(began));
}

static void nobody_waits_for_a_broker_that_is_not_there(struct ebc_test *t) {
    const char *topic = ebc_topic_name(t, "a");

    if (!t->plugin.producer && !t->plugin.consumer)
        ebc_skip(t, "the plugin has neither producer nor consumer");
    if (t->plugin.producer)
        send_to_nobody(t, topic);
    if (t->plugin.consumer)
        receive_from_nobody(t, topic);
}

/* ---- admin ---- */

static int32_t ignore_topic(void *arg, const struct eb_topic_info *info) {
    (void)arg;
    (void)info;
    return 0;
}

static int32_t ignore_move(void *arg, const struct eb_seek_info *info) {
    (void)arg;
    (void)info;
    return 0;
}

static int32_t ignore_group(void *arg, const struct eb_group_info *info) {
    (void)arg;
    (void)info;
    return 0;
}

static int32_t ignore_message(void *arg, const struct eb_message *message) {
    (void)arg;
    (void)message;
    return 0;
}

static void expect_away(struct ebc_test *t, const char *op, int32_t status, const struct eb_error *err) {
    if (status != EB_RETRIABLE || err->kind != EB_KIND_BROKER || !err->text[0])
        ebc_break(
            t, EBC_AWAY_ADMIN,
            "expected %s to return EB_RETRIABLE with EB_KIND_BROKER and a text when no broker answers; came %d, kind %d: \"%s\"",
            op, status, err->kind, err->text);
}

/* Those that list or move. */
static void ask_nobody(struct ebc_test *t, const char *topic, int32_t timeout_ms) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    void *self = ebc_admin_self(t);
    struct eb_error err = { 0 };
    int32_t status;

    if (ops->groups) {
        ebc_op_begins(t, timeout_ms, "groups %s", topic);
        status = ops->groups(self, topic, NULL, timeout_ms, ignore_group, NULL, &err);
        ebc_op_ended(t);
        expect_away(t, "groups", status, &err);
    }
    if (ops->browse) {
        ebc_op_begins(t, timeout_ms, "browse %s", topic);
        status = ops->browse(self, topic, &earliest, timeout_ms, ignore_message, NULL, &err);
        ebc_op_ended(t);
        expect_away(t, "browse", status, &err);
    }
    if (ops->trim) {
        ebc_op_begins(t, timeout_ms, "trim %s", topic);
        status = ops->trim(self, topic, &earliest, 0, timeout_ms, &err);
        ebc_op_ended(t);
        expect_away(t, "trim", status, &err);
    }
}

static void admin_ops_end_in_time_without_a_broker(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const char *topic = ebc_topic_name(t, "a");
    struct eb_error err = { 0 };
    int32_t status;

    t->admin_timeout_ms = (int64_t)(1000 * (t->pace > 1 ? t->pace : 1)); /* the host notes an op that takes longer */
    if (ops->topics) {
        status = ebc_admin_topics(t, ignore_topic, NULL, &err);
        expect_away(t, "topics", status, &err);
    }
    if (ops->create) {
        status = ebc_admin_create(t, topic, 0, &err);
        expect_away(t, "create", status, &err);
    }
    if (ops->remove) {
        status = ebc_admin_remove(t, topic, NULL, &err);
        expect_away(t, "remove", status, &err);
    }
    if (ops->seek) {
        status = ebc_admin_seek(t, topic, "conform", (struct eb_point){ .kind = EB_EARLIEST }, 0, ignore_move, NULL, &err);
        expect_away(t, "seek", status, &err);
    }
    ask_nobody(t, topic, (int32_t)t->admin_timeout_ms);
}

/* clang-format off */
const struct ebc_case ebc_outage[] = {
    { .group = "outage", .name = "nobody-waits-for-a-broker-that-is-not-there",
      .about = "without a broker open, submit, poll, receive and close(0) return in time, and what was taken is given back",
      .broker = EBC_UNREACHABLE, .run = nobody_waits_for_a_broker_that_is_not_there },
    { .group = "outage", .name = "admin-ops-end-in-time-without-a-broker",
      .about = "without a broker each admin op returns EB_RETRIABLE with EB_KIND_BROKER within its timeout",
      .roles = EBC_ADMIN, .broker = EBC_UNREACHABLE, .run = admin_ops_end_in_time_without_a_broker },
    { .group = "outage", .name = "events-come-through-a-restart",
      .about = "a broker is stopped and started under a producer and a consumer: the link tells it once, nothing is lost",
      .roles = EBC_SEND_AND_RECEIVE, .broker = EBC_RESTARTED, .run = events_come_through_a_restart },
    { .group = "outage", .name = "an-instance-opens-while-the-broker-is-away",
      .about = "what is opened and submitted while the broker is stopped works once it is started",
      .roles = EBC_SEND_AND_RECEIVE, .broker = EBC_RESTARTED, .run = an_instance_opens_while_the_broker_is_away },
    { 0 },
};
/* clang-format on */
