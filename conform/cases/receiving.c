/* conform/cases/receiving.c - what a consumer is handed: all that was sent, as much as asked, from where it said. */
#include "case.h"

#include <string.h>
#include <unistd.h>

enum { BOTH = EBC_PRODUCER | EBC_CONSUMER };

/* The events of a span as a list. */
static const struct ebc_event **listed(struct ebc *t, struct ebc_span span) {
    const struct ebc_event **list = ebc_alloc(t, (span.n + 1) * sizeof *list);

    for (size_t i = 0; i < span.n; i++)
        list[i] = ebc_event(t, span, i);
    return list;
}

static void what_was_sent_is_handed_over(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_span sent = ebc_make(t, topic, 300, 20);
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    ebc_take_and_ack(c, sent.n);
    ebc_wait_answers(c);
    ebc_quiet(c);
    ebc_expect_events(t, EBC_RECEIVED, ebc_all(c), ebc_count(c), listed(t, sent), sent.n);
    for (size_t i = 0; i < sent.n; i++)
        if (ebc_all(c)[i]->message->deliveries > 1)
            ebc_break(t, EBC_RECEIVED, "expected deliveries 1, or 0 for unknown, of a message handed out once; came %u",
                      ebc_all(c)[i]->message->deliveries);
}

/* ---- how many ---- */

static void no_more_than_max_is_handed_over(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_make(t, topic, 60, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    for (uint32_t max = 1; ebc_count(c) < 60; max = max % 7 + 1) {
        ebc_take(c, 1);                         /* more than asked would be noted there */
        ebc_receive(c, max, 20);
    }
}

static void max_0_hands_nothing_over(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_make(t, topic, 10, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    ebc_take(c, 2);
    for (int64_t end = ebc_ticks_ms() + t->quiet_ms; ebc_ticks_ms() < end;)
        ebc_receive(c, 0, 20);                  /* anything handed over is noted */
    ebc_take(c, 8);                             /* what came in meanwhile was kept */
}

static void a_refused_message_is_offered_again(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_span sent = ebc_make(t, topic, 12, EBC_OWN_KEYS);
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    for (size_t room = 0; ebc_count(c) < sent.n; room = (room + 1) % 3) {
        ebc_take_only(c, room);
        ebc_receive(c, 10, 20);
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_FULL_AGAIN, "expected each of 12 messages, though some were refused once; came %zu",
                      ebc_count(c));
    }
    ebc_take_only(c, SIZE_MAX);
    ebc_quiet(c);
    ebc_expect_events(t, EBC_FULL_AGAIN, ebc_all(c), ebc_count(c), listed(t, sent), sent.n);
}

static void receive_waits_for_the_first_only(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    int32_t timeout_ms = (int32_t)(2 * t->patience_ms);
    int64_t began, took;

    ebc_send_through_new(t, ebc_make(t, topic, 1, 1));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    ebc_take_and_ack(c, 1);                     /* it has begun: the next ones come without delay */
    ebc_wait_answers(c);
    ebc_send_through_new(t, ebc_make(t, topic, 1, 1));
    began = ebc_ticks_ms();
    while (ebc_count(c) == 1 && ebc_ticks_ms() < began + t->patience_ms)
        ebc_receive(c, 100, timeout_ms);
    took = ebc_ticks_ms() - began;
    if (ebc_count(c) > 1 && took > t->patience_ms)
        ebc_break(t, EBC_FIRST_ONLY, "expected receive(max 100, %d ms) to be back with the one message there was; "
                  "came back after %lld ms", (int)timeout_ms, (long long)took);
    if (ebc_count(c) == 1)
        ebc_break(t, EBC_MISSING, "expected the message sent last; came none for %lld ms", (long long)took);
}

/* A thread with a producer of its own, which sends some time after the case's thread went to wait. */
struct sender {
    struct ebc *t;
    struct ebc_producer *producer;
    struct ebc_span sent;
};

static void *send_later(void *arg) {
    struct sender *sender = arg;

    usleep(30000);
    ebc_send(sender->producer, sender->sent);
    return NULL;
}

static void a_waiting_receive_sees_what_is_sent(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    struct sender sender = { t, ebc_producer(t), { 0, 0 } };

    ebc_send(sender.producer, ebc_make(t, topic, 1, 1));
    ebc_take_and_ack(c, 1);                     /* it has begun */
    for (int i = 0; i < 4; i++) {
        size_t before = ebc_count(c);
        int64_t began = ebc_ticks_ms(), end = began + 2 * t->patience_ms, took;
        pthread_t thread;

        sender.sent = ebc_make(t, topic, 1, 1);
        if (pthread_create(&thread, NULL, send_later, &sender) != 0)
            ebc_skip(t, "no thread can be started on this machine");
        while (ebc_count(c) == before && ebc_ticks_ms() < end)
            ebc_receive(c, 10, (int32_t)(end - ebc_ticks_ms()));
        took = ebc_ticks_ms() - began;
        pthread_join(thread, NULL);
        if (ebc_count(c) == before || took > t->patience_ms)
            ebc_break(t, EBC_ARRIVAL, "expected receive(%lld ms) to be back with the event sent 30 ms after it began; "
                      "came back after %lld ms with %zu", (long long)(end - began), (long long)took,
                      ebc_count(c) - before);
        ebc_settle(ebc_all(c)[before], EB_ACK, 0);
    }
}

/* Takes and settles n messages, and waits in between as long as the host's bounds are full: more than they allow is
 * noted where it is handed over. */
static void take_within(struct ebc_consumer *c, struct ebc *t, size_t n) {
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    size_t settled = 0;

    while (settled < n) {
        size_t before = ebc_count(c);

        ebc_receive(c, 100, 10);
        if (ebc_count(c) > before)
            continue;
        if (ebc_in_hand(c) == 0 && ebc_ticks_ms() > end)
            ebc_break(t, EBC_BOUNDS, "expected %zu more messages once there is room again; came none for %lld ms",
                      n - settled, (long long)t->patience_ms);
        if (ebc_in_hand(c) > 0) {
            ebc_settle(ebc_all(c)[settled++], EB_ACK, 0);
            end = ebc_ticks_ms() + t->patience_ms;
        }
    }
}

static void no_more_is_out_than_the_bounds_allow(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *group2 = ebc_group(t, topic, "h");
    struct ebc_span sent = ebc_make(t, topic, 14, EBC_OWN_KEYS);
    struct ebc_consumer *c;

    for (size_t i = 0; i < sent.n; i++)
        /* one is larger than all that may be out */
        ebc_set_payload_size(t, ebc_event(t, sent, i), i == 7 ? 9000 : 1000);
    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .max_messages = 4 });
    take_within(c, t, sent.n);
    ebc_close_consumer(c);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group2, .max_bytes = 3500 });
    take_within(c, t, sent.n);
}

