/* conform/cases/receiving.c - what a consumer receives: all that was sent, and as much as it asked for. */
#include "cases/case.h"

#include <string.h>
#include <unistd.h>

static void what_was_sent_is_handed_over(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 300, 20);
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_and_ack(c, sent.n);
    ebc_wait_settled(c);
    ebc_receive_for_quiet_ms(c);
    ebc_expect_events(t, EBC_RECEIVED, ebc_all(c), ebc_count(c), ebc_listed(t, sent), sent.n);
    for (size_t i = 0; i < sent.n; i++)
        if (ebc_all(c)[i]->message->deliveries > 1)
            ebc_break(t, EBC_RECEIVED, "expected deliveries 1, or 0 for unknown, of a message delivered once; came %u",
                      ebc_all(c)[i]->message->deliveries);
}

/* ---- how many ---- */

static void no_more_than_max_is_handed_over(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, topic, 60, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    for (uint32_t max = 1; ebc_count(c) < 60; max = max % 7 + 1) {
        ebc_receive_n(c, 1); /* the host notes more than was asked for */
        ebc_receive(c, max, 20);
    }
}

static void max_0_hands_nothing_over(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, topic, 10, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_n(c, 2);
    for (int64_t end = ebc_monotonic_ms() + t->quiet_ms; ebc_monotonic_ms() < end;)
        ebc_receive(c, 0, 20); /* the host notes anything that is delivered */
    ebc_receive_n(c, 8);       /* what the plugin fetched meanwhile was kept */
}

static void a_refused_message_is_offered_again(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 12, EBC_OWN_KEYS);
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    for (size_t room = 0; ebc_count(c) < sent.n; room = (room + 1) % 3) {
        ebc_accept_only(c, room);
        ebc_receive(c, 10, 20);
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_FULL_AGAIN, "expected each of 12 messages, though some were refused once; came %zu", ebc_count(c));
    }
    ebc_accept_only(c, SIZE_MAX);
    ebc_receive_for_quiet_ms(c);
    ebc_expect_events(t, EBC_FULL_AGAIN, ebc_all(c), ebc_count(c), ebc_listed(t, sent), sent.n);
}

/* The host refuses the message behind the first k of a batch, for each k; what was refused comes first of its key again. */
static void a_batch_refused_at_any_place_loses_nothing(struct ebc_test *t) {
    enum { BATCH = 9 };
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct ebc_producer *p = ebc_producer(t);

    for (size_t k = 0; k <= BATCH; k++) {
        struct ebc_range sent = ebc_new_events(t, topic, BATCH, 1);
        size_t before = ebc_count(c);
        int64_t end = ebc_monotonic_ms() + t->patience_ms;

        ebc_send(p, sent);
        ebc_accept_only(c, k);
        while (ebc_count(c) < before + k && ebc_monotonic_ms() < end)
            ebc_receive(c, BATCH, 50);
        ebc_receive(c, BATCH, 20); /* nothing more is accepted */
        ebc_accept_only(c, SIZE_MAX);
        while (ebc_count(c) < before + BATCH && ebc_monotonic_ms() < end)
            ebc_receive(c, (uint32_t)(before + BATCH - ebc_count(c)), 50);
        if (ebc_count(c) < before + BATCH)
            ebc_break(t, EBC_FULL_ANYWHERE, "expected %d messages, refused after %zu of them; came %zu within %lld ms", BATCH,
                      k, ebc_count(c) - before, (long long)t->patience_ms);
        for (size_t i = 0; i < BATCH; i++) {
            const struct ebc_event *event = ebc_all(c)[before + i]->event;
            bool due = event->number >= sent.first && event->number < sent.first + BATCH;

            if (!due || ebc_find_event(ebc_all(c) + before, i, event))
                ebc_break(t, EBC_FULL_ANYWHERE,
                          "expected %d messages once each, refused after %zu of them; came event %zu, which %s", BATCH, k,
                          event->number, due ? "came before" : "is not one of them");
            if (t->plugin.consumer->traits & EB_T_ORDER && event->number != sent.first + i)
                ebc_break(t, EBC_FULL_ANYWHERE,
                          "expected event %zu of one key as number %zu, refused after %zu; came event %zu", sent.first + i,
                          i + 1, k, event->number);
        }
        ebc_settle_each(c, ebc_all(c) + before, BATCH, EB_ACK);
        ebc_wait_settled(c);
    }
}

