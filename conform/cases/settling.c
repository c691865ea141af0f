/* conform/cases/settling.c - what each verdict does to a message: acknowledge, return, retry, extend. */
#include "cases/case.h"

#include <string.h>

/* Returns the numbers 0 .. n-1 in random order. */
static size_t *shuffled(struct ebc_test *t, size_t n) {
    size_t *list = ebc_alloc(t, (n + 1) * sizeof *list);

    for (size_t i = 0; i < n; i++) {
        size_t k = ebc_random_below(&t->random, i + 1);
        list[i] = list[k];
        list[k] = i;
    }
    return list;
}

/* ---- acknowledging ---- */

/* Expects that returned messages come again where nothing was acknowledged; otherwise the case could not judge the rest. */
static void expect_returned_at_reopen(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "control"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group };
    struct ebc_range sent = ebc_new_events(t, topic, 5, EBC_OWN_KEYS);
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &wish);
    ebc_receive_n(c, sent.n);
    ebc_close_consumer(c); /* returns all */
    c = ebc_consumer(t, &wish);
    ebc_receive_due(c, topic, ebc_listed(t, sent), sent.n);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_RETURN, "expected event %zu again, returned and never acknowledged; it did not come",
                      ebc_event(t, sent, i)->number);
    ebc_close_consumer(c);
}

static void settle_some_and_reopen(struct ebc_test *t, int round) {
    const char *topic = ebc_topic(t, ebc_format(t, "round-%d", round)), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group };
    struct ebc_range sent = ebc_new_events(t, topic, 12, EBC_OWN_KEYS);
    size_t *order = shuffled(t, sent.n), acks = 1 + ebc_random_below(&t->random, sent.n - 1);
    const struct ebc_event **due = ebc_alloc(t, sent.n * sizeof *due);
    struct ebc_received **first, **again;
    struct ebc_consumer *c;
    size_t n;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &wish);
    first = ebc_receive_n(c, sent.n);
    for (size_t i = 0; i < acks; i++) {
        ebc_settle(first[order[i]], EB_ACK, 0);
        ebc_receive(c, 0, 0);
    }
    ebc_close_consumer(c); /* returns the others */
    for (size_t i = acks; i < sent.n; i++)
        due[i - acks] = first[order[i]]->event;
    c = ebc_consumer(t, &wish);
    ebc_receive_due(c, topic, due, sent.n - acks);
    again = ebc_all(c);
    n = ebc_count(c);
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_received *got = first[order[i]];
        bool came = ebc_find_event(again, n, got->event) != NULL;
        if (i >= acks && !came)
            ebc_break(t, EBC_ACK_COVERS,
                      "expected event %zu again, of which only others around it were acknowledged; "
                      "it did not come",
                      got->event->number);
        if (i < acks && !came && got->settled == EB_GONE)
            ebc_break(t, EBC_GONE_AGAIN, "expected event %zu again, whose EB_ACK was settled EB_GONE; it did not come",
                      got->event->number);
    }
    ebc_close_consumer(c);
}

static void an_ack_never_covers_an_unsettled_message(struct ebc_test *t) {
    expect_returned_at_reopen(t);
    for (int round = 0; round < 4; round++)
        settle_some_and_reopen(t, round);
}

static void what_is_acknowledged_never_comes_again(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group };
    struct ebc_consumer *c;
    struct ebc_received **got;
    size_t *order = shuffled(t, 40);

    ebc_send_through_new(t, ebc_new_events(t, topic, 40, EBC_OWN_KEYS));
    c = ebc_consumer(t, &wish);
    got = ebc_receive_n(c, 40);
    for (size_t i = 0; i < 40; i++)
        ebc_settle(got[order[i]], EB_ACK, 0);
    ebc_wait_settled(c);
    ebc_receive_for_quiet_ms(c);
    ebc_close_consumer(c);
    for (int i = 0; i < 2; i++) { /* the host notes an acknowledged event that comes again */
        wish.member = i ? "m1" : "m2";
        c = ebc_consumer(t, &wish);
        ebc_count_before_marker(c, topic);
        ebc_close_consumer(c);
    }
}