/* ---- from where ---- */

static void expect_from(struct ebc *t, const char *topic, const char *what, const struct eb_point *start,
                        struct ebc_got **stored, size_t first, size_t n) {
    const char *group = ebc_text(t, "%s-%s", ebc_group(t, topic, "from"), what);
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .start = start });
    struct ebc_got **got = ebc_take_and_ack(c, n - first);

    for (size_t i = first; i < n; i++)
        if (!ebc_find(got, n - first, stored[i]->event))
            ebc_break(t, EBC_START, "expected a new group at %s to get event %zu; came others only", what,
                      stored[i]->event->number);
    if (ebc_quiet(c) > 0)
        ebc_break(t, EBC_START, "expected %zu messages for a new group at %s; came more", n - first, what);
    ebc_close_consumer(c);
}

/* Two halves, the second one stored at least some ms later: their messages as a group sees them. */
static struct ebc_got **two_halves(struct ebc *t, const char *topic, const char *group, size_t n) {
    struct ebc_producer *p = ebc_producer(t);
    int64_t later;

    ebc_send(p, ebc_make(t, topic, n / 2, 1));
    for (later = ebc_clock_ms() + 20; ebc_clock_ms() < later;)
        ebc_poll(p, 5);
    ebc_send(p, ebc_make(t, topic, n / 2, 1));
    ebc_close_producer(p, 1000);
    return ebc_stored(t, topic, group, n);
}

