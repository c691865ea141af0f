/* conform/cases/subscribing.c - what a subscription promises: where a group starts, who shares it, which topics it has, and
 * where it ends. */
#include "cases/case.h"

/* ---- from where ---- */

static void expect_from(struct ebc_test *t, const char *topic, const char *what, const struct eb_point *start,
                        struct ebc_received **stored, size_t first, size_t n) {
    const char *group = ebc_format(t, "%s-%s", ebc_group(t, topic, "from"), what);
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .start = start });
    struct ebc_received **got = ebc_receive_and_ack(c, n - first);

    for (size_t i = first; i < n; i++)
        if (!ebc_find_event(got, n - first, stored[i]->event))
            ebc_break(t, EBC_START, "expected a new group at %s to get event %zu; came others only", what,
                      stored[i]->event->number);
    if (ebc_receive_for_quiet_ms(c) > 0)
        ebc_break(t, EBC_START, "expected %zu messages for a new group at %s; came more", n - first, what);
    ebc_close_consumer(c);
}

/* Sends two halves, the second some ms later. Returns their messages in the broker's order. */
static struct ebc_received **two_halves(struct ebc_test *t, const char *topic, const char *group, size_t n) {
    struct ebc_producer *p = ebc_producer(t);
    int64_t later;

    ebc_send(p, ebc_new_events(t, topic, n / 2, 1));
    for (later = ebc_wall_ms() + 20; ebc_wall_ms() < later;)
        ebc_poll(p, 5);
    ebc_send(p, ebc_new_events(t, topic, n / 2, 1));
    ebc_close_producer(p, 1000);
    return ebc_read_stored(t, topic, group, n);
}

static void a_new_group_starts_where_it_says(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_received **stored = two_halves(t, topic, group, 16);
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };

    expect_from(t, topic, "earliest", &start, stored, 0, 16);
    start.kind = EB_POSITION;
    start.position = stored[5]->message->position;
    expect_from(t, topic, "position", &start, stored, 5, 16);
    start = (struct eb_point){ .size = sizeof start, .kind = EB_TIME, .time_ms = stored[8]->message->time_ms };
    if (start.time_ms != 0)
        expect_from(t, topic, "time", &start, stored, 8, 16);
}

/* Sends until the new group gets an event; nothing from before the group may come. */
static void a_new_group_at_latest_sees_only_what_comes(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_format(t, "%s-latest", topic);
    struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };
    struct ebc_range before = ebc_new_events(t, topic, 10, 3);
    struct ebc_producer *p = ebc_producer(t);
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    struct ebc_consumer *c;

    ebc_send(p, before);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .start = &latest });
    while (ebc_count(c) == 0) {
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_START,
                      "expected a new group at latest to see events sent after it began; came none for "
                      "%lld ms",
                      (long long)t->patience_ms);
        ebc_receive(c, 1, 20);
        ebc_send(p, ebc_new_events(t, topic, 1, 3));
    }
    ebc_receive_rest(c, SIZE_MAX);
    for (size_t i = 0; i < before.n; i++)
        if (ebc_find_event(ebc_all(c), ebc_count(c), ebc_event(t, before, i)))
            ebc_break(t, EBC_START,
                      "expected a new group at latest to begin after the %zu events that were there; "
                      "came one of them",
                      before.n);
}

static void an_existing_group_is_never_moved(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };
    struct ebc_range sent = ebc_new_events(t, topic, 10, EBC_OWN_KEYS);
    struct ebc_consumer *c;

    ebc_send_through_new(t, (struct ebc_range){ sent.first, 5 });
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_and_ack(c, 5);
    ebc_close_consumer(c);
    ebc_send_through_new(t, (struct ebc_range){ sent.first + 5, 5 });
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .start = &latest });
    ebc_expect_events(t, EBC_START, ebc_receive_and_ack(c, 5), 5, ebc_listed(t, (struct ebc_range){ sent.first + 5, 5 }), 5);
}

/* ---- groups and members ---- */

static void each_group_sees_all(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *groups[] = { ebc_group(t, topic, "g"), ebc_group(t, topic, "h") };
    struct ebc_range sent = ebc_new_events(t, topic, 40, 5);
    struct ebc_consumer *c[2];

    for (int i = 0; i < 2; i++)
        c[i] = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = groups[i] });
    ebc_send_through_new(t, sent);
    for (int i = 0; i < 2; i++) {
        ebc_receive_and_ack(c[i], sent.n);
        ebc_receive_for_quiet_ms(c[i]);
        ebc_expect_events(t, EBC_GROUPS, ebc_all(c[i]), ebc_count(c[i]), ebc_listed(t, sent), sent.n);
    }
}

/* Acknowledges what this member has, and returns what was revoked. */
static void settle_in_hand(struct ebc_consumer *c) {
    for (size_t i = 0; i < ebc_count(c); i++)
        if (!ebc_all(c)[i]->verdict)
            ebc_settle(ebc_all(c)[i], ebc_all(c)[i]->revoked ? EB_RETURN : EB_ACK, 0);
}

