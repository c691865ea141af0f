/* conform/cases/closing.c - close at each moment of an instance's life: reports and messages are neither lost nor doubled. */
#include "cases/case.h"

#include <string.h>

/* ---- consumers ---- */

enum { EVENTS = 40 };

/* What a consumer did last, before it is closed. */
enum moment { OPENED, READY, WOKEN, DELIVERED, HALF_DELIVERED, REFUSED, SETTLED, CONFIRMED, EXTENDED, RETRIED, MOMENTS };

static const char *const moment_names[MOMENTS] = { "open",
                                                   "a receive with max 0",
                                                   "a wake",
                                                   "messages were delivered",
                                                   "half of what it fetched was delivered",
                                                   "EB_FULL",
                                                   "a settle whose verdicts are not confirmed",
                                                   "a settle whose verdicts are confirmed",
                                                   "an EB_EXTEND",
                                                   "an EB_RETRY" };

static void acknowledge_two(struct ebc_consumer *c) {
    if (ebc_count(c) >= 2)
        ebc_settle_each(c, ebc_all(c), 2, EB_ACK);
}

/* Retries the first, where the plugin can, and returns what follows of its key in the same call: all have one key each. */
static void retry_first(struct ebc_test *t, struct ebc_consumer *c) {
    if (t->plugin.consumer->traits & EB_T_DELAY && ebc_count(c) > 0)
        ebc_settle(ebc_all(c)[0], EB_RETRY, 10);
}

static void live_until(struct ebc_test *t, struct ebc_consumer *c, enum moment moment) {
    if (moment == WOKEN)
        ebc_wake_consumer(c);
    if (moment == READY)
        ebc_receive(c, 0, 20);
    if (moment <= WOKEN)
        return;
    if (moment == REFUSED)
        ebc_accept_only(c, 1);
    for (int64_t end = ebc_monotonic_ms() + t->patience_ms; ebc_count(c) == 0 && ebc_monotonic_ms() < end;)
        ebc_receive(c, moment == HALF_DELIVERED ? 2 : 5, 20);
    if (moment == REFUSED)
        ebc_receive(c, 5, 20);
    if (moment == SETTLED || moment == CONFIRMED)
        acknowledge_two(c);
    if (moment == CONFIRMED)
        ebc_wait_settled(c);
    if (moment == EXTENDED && ebc_count(c) > 0)
        ebc_settle(ebc_all(c)[0], EB_EXTEND, 0);
    if (moment == RETRIED)
        retry_first(t, c);
}

static size_t not_acknowledged(struct ebc_test *t, struct ebc_range sent) {
    size_t n = 0;

    for (size_t i = 0; i < sent.n; i++)
        n += !ebc_event(t, sent, i)->acked_by;
    return n;
}

static void a_consumer_closed_anywhere_loses_nothing(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .max_messages = 8 };
    struct ebc_range sent = ebc_new_events(t, topic, EVENTS, EBC_OWN_KEYS);
    const char *last = "open";
    struct ebc_consumer *c;
    int64_t end;

    ebc_send_through_new(t, sent);
    for (int i = 0; i < MOMENTS; i++) {
        wish.member = i % 2 ? "m2" : "m1";
        c = ebc_consumer(t, &wish);
        live_until(t, c, (enum moment)i);
        last = moment_names[i];
        ebc_close_consumer(c); /* returns what has no verdict; the host notes verdicts that are not settled */
    }
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "m3" });
    end = ebc_monotonic_ms() + t->patience_ms;
    for (size_t left; (left = not_acknowledged(t, sent)) > 0;) {
        size_t had = ebc_count(c);

        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_CLOSED_LOST,
                      "expected at a new member what %d consumers had not acknowledged when they were closed, the last one "
                      "after %s; %zu events did not come",
                      MOMENTS, last, left);
        ebc_receive(c, 100, 20);
        ebc_settle_each(c, ebc_all(c) + had, ebc_count(c) - had, EB_ACK);
    }
    ebc_receive_for_quiet_ms(c); /* the host notes an acknowledged event that comes again */
}

/* ---- producers ---- */

enum { LIVES = 6, BATCH = 30 };

/* Submits a batch; polls so often; closes with that time. */
static const struct {
    int polls;
    int32_t poll_ms, close_ms;
    bool wake;
} lives[LIVES] = { { 0, 0, 0, false }, { 0, 0, 1, false },  { 1, 0, 0, false },
                   { 3, 1, 0, true },  { 2, 0, 50, false }, { 0, 0, 1000, true } };

static void a_producer_closed_anywhere_tells_what_is_stored(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, (size_t)LIVES * BATCH, 5);
    struct ebc_consumer *c;

    for (size_t i = 0; i < LIVES; i++) {
        struct ebc_range part = { sent.first + i * BATCH, BATCH };
        struct ebc_producer *p = ebc_producer(t);

        ebc_submit(p, part);
        if (lives[i].wake)
            ebc_wake_producer(p);
        for (int k = 0; k < lives[i].polls; k++)
            ebc_poll(p, lives[i].poll_ms);
        ebc_close_producer(p, lives[i].close_ms); /* the host notes what is not reported */
        if (ebc_unreported(t, part) > 0)
            ebc_break(t, EBC_CLOSE_REPORTS, "expected close(%d) to report each of %d messages; came no report of %zu",
                      lives[i].close_ms, BATCH, ebc_unreported(t, part));
    }
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_count_before_marker(c, topic);
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(t, sent, i);
        const struct ebc_received *got = ebc_find_event(ebc_all(c), ebc_count(c), event);

        if (event->status == EB_OK && !got)
            ebc_break(t, EBC_STORED, "expected event %zu, reported EB_OK before close(%d) returned, to be there; it is not",
                      event->number, lives[i / BATCH].close_ms);
        if (event->status != EB_OK && !event->maybe_stored && got)
            ebc_break(t, EBC_NOT_STORED,
                      "expected event %zu not to be there, reported with status %d and maybe_stored 0 by close(%d); it came",
                      event->number, event->status, lives[i / BATCH].close_ms);
        if (event->status == EB_PERMANENT)
            ebc_break(t, EBC_CLOSE_REPORTS,
                      "expected EB_RETRIABLE for what close did not send; came EB_PERMANENT for event %zu", event->number);
    }
}

/* clang-format off */
const struct ebc_case ebc_closing_consumers[] = {
    { .group = "settling", .name = "a-consumer-closed-anywhere-loses-nothing",
      .about = "a consumer that is closed at ten moments of its life leaves nothing behind unread",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_consumer_closed_anywhere_loses_nothing },
    { 0 },
};

const struct ebc_case ebc_closing_producers[] = {
    { .group = "sending", .name = "a-producer-closed-anywhere-tells-its-end",
      .about = "a producer that is closed at six moments reports what is stored and what is not",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_producer_closed_anywhere_tells_what_is_stored },
    { 0 },
};
/* clang-format on */