static void a_new_group_starts_where_it_says(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_got **stored = two_halves(t, topic, group, 16);
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };

    expect_from(t, topic, "earliest", &start, stored, 0, 16);
    start.kind = EB_POSITION;
    start.position = stored[5]->message->position;
    expect_from(t, topic, "position", &start, stored, 5, 16);
    start = (struct eb_point){ .size = sizeof start, .kind = EB_TIME, .time_ms = stored[8]->message->time_ms };
    if (start.time_ms != 0)
        expect_from(t, topic, "time", &start, stored, 8, 16);
}

/* Sends until the new group sees the newest; nothing of what was there before may come. */
static void a_new_group_at_latest_sees_only_what_comes(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_text(t, "%s-latest", topic);
    struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };
    struct ebc_span before = ebc_make(t, topic, 10, 3);
    struct ebc_producer *p = ebc_producer(t);
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    struct ebc_consumer *c;

    ebc_send(p, before);
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .start = &latest });
    while (ebc_count(c) == 0) {
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_START, "expected a new group at latest to see events sent after it began; came none for "
                      "%lld ms", (long long)t->patience_ms);
        ebc_receive(c, 1, 20);
        ebc_send(p, ebc_make(t, topic, 1, 3));
    }
    ebc_take_rest(c, SIZE_MAX);
    for (size_t i = 0; i < before.n; i++)
        if (ebc_find(ebc_all(c), ebc_count(c), ebc_event(t, before, i)))
            ebc_break(t, EBC_START, "expected a new group at latest to begin after the %zu events that were there; "
                      "came one of them", before.n);
}

static void an_existing_group_is_never_moved(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };
    struct ebc_span sent = ebc_make(t, topic, 10, EBC_OWN_KEYS);
    struct ebc_consumer *c;

    ebc_send_through_new(t, (struct ebc_span){ sent.first, 5 });
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    ebc_take_and_ack(c, 5);
    ebc_close_consumer(c);
    ebc_send_through_new(t, (struct ebc_span){ sent.first + 5, 5 });
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .start = &latest });
    ebc_expect_events(t, EBC_START, ebc_take_and_ack(c, 5), 5, listed(t, (struct ebc_span){ sent.first + 5, 5 }), 5);
}

/* ---- groups and members ---- */

static void each_group_sees_all(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *groups[] = { ebc_group(t, topic, "g"), ebc_group(t, topic, "h") };
    struct ebc_span sent = ebc_make(t, topic, 40, 5);
    struct ebc_consumer *c[2];

    for (int i = 0; i < 2; i++)
        c[i] = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = groups[i] });
    ebc_send_through_new(t, sent);
    for (int i = 0; i < 2; i++) {
        ebc_take_and_ack(c[i], sent.n);
        ebc_quiet(c[i]);
        ebc_expect_events(t, EBC_GROUPS, ebc_all(c[i]), ebc_count(c[i]), listed(t, sent), sent.n);
    }
}

/* Acknowledges what this member has, and returns what was taken away from it. */
static void settle_in_hand(struct ebc_consumer *c) {
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            ebc_settle(ebc_all(c)[i], ebc_all(c)[i]->revoked ? EB_RETURN : EB_ACK, 0);
}

static size_t done_among(struct ebc *t, struct ebc_span sent) {
    size_t n = 0;

    for (size_t i = 0; i < sent.n; i++)
        n += ebc_event(t, sent, i)->done != 0;
    return n;
}

static void members_of_a_group_share_the_work(struct ebc *t) {
    static const char *const names[] = { "m1", "m2", "m3" };
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_span sent = ebc_make(t, topic, 150, 20);
    int64_t end = ebc_ticks_ms() + t->patience_ms;
    struct ebc_consumer *c[3];

    for (int i = 0; i < 3; i++)
        c[i] = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .member = names[i] });
    ebc_send_through_new(t, sent);
    for (size_t done = 0, now; (now = done_among(t, sent)) < sent.n;) {
        if (now > done)
            end = ebc_ticks_ms() + t->patience_ms;
        done = now;
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_SHARED, "expected three members to get each of %zu events; came %zu, then none for %lld "
                      "ms", sent.n, done, (long long)t->patience_ms);
        for (int i = 0; i < 3; i++) {
            ebc_receive(c[i], 10, 5);           /* one that was acknowledged, at whichever member, is noted here */
            settle_in_hand(c[i]);
        }
    }
    for (int i = 0; i < 3; i++)
        ebc_quiet(c[i]);
}