static size_t done_among(struct ebc_test *t, struct ebc_range sent) {
    size_t n = 0;

    for (size_t i = 0; i < sent.n; i++)
        n += ebc_event(t, sent, i)->acked_by != 0;
    return n;
}

static void members_of_a_group_share_the_work(struct ebc_test *t) {
    static const char *const names[] = { "m1", "m2", "m3" };
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 150, 20);
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    struct ebc_consumer *c[3];

    for (int i = 0; i < 3; i++)
        c[i] = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = names[i] });
    ebc_send_through_new(t, sent);
    for (size_t done = 0, now; (now = done_among(t, sent)) < sent.n;) {
        if (now > done)
            end = ebc_monotonic_ms() + t->patience_ms;
        done = now;
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_SHARED,
                      "expected three members to get each of %zu events; came %zu, then none for %lld "
                      "ms",
                      sent.n, done, (long long)t->patience_ms);
        for (int i = 0; i < 3; i++) {
            ebc_receive(c[i], 10, 5); /* the host notes an event that any member has acknowledged before */
            settle_in_hand(c[i]);
        }
    }
    for (int i = 0; i < 3; i++)
        ebc_receive_for_quiet_ms(c[i]);
}

/* ---- topics ---- */

static void two_topics_come_through_one_consumer(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *topic2 = ebc_topic(t, "b");
    const char *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, 20, 3);
    struct ebc_consumer *c;

    ebc_send_through_new(t, sent);
    ebc_send_through_new(t, ebc_new_events(t, topic2, 20, 3));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .topic2 = topic2, .group = group });
    ebc_receive_and_ack(c, 40);
    ebc_expect_events(t, EBC_MISSING, ebc_all(c), 40, ebc_listed(t, (struct ebc_range){ sent.first, 40 }), 40);
}

static void a_topic_made_later_is_waited_for(struct ebc_test *t) {
    const char *topic = ebc_topic_name(t, "later"), *group = ebc_format(t, "%s-g", topic);
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });

    ebc_receive_for_quiet_ms(c);
    ebc_topic(t, "later");
    ebc_send_through_new(t, ebc_new_events(t, topic, 5, 2));
    ebc_receive_and_ack(c, 5);
}

static void a_pattern_takes_in_topics_made_later(struct ebc_test *t) {
    const char *before = ebc_topic(t, "in-1"), *other = ebc_topic(t, "out-1"), *unwanted = ebc_topic(t, "in-not");
    const char *after;
    const char *group = ebc_format(t, "%s-g", before);
    struct ebc_range sent = { t->n_events, 10 };
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, before, 5, 2));
    c = ebc_consumer(
        t, &(struct ebc_consumer_options){ .topic = ebc_topic_name(t, "in-*"), .unwanted = unwanted, .group = group });
    ebc_receive_and_ack(c, 5);
    after = ebc_topic(t, "in-2");
    ebc_send_through_new(t, ebc_new_events(t, after, 5, 2));
    ebc_send_through_new(t, ebc_new_events(t, other, 5, 2));
    ebc_send_through_new(t, ebc_new_events(t, unwanted, 5, 2));
    ebc_receive_and_ack(c, 5);
    ebc_receive_for_quiet_ms(c);
    ebc_expect_events(t, EBC_PATTERN, ebc_all(c), ebc_count(c), ebc_listed(t, sent), sent.n);
}

static void a_paused_partition_hands_nothing_over(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    uint32_t partition;

    if (!t->plugin.consumer->pause)
        ebc_skip(t, "the plugin has no pause");
    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    partition = ebc_receive_and_ack(c, 1)[0]->message->partition;
    ebc_pause(c, partition, 1);
    ebc_send_through_new(t, ebc_new_events(t, topic, 10, 1));
    if (ebc_receive_for_quiet_ms(c) > 0)
        ebc_break(t, EBC_PAUSE, "expected nothing of partition %u while it is paused; came %zu messages", partition,
                  ebc_count(c) - 1);
    ebc_pause(c, partition, 0);
    ebc_receive_and_ack(c, 10);
}

/* ---- the end ---- */

/* Receives until EB_END and settles nothing. */
static void expect_end(struct ebc_test *t, struct ebc_consumer *c, const char *when) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (ebc_receive(c, 100, 20) != EB_END)
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_UNTIL_END, "expected EB_END %s; came none for %lld ms", when, (long long)t->patience_ms);
}

static void expect_no_end(struct ebc_test *t, struct ebc_consumer *c, const char *when) {
    for (int64_t end = ebc_monotonic_ms() + t->quiet_ms; ebc_monotonic_ms() < end;)
        if (ebc_receive(c, 100, 20) == EB_END)
            ebc_break(t, EBC_UNTIL_END, "expected no EB_END %s; came EB_END", when);
}