static void every_final_verdict_is_answered_once(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    bool delays = t->plugin.consumer->traits & EB_T_DELAY;
    size_t *order = shuffled(t, 60);
    struct ebc_consumer *c;
    struct ebc_received **got;

    ebc_send_through_new(t, ebc_new_events(t, topic, 60, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    got = ebc_receive_n(c, 60);
    for (size_t i = 0; i < 60; i++) {
        ebc_settle(got[order[i]], EB_EXTEND, 0); /* not final: settled must not be called */
        ebc_settle(got[order[i]], i == 20 && delays ? EB_RETRY : EB_ACK, 1);
        if (ebc_random_below(&t->random, 4) == 0)
            ebc_receive(c, 0, 0);
    }
    ebc_wait_settled(c);
    for (size_t i = 0; i < 60; i++)
        if (got[i]->settled != EB_OK)
            ebc_break(t, EBC_GONE_AGAIN, "expected EB_OK for a message settled at once; came %d for event %zu", got[i]->settled,
                      got[i]->event->number);
    ebc_receive_for_quiet_ms(c); /* the host notes a second settled call */
}

/* A host whose messages all wait to be settled calls receive with max 0 and has room again only when settled comes. */
static void an_answer_ends_a_receive(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_received **got;

    ebc_send_through_new(t, ebc_new_events(t, topic, 5, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 5 });
    got = ebc_receive_n(c, 5);
    ebc_settle_each(c, got, 5, EB_ACK);
    for (int64_t begin = ebc_monotonic_ms(); got[4]->settled == EBC_NOT_SETTLED;) {
        ebc_receive(c, 0, (int32_t)t->patience_ms);
        if (ebc_monotonic_ms() - begin > t->patience_ms / 2)
            ebc_break(t, EBC_SETTLED_ENDS_WAIT,
                      "expected receive(max 0) to end once verdicts are settled; it ended only after "
                      "its timeout of %lld ms",
                      (long long)t->patience_ms);
    }
    ebc_wait_settled(c);
}

/* ---- returning ---- */

/* Waits for the returned messages at this member, or at a new one: a log delivers nothing twice to the same member. */
static struct ebc_consumer *await_again(struct ebc_test *t, struct ebc_consumer *c, const struct ebc_consumer_options *wish,
                                        size_t from, struct ebc_received **returned, size_t n) {
    const struct ebc_event **due = ebc_alloc(t, n * sizeof *due);

    ebc_receive_rest(c, n);
    if (ebc_count(c) >= from + n)
        return c;
    for (size_t i = 0; i < n; i++)
        due[i] = returned[i]->event;
    ebc_close_consumer(c);
    c = ebc_consumer(t, wish);
    ebc_receive_due(c, wish->topic, due, n);
    return c;
}

static void check_returned(struct ebc_test *t, const struct ebc_received *was, const struct ebc_received *is) {
    uint32_t before = was->message->deliveries, now = is ? is->message->deliveries : 0;
    bool freely = t->plugin.consumer->traits & EB_T_FREE_RETURN;

    if (!is)
        ebc_break(t, EBC_RETURN, "expected event %zu again after EB_RETURN; it did not come", was->event->number);
    if (freely && before && now && now != before)
        ebc_break(t, EBC_FREE_RETURN, "expected deliveries %u again after EB_RETURN; came %u", before, now);
    if (is->message->failures > 0)
        ebc_break(t, EBC_RETRY_COUNTS, "expected no failure after EB_RETURN; came %u", is->message->failures);
}

static void what_is_returned_comes_again(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group };
    struct ebc_consumer *first, *c;
    struct ebc_received **got, *returned[3];

    ebc_send_through_new(t, ebc_new_events(t, topic, 6, EBC_OWN_KEYS));
    first = ebc_consumer(t, &wish);
    got = ebc_receive_n(first, 6);
    for (size_t i = 0; i < 6; i++) {
        ebc_settle(got[i], i % 2 ? EB_ACK : EB_RETURN, 0);
        if (i % 2 == 0)
            returned[i / 2] = got[i];
    }
    c = await_again(t, first, &wish, 6, returned, 3);
    for (size_t i = 0; i < 3; i++) {
        size_t skip = c == first ? 6 : 0;
        check_returned(t, returned[i], ebc_find_event(ebc_all(c) + skip, ebc_count(c) - skip, returned[i]->event));
    }
}

static void what_was_fetched_ahead_is_returned(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .max_messages = 20 };
    struct ebc_range sent = ebc_new_events(t, topic, 30, EBC_OWN_KEYS);
    struct ebc_consumer *c;
    const struct ebc_event **due = ebc_alloc(t, sent.n * sizeof *due);
    struct ebc_received **got;
    size_t n, n_due = 0;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &wish);
    got = ebc_receive_and_ack(c, 3);
    ebc_receive(c, 0, 20);
    ebc_close_consumer(c);
    n = ebc_count(c);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(got, n, ebc_event(t, sent, i)))
            due[n_due++] = ebc_event(t, sent, i);
    wish.member = "m2";
    c = ebc_consumer(t, &wish);
    ebc_receive_due(c, topic, due, n_due);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(got, n, ebc_event(t, sent, i)) && !ebc_find_event(ebc_all(c), ebc_count(c), ebc_event(t, sent, i)))
            ebc_break(t, EBC_FETCHED_AHEAD,
                      "expected event %zu, which the closed consumer never received, at "
                      "another one; it did not come",
                      ebc_event(t, sent, i)->number);
}