static void receive_waits_for_the_first_only(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    int32_t timeout_ms = (int32_t)(2 * t->patience_ms);
    int64_t began, took;

    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_and_ack(c, 1); /* the group has begun: further messages come without delay */
    ebc_wait_settled(c);
    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    began = ebc_monotonic_ms();
    while (ebc_count(c) == 1 && ebc_monotonic_ms() < began + t->patience_ms)
        ebc_receive(c, 100, timeout_ms);
    took = ebc_monotonic_ms() - began;
    if (ebc_count(c) > 1 && took > t->patience_ms)
        ebc_break(t, EBC_FIRST_ONLY,
                  "expected receive(max 100, %d ms) to be back with the one message there was; "
                  "came back after %lld ms",
                  (int)timeout_ms, (long long)took);
    if (ebc_count(c) == 1)
        ebc_break(t, EBC_MISSING, "expected the message sent last; came none for %lld ms", (long long)took);
}

/* A thread with a producer of its own. It sends after the case's thread began to wait. */
struct sender {
    struct ebc_test *t;
    struct ebc_producer *producer;
    struct ebc_range sent;
};

static void *send_later(void *arg) {
    struct sender *sender = arg;

    usleep(30000);
    ebc_send(sender->producer, sender->sent);
    return NULL;
}

static void a_waiting_receive_sees_what_is_sent(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct sender sender = { t, ebc_producer(t), { 0, 0 } };

    ebc_send(sender.producer, ebc_new_events(t, topic, 1, 1));
    ebc_receive_and_ack(c, 1); /* the group has begun */
    for (int i = 0; i < 4; i++) {
        size_t before = ebc_count(c);
        int64_t began = ebc_monotonic_ms(), end = began + 2 * t->patience_ms, took;
        pthread_t thread;

        sender.sent = ebc_new_events(t, topic, 1, 1);
        if (pthread_create(&thread, NULL, send_later, &sender) != 0)
            ebc_skip(t, "no thread can be started on this machine");
        while (ebc_count(c) == before && ebc_monotonic_ms() < end)
            ebc_receive(c, 10, (int32_t)(end - ebc_monotonic_ms()));
        took = ebc_monotonic_ms() - began;
        pthread_join(thread, NULL);
        if (ebc_count(c) == before || took > t->patience_ms)
            ebc_break(t, EBC_ARRIVAL,
                      "expected receive(%lld ms) to be back with the event sent 30 ms after it began; "
                      "came back after %lld ms with %zu",
                      (long long)(end - began), (long long)took, ebc_count(c) - before);
        ebc_settle(ebc_all(c)[before], EB_ACK, 0);
    }
}

/* Takes and settles n messages, and waits in between as long as the host's bounds are full: more than they allow is
 * noted where it is handed over. */
static void take_within(struct ebc_consumer *c, struct ebc_test *t, size_t n) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t settled = 0;

    while (settled < n) {
        size_t before = ebc_count(c);

        ebc_receive(c, 100, 10);
        if (ebc_count(c) > before)
            continue;
        if (ebc_unsettled(c) == 0 && ebc_monotonic_ms() > end)
            ebc_break(t, EBC_BOUNDS, "expected %zu more messages once there is room again; came none for %lld ms", n - settled,
                      (long long)t->patience_ms);
        if (ebc_unsettled(c) > 0) {
            ebc_settle(ebc_all(c)[settled++], EB_ACK, 0);
            end = ebc_monotonic_ms() + t->patience_ms;
        }
    }
}

/* Extends, as the event bus does after a third of the lease. Returns the longest time that a lease had run. */
static int64_t extend(struct ebc_received **held, size_t n) {
    int64_t longest = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t lease = held[i]->message->lease_ms, ran = ebc_monotonic_ms() - held[i]->leased_ms;

        longest = ran > longest ? ran : longest;
        if (lease > 0 && ran > lease / 3)
            ebc_settle(held[i], EB_EXTEND, 0);
    }
    return longest;
}