/* ---- topics ---- */

static void two_topics_come_through_one_consumer(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *topic2 = ebc_topic(t, "b");
    const char *group = ebc_group(t, topic, "g");
    struct ebc_span sent = ebc_make(t, topic, 20, 3);
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    ebc_send_through_new(t, ebc_make(t, topic2, 20, 3));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .topic2 = topic2, .group = group });
    ebc_take_and_ack(c, 40);
    ebc_expect_events(t, EBC_MISSING, ebc_all(c), 40, listed(t, (struct ebc_span){ sent.first, 40 }), 40);
}

static void a_topic_made_later_is_waited_for(struct ebc *t) {
    const char *topic = ebc_topic_name(t, "later"), *group = ebc_text(t, "%s-g", topic);
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });

    ebc_quiet(c);
    ebc_topic(t, "later");
    ebc_send_through_new(t, ebc_make(t, topic, 5, 2));
    ebc_take_and_ack(c, 5);
}

static void a_pattern_takes_in_topics_made_later(struct ebc *t) {
    const char *before = ebc_topic(t, "in-1"), *other = ebc_topic(t, "out-1"), *unwanted = ebc_topic(t, "in-not");
    const char *after;
    const char *group = ebc_text(t, "%s-g", before);
    struct ebc_span sent = { t->n_events, 10 };
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_make(t, before, 5, 2));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = ebc_topic_name(t, "in-*"), .but = unwanted, .group = group });
    ebc_take_and_ack(c, 5);
    after = ebc_topic(t, "in-2");
    ebc_send_through_new(t, ebc_make(t, after, 5, 2));
    ebc_send_through_new(t, ebc_make(t, other, 5, 2));
    ebc_send_through_new(t, ebc_make(t, unwanted, 5, 2));
    ebc_take_and_ack(c, 5);
    ebc_quiet(c);
    ebc_expect_events(t, EBC_PATTERN, ebc_all(c), ebc_count(c), listed(t, sent), sent.n);
}

static void a_paused_lane_hands_nothing_over(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    uint32_t partition;

    if (!t->plugin.consumer->pause)
        ebc_skip(t, "the plugin has no pause");
    ebc_send_through_new(t, ebc_make(t, topic, 1, 1));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group });
    partition = ebc_take_and_ack(c, 1)[0]->message->partition;
    ebc_pause(c, partition, 1);
    ebc_send_through_new(t, ebc_make(t, topic, 10, 1));
    if (ebc_quiet(c) > 0)
        ebc_break(t, EBC_PAUSE, "expected nothing of partition %u while it is paused; came %zu messages", partition,
                  ebc_count(c) - 1);
    ebc_pause(c, partition, 0);
    ebc_take_and_ack(c, 10);
}

/* ---- the end ---- */

/* Receives until EB_END, settling nothing. */
static void expect_end(struct ebc *t, struct ebc_consumer *c, const char *when) {
    int64_t end = ebc_ticks_ms() + t->patience_ms;

    while (ebc_receive(c, 100, 20) != EB_END)
        if (ebc_ticks_ms() > end)
            ebc_break(t, EBC_UNTIL_END, "expected EB_END %s; came none for %lld ms", when, (long long)t->patience_ms);
}

static void expect_no_end(struct ebc *t, struct ebc_consumer *c, const char *when) {
    for (int64_t end = ebc_ticks_ms() + t->quiet_ms; ebc_ticks_ms() < end;)
        if (ebc_receive(c, 100, 20) == EB_END)
            ebc_break(t, EBC_UNTIL_END, "expected no EB_END %s; came EB_END", when);
}