/* ---- retrying ---- */

/* Expects that a retry which becomes due ends the wait of receive. */
static void expect_retry_ends_wait(struct ebc_test *t, struct ebc_consumer *c, struct ebc_received *got) {
    int64_t began = ebc_monotonic_ms(), end = began + 2 * t->patience_ms, took;
    size_t before = ebc_count(c);

    ebc_settle(got, EB_RETRY, 100);
    ebc_wait_settled(c);
    while (ebc_count(c) == before && ebc_monotonic_ms() < end)
        ebc_receive(c, 1, (int32_t)(end - ebc_monotonic_ms()));
    took = ebc_monotonic_ms() - began;
    if (ebc_count(c) == before || took > t->patience_ms)
        ebc_break(t, EBC_RETRY,
                  "expected receive(%lld ms) to be back with the event to be tried again after 100 ms; "
                  "came back after %lld ms with %zu",
                  (long long)(end - began), (long long)took, ebc_count(c) - before);
    ebc_settle(ebc_all(c)[before], EB_ACK, 0);
    ebc_wait_settled(c);
}

static void expect_failures(struct ebc_test *t, const struct ebc_received *got, uint32_t failures, const char *when) {
    if (got->message->failures != failures)
        ebc_break(t, EBC_RETRY_COUNTS, "expected failures %u %s; came %u", failures, when, got->message->failures);
}

/* Gives retries of one message to one member, returns it, and gives a retry to another member: each waits, and the count goes
 * with the message. */