/* What is wrong with a message that came as number i of those sent; NULL: nothing. */
static const char *wrong_after_a_wait(struct ebc_test *t, const struct ebc_received *got, struct ebc_range sent, size_t i) {
    if (got->message->deliveries > 1)
        return ebc_format(t, "expected event %zu for the first time, after the host had no room; it came as delivery %u",
                          got->event->number, got->message->deliveries);
    if (t->plugin.consumer->traits & EB_T_ORDER && got->event->number != sent.first + i)
        return ebc_format(t, "expected event %zu of one key as number %zu, after the host had no room; came event %zu",
                          sent.first + i, i + 1, got->event->number);
    return NULL;
}

/* Holds two messages of a key, as many as may be out, for longer than plugins take to renew what they hold. The others wait at
 * the broker, and come for the first time, in order, when there is room: none is taken meanwhile. */
static bool wait_for_room(struct ebc_test *t, int attempt) {
    enum { HELD = 2, HELD_MS = 1300, TURN_MS = 50 };
    const char *topic = ebc_topic(t, ebc_format(t, "b%d", attempt)), *group = ebc_group(t, topic, "g"), *wrong = NULL;
    struct ebc_range sent = ebc_new_events(t, topic, 8, 1);
    struct ebc_received *held[HELD];
    struct ebc_consumer *c;
    int64_t end, lease, longest = 0;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = HELD });
    memcpy(held, ebc_receive_n(c, HELD), sizeof held);
    lease = held[0]->message->lease_ms;
    for (end = ebc_monotonic_ms() + HELD_MS; ebc_monotonic_ms() < end;) {
        int64_t ran = extend(held, HELD);

        longest = ran > longest ? ran : longest;
        ebc_receive(c, 100, lease > 0 && lease / 6 < TURN_MS ? (int32_t)(lease / 6) : TURN_MS);
    }
    take_within(c, t, sent.n);
    for (size_t i = 0; i < sent.n && !wrong; i++)
        wrong = wrong_after_a_wait(t, ebc_all(c)[i], sent, i);
    ebc_close_consumer(c);
    if (wrong && lease > 0 && longest > lease * 2 / 3)
        return false;
    if (wrong)
        ebc_break(t, EBC_BOUNDS, "%s", wrong);
    return true;
}

static void no_more_is_out_than_the_bounds_allow(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *group2 = ebc_group(t, topic, "h");
    struct ebc_range sent = ebc_new_events(t, topic, 14, EBC_OWN_KEYS);
    struct ebc_consumer *c;

    for (size_t i = 0; i < sent.n; i++)
        /* one is larger than max_bytes */
        ebc_set_payload_size(t, ebc_event(t, sent, i), i == 7 ? 9000 : 1000);
    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 4 });
    take_within(c, t, sent.n);
    ebc_close_consumer(c);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group2, .max_bytes = 3500 });
    take_within(c, t, sent.n);
    ebc_attempt(t, wait_for_room);
}

/* clang-format off */
const struct ebc_case ebc_receiving[] = {
    { .group = "receiving", .name = "what-was-sent-is-handed-over",
      .about = "a consumer gets each message once, with unique tokens, inside receive",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = what_was_sent_is_handed_over },
    { .group = "receiving", .name = "no-more-than-max-is-handed-over",
      .about = "receive delivers at most max messages",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = no_more_than_max_is_handed_over },
    { .group = "receiving", .name = "max-0-hands-nothing-over",
      .about = "receive with max 0 delivers nothing and loses nothing",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = max_0_hands_nothing_over },
    { .group = "receiving", .name = "a-refused-message-is-offered-again",
      .about = "after EB_FULL the plugin stops, and offers the message again later",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_refused_message_is_offered_again },
    { .group = "receiving", .name = "a-batch-refused-at-any-place-loses-nothing",
      .about = "EB_FULL at each place of a batch neither loses, doubles nor reorders a message",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_batch_refused_at_any_place_loses_nothing },
    { .group = "receiving", .name = "receive-waits-for-the-first-only",
      .about = "receive returns with the messages that are there, without waiting for more",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = receive_waits_for_the_first_only },
    { .group = "receiving", .name = "a-waiting-receive-sees-what-is-sent",
      .about = "a message that is sent while receive waits ends the wait",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_waiting_receive_sees_what_is_sent },
    { .group = "receiving", .name = "no-more-is-out-than-the-bounds-allow",
      .about = "max_messages and max_bytes bound the messages in flight; the others come in order once there is room",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = no_more_is_out_than_the_bounds_allow },
    { 0 },
};
/* clang-format on */