static void the_end_comes_when_all_is_settled(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *none = ebc_topic_name(t, "none");
    struct ebc_wish wish = { .topic = topic, .group = group, .until_end = 1 };
    struct ebc_got **got;
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_make(t, topic, 20, EBC_OWN_KEYS));
    c = ebc_consumer(t, &wish);
    got = ebc_take(c, 20);
    ebc_settle_all(c, got + 1, 19, EB_ACK);
    expect_no_end(t, c, "while one message is unsettled");
    ebc_settle(got[0], EB_ACK, 0);
    expect_end(t, c, "when all are settled");
    ebc_close_consumer(c);
    c = ebc_consumer(t, &wish);
    expect_end(t, c, "for a group that has settled all");
    ebc_close_consumer(c);
    wish.topic = none;
    c = ebc_consumer(t, &wish);
    expect_end(t, c, "for a topic that does not exist");
}

static void the_end_waits_for_a_retry(struct ebc *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_got **got;

    ebc_send_through_new(t, ebc_make(t, topic, 3, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_wish){ .topic = topic, .group = group, .until_end = 1 });
    got = ebc_take(c, 3);
    ebc_settle(got[1], EB_RETRY, (uint32_t)(t->quiet_ms + 150));
    ebc_settle(got[0], EB_ACK, 0);
    ebc_settle(got[2], EB_ACK, 0);
    expect_no_end(t, c, "while a message waits for its retry");
    ebc_take_and_ack(c, 1);
    expect_end(t, c, "when the retry is settled");
}

const struct ebc_case ebc_receiving[] = {
    { .group = "receiving", .name = "what-was-sent-is-handed-over", .roles = BOTH,
      .run = what_was_sent_is_handed_over },
    { .group = "receiving", .name = "no-more-than-max-is-handed-over", .roles = BOTH,
      .run = no_more_than_max_is_handed_over },
    { .group = "receiving", .name = "max-0-hands-nothing-over", .roles = BOTH, .run = max_0_hands_nothing_over },
    { .group = "receiving", .name = "a-refused-message-is-offered-again", .roles = BOTH,
      .run = a_refused_message_is_offered_again },
    { .group = "receiving", .name = "receive-waits-for-the-first-only", .roles = BOTH,
      .run = receive_waits_for_the_first_only },
    { .group = "receiving", .name = "a-waiting-receive-sees-what-is-sent", .roles = BOTH,
      .run = a_waiting_receive_sees_what_is_sent },
    { .group = "receiving", .name = "no-more-is-out-than-the-bounds-allow", .roles = BOTH,
      .run = no_more_is_out_than_the_bounds_allow },
    { .group = "receiving", .name = "a-new-group-starts-where-it-says", .roles = BOTH, .consumer = EB_T_HISTORY,
      .run = a_new_group_starts_where_it_says },
    { .group = "receiving", .name = "a-new-group-at-latest-sees-only-what-comes", .roles = BOTH,
      .run = a_new_group_at_latest_sees_only_what_comes },
    { .group = "receiving", .name = "an-existing-group-is-never-moved", .roles = BOTH,
      .run = an_existing_group_is_never_moved },
    { .group = "receiving", .name = "each-group-sees-all", .roles = BOTH, .run = each_group_sees_all },
    { .group = "receiving", .name = "members-of-a-group-share-the-work", .roles = BOTH,
      .run = members_of_a_group_share_the_work },
    { .group = "receiving", .name = "two-topics-come-through-one-consumer", .roles = BOTH,
      .consumer = EB_T_HISTORY, .run = two_topics_come_through_one_consumer },
    { .group = "receiving", .name = "a-topic-made-later-is-waited-for", .roles = BOTH, .consumer = EB_T_HISTORY,
      .run = a_topic_made_later_is_waited_for },
    { .group = "receiving", .name = "a-pattern-takes-in-topics-made-later", .roles = BOTH,
      .consumer = EB_T_HISTORY | EB_T_PATTERN, .run = a_pattern_takes_in_topics_made_later },
    { .group = "receiving", .name = "a-paused-partition-hands-nothing-over", .roles = BOTH,
      .run = a_paused_lane_hands_nothing_over },
    { .group = "receiving", .name = "the-end-comes-when-all-is-settled", .roles = BOTH,
      .run = the_end_comes_when_all_is_settled },
    { .group = "receiving", .name = "the-end-waits-for-a-retry", .roles = BOTH, .consumer = EB_T_DELAY,
      .run = the_end_waits_for_a_retry },
    { 0 },
};