static void retry_and_count(struct ebc_test *t, const char *order_name) {
    const char *topic = ebc_topic(t, order_name), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .no_order = strcmp(order_name, "none") == 0 };
    uint32_t delay = 120;
    struct ebc_consumer *c;
    struct ebc_received *got;

    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    c = ebc_consumer(t, &wish);
    got = ebc_receive_n(c, 1)[0];
    for (uint32_t failures = 1; failures <= 3; failures++) {
        int64_t settled_ms = ebc_monotonic_ms(), waited;

        ebc_settle(got, EB_RETRY, delay);
        got = ebc_receive_n(c, 1)[0];
        waited = got->at_ms - settled_ms;
        if (waited < (int64_t)delay - 5)
            ebc_break(t, EBC_RETRY, "expected the event after %u ms again; it came after %lld ms", delay, (long long)waited);
        expect_failures(t, got, failures, ebc_format(t, "after EB_RETRY %u time(s), with order = %s", failures, order_name));
    }
    ebc_settle(got, EB_RETURN, 0);
    ebc_wait_settled(c);
    ebc_close_consumer(c);
    wish.member = "m2";
    c = ebc_consumer(t, &wish);
    got = ebc_receive_n(c, 1)[0];
    expect_failures(t, got, 3, "at another member, after EB_RETRY three times and EB_RETURN, which counts nothing");
    expect_retry_ends_wait(t, c, got);
    expect_failures(t, ebc_all(c)[1], 4, "after one more EB_RETRY at that member");
    ebc_close_consumer(c);
}

static void a_retry_waits_and_counts(struct ebc_test *t) {
    retry_and_count(t, "none");
    retry_and_count(t, "key");
}

/* a, b and c have one key, d has another. A retry of a must hold back b and c, but not d. */
static void a_retry_holds_back_its_key(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_producer *p = ebc_producer(t);
    struct ebc_event *held[4], *other;
    struct eb_verdict kinds[4] = { { .kind = EB_RETRY, .delay_ms = (uint32_t)t->quiet_ms + 200 },
                                   { .kind = EB_RETURN },
                                   { .kind = EB_RETURN },
                                   { .kind = EB_RETURN } };
    struct ebc_consumer *c;
    struct ebc_received **got;
    size_t n;

    for (int i = 0; i < 3; i++)
        ebc_send(p, ebc_range_of(held[i] = ebc_new_event(t, topic, "held")));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_n(c, 1);
    ebc_receive_for_quiet_ms(c);
    got = ebc_all(c);
    n = ebc_count(c);
    if (got[0]->event != held[0])
        ebc_break(t, EBC_SEND_ORDER, "expected event %zu, the first of its key; came event %zu", held[0]->number,
                  got[0]->event->number);
    ebc_settle_mixed(c, got, kinds, n); /* the retry, and the returns of what follows it: in one call */
    ebc_send(p, ebc_range_of(held[3] = ebc_new_event(t, topic, "held")));
    ebc_send(p, ebc_range_of(other = ebc_new_event(t, topic, "other")));
    for (size_t i = 0; i < 5; i++) {
        struct ebc_received *next = ebc_receive_n(c, 1)[0];
        size_t place = 0;

        while (place < 4 && next->event != held[place])
            place++;
        if (place < 4 && place > 0 && !held[place - 1]->acked_by)
            ebc_break(t, held[0]->acked_by ? EBC_RETURN_LOST : EBC_RETRY_HOLDS,
                      "expected event %zu to be settled first; "
                      "came event %zu of its key",
                      held[held[0]->acked_by ? place - 1 : 0]->number, next->event->number);
        ebc_settle(next, EB_ACK, 0);
        ebc_wait_settled(c);
    }
    if (!other->acked_by)
        ebc_break(t, EBC_MISSING, "expected event %zu, of another key; it did not come", other->number);
}

/* ---- extending ---- */

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Returns the lease of a message. Skips the case if the message has no lease, or if the lease is longer than the case waits. */
static int64_t short_lease(struct ebc_test *t, const struct ebc_received *got) {
    int64_t lease = got->message->lease_ms;

    if (lease == 0)
        ebc_skip(t, "the plugin's messages have no lease");
    if ((double)lease > 2000 * t->pace)
        ebc_skip(t, "the lease is %lld ms: give the plugin one of up to %.0f ms by -o", (long long)lease, 2000 * t->pace);
    return lease;
}