static void the_end_comes_when_all_is_settled(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *none = ebc_topic_name(t, "none");
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .until_end = 1 };
    struct ebc_received **got;
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, topic, 20, EBC_OWN_KEYS));
    c = ebc_consumer(t, &wish);
    got = ebc_receive_n(c, 20);
    ebc_settle_each(c, got + 1, 19, EB_ACK);
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

static void the_end_waits_for_a_retry(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_received **got;

    ebc_send_through_new(t, ebc_new_events(t, topic, 3, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .until_end = 1 });
    got = ebc_receive_n(c, 3);
    ebc_settle(got[1], EB_RETRY, (uint32_t)(t->quiet_ms + 150));
    ebc_settle(got[0], EB_ACK, 0);
    ebc_settle(got[2], EB_ACK, 0);
    expect_no_end(t, c, "while a message waits for its retry");
    ebc_receive_and_ack(c, 1);
    expect_end(t, c, "when the retry is settled");
}

/* Acknowledges what comes until EB_END. */
static void expect_end_behind_the_rest(struct ebc_test *t, struct ebc_consumer *c, const char *when) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    for (size_t seen = 0; ebc_receive(c, 100, 20) != EB_END;) {
        for (; seen < ebc_count(c); seen++)
            if (!ebc_all(c)[seen]->verdict)
                ebc_settle(ebc_all(c)[seen], EB_ACK, 0);
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_UNTIL_END, "expected EB_END %s; came none for %lld ms", when, (long long)t->patience_ms);
    }
}

/* What was removed before the group got it can be settled by nobody. */
static void the_end_comes_though_it_was_removed(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;

    if (!t->plugin.admin->trim)
        ebc_skip(t, "the admin role has no trim");
    ebc_send_through_new(t, ebc_new_events(t, topic, 30, 1));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 2, .until_end = 1 });
    ebc_receive_n(c, 2);
    ebc_receive_for_quiet_ms(c); /* by then it knows the end */
    ebc_admin_trim(t, topic, (struct eb_point){ .kind = EB_LATEST }, 1);
    expect_end_behind_the_rest(t, c, "when all that is left is settled, after a trim with unread_too");
}

/* clang-format off */
const struct ebc_case ebc_subscribing[] = {
    { .group = "receiving", .name = "a-new-group-starts-where-it-says",
      .about = "a new group begins at the earliest message, a position or a time",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_HISTORY,
      .run = a_new_group_starts_where_it_says },
    { .group = "receiving", .name = "a-new-group-at-latest-sees-only-what-comes",
      .about = "a new group at the latest point gets nothing from before it",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_new_group_at_latest_sees_only_what_comes },
    { .group = "receiving", .name = "an-existing-group-is-never-moved",
      .about = "a start point does not move a group that exists",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = an_existing_group_is_never_moved },
    { .group = "receiving", .name = "each-group-sees-all",
      .about = "each of two groups gets all messages",
      .roles = EBC_SEND_AND_RECEIVE, .run = each_group_sees_all },
    { .group = "receiving", .name = "members-of-a-group-share-the-work",
      .about = "three members get each message once between them",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = members_of_a_group_share_the_work },
    { .group = "receiving", .name = "two-topics-come-through-one-consumer",
      .about = "one consumer of two topics gets the messages of both",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_HISTORY, .run = two_topics_come_through_one_consumer },
    { .group = "receiving", .name = "a-topic-made-later-is-waited-for",
      .about = "a consumer waits for a topic that does not exist yet, and gets all of it",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_HISTORY,
      .run = a_topic_made_later_is_waited_for },
    { .group = "receiving", .name = "a-pattern-takes-in-topics-made-later",
      .about = "a pattern takes in the topics that match, later ones too, as far as matches() allows",
      .roles = EBC_SEND_AND_RECEIVE,
      .consumer = EB_T_HISTORY | EB_T_PATTERN, .run = a_pattern_takes_in_topics_made_later },
    { .group = "receiving", .name = "a-paused-partition-hands-nothing-over",
      .about = "a paused partition delivers nothing until it is resumed, and loses nothing",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_paused_partition_hands_nothing_over },
    { .group = "receiving", .name = "the-end-comes-when-all-is-settled",
      .about = "with until_end, EB_END comes once all is settled, and not before",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = the_end_comes_when_all_is_settled },
    { .group = "receiving", .name = "the-end-comes-though-it-was-removed",
      .about = "with until_end, EB_END comes though messages up to the end are removed before the group gets them",
      .roles = EBC_ALL_ROLES,
      .run = the_end_comes_though_it_was_removed },
    { .group = "receiving", .name = "the-end-waits-for-a-retry",
      .about = "with until_end, EB_END waits for a message that waits for its retry",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_DELAY,
      .run = the_end_waits_for_a_retry },
    { 0 },
};
/* clang-format on */