/* Extends a message for twice its lease beside another member, and acknowledges it. Returns false when the member lost it after
 * the machine had kept the case from extending for two thirds of the lease: that tells nothing of the plugin. */
static bool keep_extended(struct ebc_test *t, int attempt) {
    const char *topic = ebc_topic(t, ebc_format(t, "a%d", attempt)),
               *group = ebc_group(t, topic, ebc_format(t, "g%d", attempt));
    struct ebc_consumer_options wish = { .topic = topic, .group = group };
    struct ebc_consumer *c, *other;
    struct ebc_received *got;
    int64_t lease, end, longest = 0;
    bool elsewhere;

    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    c = ebc_consumer(t, &wish);
    got = ebc_receive_n(c, 1)[0];
    lease = short_lease(t, got);
    wish.member = "m2";
    other = ebc_consumer(t, &wish);
    for (end = ebc_monotonic_ms() + 2 * lease; ebc_monotonic_ms() < end;) {
        longest = longer(longest, ebc_monotonic_ms() - got->leased_ms);
        ebc_settle(got, EB_EXTEND, 0);
        ebc_receive(c, 1, (int32_t)(lease / 6));
        ebc_receive(other, 1, (int32_t)(lease / 6));
    }
    elsewhere = ebc_count(other) > 0 || ebc_count(c) > 1;
    if (!elsewhere) {
        ebc_settle(got, EB_ACK, 0);
        ebc_wait_settled(c);
    }
    if (!elsewhere && got->settled == EB_OK)
        return true;
    if (longer(longest, ebc_monotonic_ms() - got->leased_ms) > lease * 2 / 3) {
        ebc_close_consumer(other);
        ebc_close_consumer(c);
        return false;
    }
    if (elsewhere)
        ebc_break(t, EBC_EXTEND,
                  "expected the message at its member for twice its lease, extended at a third; came it "
                  "elsewhere");
    ebc_break(t, EBC_EXTEND, "expected EB_OK for the acknowledgement after twice the lease, extended; came %d", got->settled);
}

static void an_extended_lease_is_kept(struct ebc_test *t) {
    ebc_attempt(t, keep_extended);
}

/* clang-format off */
const struct ebc_case ebc_settling[] = {
    { .group = "settling", .name = "an-ack-never-covers-an-unsettled-message",
      .about = "what was not acknowledged comes again, whatever was acknowledged around it",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = an_ack_never_covers_an_unsettled_message },
    { .group = "settling", .name = "what-is-acknowledged-never-comes-again",
      .about = "an acknowledged message comes to no member again, after a restart neither",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = what_is_acknowledged_never_comes_again },
    { .group = "settling", .name = "every-final-verdict-is-answered-once",
      .about = "settled confirms each final verdict exactly once, and no EB_EXTEND",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = every_final_verdict_is_answered_once },
    { .group = "settling", .name = "an-answer-ends-a-receive",
      .about = "receive returns when it has confirmed verdicts",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = an_answer_ends_a_receive },
    { .group = "settling", .name = "what-is-returned-comes-again",
      .about = "EB_RETURN brings the message again, without a failure",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = what_is_returned_comes_again },
    { .group = "settling", .name = "what-was-fetched-ahead-is-returned",
      .about = "close returns what was fetched and not delivered to the host",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = what_was_fetched_ahead_is_returned },
    { .group = "settling", .name = "a-retry-waits-and-counts",
      .about = "EB_RETRY brings the message after its delay, and failures counts each",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_DELAY,
      .run = a_retry_waits_and_counts },
    { .group = "settling", .name = "a-retry-holds-back-its-key",
      .about = "the later messages of a key wait until the retried one is settled, those of other keys do not",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_DELAY | EB_T_DELAY_ORDER, .run = a_retry_holds_back_its_key },
    { .group = "settling", .name = "an-extended-lease-is-kept",
      .about = "a message whose lease is extended stays at its member",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = an_extended_lease_is_kept },
    { 0 },
};
/* clang-format on */
