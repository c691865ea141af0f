/* plugins/memory/tests/unit_memory.c - the memory plugin by its ops alone, without the core. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "kit.h"

static const char *const logins[] = { "logins" };
static const char *const all_topics[] = { "*" };

TestSuite(memory, .init = kit_load, .timeout = 60);

/* ---- What is sent comes as it was ---- */

static size_t looked;
static const struct eb_schema *schema_seen;

static void look_closely(const struct eb_message *m) {
    cr_assert(looked++ == 0 || m->schema == schema_seen, "a schema is kept once");
    schema_seen = m->schema;
    cr_assert_eq(m->topic.data[m->topic.len], '\0');
    cr_assert_eq(m->position.data[m->position.len], '\0');
    cr_assert_eq(m->id.len, 2);
    cr_assert(m->key.data && m->key.len == 0, "an empty key is not an absent one");
    cr_assert(!m->key_avro.data);
    cr_assert_eq(m->payload.len, 3);
    cr_assert_eq(memcmp(m->payload.data, "a\0b", 3), 0);
    cr_assert_eq(m->n_attrs, 1);
    cr_assert_eq(memcmp(m->attrs[0].value.data, "t1", 2), 0);
    cr_assert_eq(m->n_headers, 2);
    cr_assert_eq(memcmp(m->headers[1].name.data, "h", 1), 0);
    cr_assert(m->headers[1].value.data && m->headers[1].value.len == 0);
    cr_assert(!m->headers[0].value.data);
    cr_assert_eq(m->schema->id, 7);
    cr_assert_eq(memcmp(m->schema->json.data, "{}", 2), 0);
    cr_assert(!m->key_schema);
    cr_assert_gt(m->time_ms, 1500000000000);
    cr_assert_eq(m->lease_ms, 0);
}

Test(memory, message_comes_as_it_was_sent_after_its_producer_is_gone) {
    struct eb_schema *schema = malloc(sizeof *schema);
    struct eb_header attr = { text("type"), text("t1") }, headers[] = { { text("g"), { 0 } }, { text("h"), text("") } };
    struct eb_message message = { .size = sizeof message,
                                  .token = 1,
                                  .topic = text("logins"),
                                  .id = text("id"),
                                  .key = text(""),
                                  .payload = { "a\0b", 3 },
                                  .attrs = &attr,
                                  .n_attrs = 1,
                                  .headers = headers,
                                  .n_headers = 2,
                                  .schema = schema };
    const struct eb_message *twice[] = { &message, &message };
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender();

    cr_assert_eq(from->links, 1, "up, said once");
    *schema = (struct eb_schema){ sizeof *schema, 7, text("S"), text("{}") };
    cr_assert_eq(producer->submit(from->self, twice, 2, NULL), 2);
    sender_close(from);
    memset(&message, 0xff, sizeof message);
    free(schema);
    struct kit *member = receiver(&to);
    member->look = look_closely;
    cr_assert_eq(receive(member, 10, 0), 2);
    cr_assert_eq(looked, 2);
    ack_all(member);
    receiver_close(member);
}

Test(memory, positions_count_from_1_in_each_topic) {
    struct kit *from = sender();

    post(from, "logins", NULL, "a");
    post(from, "other", NULL, "b");
    post(from, "logins", NULL, "c");
    cr_assert_str_eq(from->delivered[0].position, "1");
    cr_assert_str_eq(from->delivered[1].position, "1");
    cr_assert_str_eq(from->delivered[2].position, "2");
    sender_close(from);
}

Test(memory, brokers_of_other_names_share_nothing) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender();

    post(from, "logins", NULL, "a");
    settings.name = "second";
    struct kit *member = receiver(&to);
    cr_assert_eq(receive(member, 10, 0), 0);
    receiver_close(member);
    sender_close(from);
}

Test(memory, producer_takes_no_more_than_it_holds_and_reports_each_once) {
    static struct eb_message messages[1000];
    const struct eb_message *batch[1000];
    struct kit *from = sender();

    for (size_t i = 0; i < 1000; i++) {
        messages[i] = (struct eb_message){
            .size = sizeof messages[i], .token = i, .topic = text("logins"), .payload = text("x")
        };
        batch[i] = &messages[i];
    }
    for (size_t taken = 0; taken < 1000;) {
        int64_t k = producer->submit(from->self, batch + taken, 1000 - taken, NULL);
        cr_assert_geq(k, 0);
        taken += (size_t)k;
        producer->poll(from->self, 0, NULL);
    }
    cr_assert_eq(from->n_delivered, 1000);
    for (size_t i = 0; i < 1000; i++)
        cr_assert(from->delivered[i].token == i && from->delivered[i].status == EB_OK);
    sender_close(from);
}

Test(memory, closing_without_time_hands_back_what_was_not_stored) {
    struct eb_message message = { .size = sizeof message, .token = 5, .topic = text("logins"), .payload = text("x") };
    const struct eb_message *one = &message;
    struct kit *from = sender();

    producer->submit(from->self, &one, 1, NULL);
    producer->close(from->self, 0);
    cr_assert_eq(from->n_delivered, 1);
    cr_assert_eq(from->delivered[0].status, EB_RETRIABLE);
    cr_assert(strstr(from->delivered[0].why, "logins"), "%s", from->delivered[0].why);
    free(from);
}

/* ---- Groups ---- */

Test(memory, each_group_sees_all_and_its_members_share) {
    struct eb_subscription one = subscription_to(logins, "one"), two = subscription_to(logins, "two");
    struct kit *from = sender(), *a = receiver(&one), *b = receiver(&one), *c = receiver(&two);

    for (int i = 0; i < 10; i++)
        post(from, "logins", NULL, "x");
    cr_assert_eq(receive(a, 4, 0), 4);
    cr_assert_eq(receive(b, 100, 0), 6);
    cr_assert_eq(receive(c, 100, 0), 10);
    ack_all(a);
    ack_all(b);
    cr_assert_eq(receive(a, 100, 0), 0);
    receiver_close(a);
    receiver_close(b);
    receiver_close(c);
    sender_close(from);
}

Test(memory, a_group_goes_on_where_it_was) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member = receiver(&to);

    post(from, "logins", NULL, "a");
    post(from, "logins", NULL, "b");
    cr_assert_str_eq(come(member, 1, 0), "a");
    ack_all(member);
    receiver_close(member);
    sender_close(from);
    member = receiver(&to);
    cr_assert_str_eq(come(member, 10, 0), "b");
    receiver_close(member);
}

Test(memory, what_a_member_held_goes_to_others_when_it_is_gone) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);

    post(from, "logins", "k", "1");
    post(from, "logins", "k", "2");
    cr_assert_str_eq(come(a, 10, 0), "1 2");
    cr_assert_str_eq(come(b, 10, 0), "");
    receiver_close(a);
    cr_assert_str_eq(come(b, 10, 0), "1 2");
    cr_assert_eq(b->got[0].deliveries, 2);
    receiver_close(b);
    sender_close(from);
}

Test(memory, a_busy_topic_does_not_starve_the_next) {
    struct eb_subscription to = subscription_to(all_topics, "g");
    struct kit *from = sender(), *member = receiver(&to);
    bool seen = false;

    for (int i = 0; i < 20; i++)
        post(from, "a", NULL, "busy");
    post(from, "b", NULL, "rare");
    for (int i = 0; i < 3; i++)
        seen = strcmp(come(member, 1, 0), "rare") == 0 || seen;
    cr_assert(seen);
    receiver_close(member);
    sender_close(from);
}

static const struct {
    const char *name; /* of the topic, which has a, b and c when the group starts */
    int32_t kind;
    const char *position, *want;
} starts[] = {
    { "earliest", EB_EARLIEST, NULL, "a b c" },
    { "latest", EB_LATEST, NULL, "" },
    { "position-2", EB_POSITION, "2", "b c" },
    { "position-before-the-first", EB_POSITION, "0", "a b c" },
    { "position-behind-the-last", EB_POSITION, "99", "" },
    { "beginning-of-time", EB_TIME, NULL, "a b c" },
};

Test(memory, a_new_group_starts_where_it_is_told_and_never_there_again) {
    struct kit *from = sender();

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct eb_point start = {
            .size = sizeof start, .kind = starts[i].kind, .time_ms = 1, .position = text(starts[i].position)
        };
        struct eb_subscription to = subscription_to(&starts[i].name, "g");

        to.start = &start;
        post(from, starts[i].name, NULL, "a");
        post(from, starts[i].name, NULL, "b");
        post(from, starts[i].name, NULL, "c");
        for (int again = 0; again < 2; again++) {
            struct kit *member = receiver(&to);
            cr_assert_str_eq(come(member, 10, 0), again ? "d" : starts[i].want, "%s", starts[i].name);
            ack_all(member);
            receiver_close(member);
            post(from, starts[i].name, NULL, "d");
        }
    }
    sender_close(from);
}

Test(memory, a_group_can_start_at_a_time) {
    struct eb_point start = { .size = sizeof start, .kind = EB_TIME };
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender();
    struct timespec now;

    to.start = &start;
    post(from, "logins", NULL, "old");
    clock_gettime(CLOCK_REALTIME, &now);
    start.time_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000 + 2;
    do
        clock_gettime(CLOCK_REALTIME, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < start.time_ms);
    post(from, "logins", NULL, "new");
    struct kit *member = receiver(&to);
    cr_assert_str_eq(come(member, 10, 0), "new");
    receiver_close(member);
    sender_close(from);
}

Test(memory, a_start_that_is_no_position_is_refused) {
    static const char *const wrong[] = { "1-0", "", "-1", " ", "x", "99999999999999999999" };
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *member = kit_new();

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct eb_point start = { .size = sizeof start, .kind = EB_POSITION, .position = text(wrong[i]) };
        struct eb_error err;

        to.start = &start;
        cr_assert_eq(consumer->open(&member->host, &settings, &to, &member->self, &err), EB_PERMANENT, "%s", wrong[i]);
        cr_assert_eq(err.kind, EB_KIND_CONFIG);
        cr_assert(strstr(err.text, "is not a position"), "%s", err.text);
    }
    free(member);
}

Test(memory, topics_made_later_are_joined_from_their_start_even_by_latest) {
    static const char *const pattern[] = { "prod-*-done" };
    struct eb_point start = { .size = sizeof start, .kind = EB_LATEST };
    struct eb_subscription to = subscription_to(pattern, "g");
    struct kit *from = sender(), *member;

    to.start = &start;
    post(from, "prod-a-done", NULL, "before");
    member = receiver(&to);
    post(from, "prod-b-done", NULL, "b");
    post(from, "prod-done", NULL, "no");
    post(from, "prod-c-done-not", NULL, "no");
    post(from, "xprod-c-done", NULL, "no");
    post(from, "prod--done-done", NULL, "c");
    receive(member, 10, 0);
    cr_assert_eq(member->n_got, 2);
    cr_assert_str_neq(member->got[0].payload, "no");
    cr_assert_str_neq(member->got[1].payload, "no");
    receiver_close(member);
    sender_close(from);
}

/* ---- Order by key ---- */

Test(memory, a_key_is_out_at_one_member) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);

    post(from, "logins", "k", "k1");
    post(from, "logins", "m", "m1");
    post(from, "logins", "k", "k2");
    post(from, "logins", "m", "m2");
    cr_assert_str_eq(come(a, 1, 0), "k1");
    cr_assert_str_eq(come(b, 10, 0), "m1 m2");
    cr_assert_eq(settle(a, a->got[0].token, EB_ACK, 0), EB_OK);
    cr_assert_str_eq(come(b, 10, 0), "k2", "k is free for anybody again");
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, without_keys_there_is_no_order_to_keep) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);

    post(from, "logins", NULL, "1");
    post(from, "logins", NULL, "2");
    cr_assert_str_eq(come(a, 1, 0), "1");
    cr_assert_str_eq(come(b, 1, 0), "2");
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, strict_is_one_line_for_all_keys) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a, *b;

    to.order = EB_ORDER_STRICT;
    a = receiver(&to);
    b = receiver(&to);
    post(from, "logins", "k", "1");
    post(from, "logins", NULL, "2");
    cr_assert_str_eq(come(a, 1, 0), "1");
    cr_assert_str_eq(come(b, 1, 0), "");
    settle(a, a->got[0].token, EB_RETRY, 60000);
    cr_assert_str_eq(come(b, 1, 0), "");
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, a_retry_holds_back_its_key_and_no_other) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);
    int64_t before = kit_ms();

    post(from, "logins", "k", "k1");
    post(from, "logins", "k", "k2");
    post(from, "logins", "m", "m1");
    cr_assert_str_eq(come(a, 2, 0), "k1 k2");
    struct eb_verdict both[] = { { a->got[1].token, 0, EB_RETURN }, { a->got[0].token, 80, EB_RETRY } };
    settle_all(a, both, 2);
    const char *first = come(b, 10, 0);
    if (kit_ms() - before >= 80 && strcmp(first, "m1") != 0)
        cr_skip_test("this machine stood still for the whole delay");
    cr_assert_str_eq(first, "m1");
    cr_assert_str_eq(come(b, 10, 5000), "k1 k2", "woken by the delay alone");
    cr_assert(kit_ms() - before >= 80 && kit_ms() - before < 4000, "after %lld ms", (long long)(kit_ms() - before));
    cr_assert_eq(b->got[0].failures, 1);
    cr_assert_eq(b->got[0].deliveries, 2);
    cr_assert_eq(b->got[1].failures, 0);
    cr_assert_eq(b->got[1].deliveries, 1, "given back for nothing");
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, acknowledging_out_of_order_covers_nothing_else) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member = receiver(&to);

    for (int i = 0; i < 3; i++)
        post(from, "logins", NULL, i == 0 ? "a" : i == 1 ? "b" : "c");
    receive(member, 10, 0);
    cr_assert_eq(settle(member, member->got[2].token, EB_ACK, 0), EB_OK);
    cr_assert_eq(settle(member, member->got[0].token, EB_ACK, 0), EB_OK);
    receiver_close(member);
    member = receiver(&to);
    cr_assert_str_eq(come(member, 10, 0), "b");
    receiver_close(member);
    sender_close(from);
}

Test(memory, a_key_s_messages_may_be_settled_in_any_order) {
    static const int orders[][3] = { { 1, 0, 2 }, { 2, 1, 0 }, { 1, 2, 0 }, { 0, 2, 1 } };
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        for (int n = 0; n < 3; n++)
            post(from, "logins", "k", n == 0 ? "0" : n == 1 ? "1" : "2");
        cr_assert_str_eq(come(a, 10, 0), "0 1 2");
        for (int n = 0; n < 2; n++)
            cr_assert_eq(settle(a, a->got[orders[i][n]].token, EB_ACK, 0), EB_OK);
        cr_assert_eq(settle(a, a->got[orders[i][2]].token, EB_RETURN, 0), EB_OK);
        cr_assert_eq(receive(b, 10, 0), 1, "order %zu", i);
        ack_all(b);
    }
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, extending_is_no_final_verdict) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member = receiver(&to);

    post(from, "logins", NULL, "a");
    receive(member, 10, 0);
    struct eb_verdict extend = { .token = member->got[0].token, .kind = EB_EXTEND };
    consumer->settle(member->self, &extend, 1, NULL);
    cr_assert_eq(member->n_settled, 0);
    cr_assert_eq(settle(member, extend.token, EB_ACK, 0), EB_OK);
    receiver_close(member);
    sender_close(from);
}

/* ---- Bounds ---- */

Test(memory, a_full_host_is_offered_the_message_again) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member = receiver(&to);

    for (int i = 0; i < 3; i++)
        post(from, "logins", "k", i == 0 ? "a" : i == 1 ? "b" : "c");
    member->takes = 1;
    cr_assert_str_eq(come(member, 10, 0), "a");
    cr_assert_str_eq(come(member, 10, 0), "b c");
    cr_assert_eq(member->got[0].deliveries, 1, "the first time was none");
    receiver_close(member);
    sender_close(from);
}

Test(memory, no_more_is_out_than_the_subscription_allows) {
    struct eb_subscription few = subscription_to(logins, "few"), small = subscription_to(logins, "small");
    struct kit *from = sender(), *a, *b;

    few.max_messages = 2;
    small.max_bytes = 1;
    a = receiver(&few);
    b = receiver(&small);
    for (int i = 0; i < 5; i++)
        post(from, "logins", NULL, "x");
    cr_assert_eq(receive(a, 10, 0), 2);
    uint64_t held = a->got[0].token;
    cr_assert_eq(receive(a, 10, 0), 0);
    settle(a, held, EB_ACK, 0);
    cr_assert_eq(receive(a, 10, 0), 1);
    cr_assert_eq(receive(b, 10, 0), 1, "one longer than the limit passes, alone");
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

Test(memory, a_full_topic_is_that_topic_s_trouble_alone) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from, *member;

    settings.max_messages = 3;
    from = sender();
    for (int i = 0; i < 3; i++)
        post(from, "logins", "k", "x");
    cr_assert_eq(try_post(from, "logins", "k", "y"), EB_RETRIABLE);
    cr_assert(strstr(from->delivered[3].why, "topic logins of memory broker default is full"), "%s", from->delivered[3].why);
    post(from, "other", "k", "x");
    member = receiver(&to);
    receive(member, 1, 0);
    cr_assert_eq(try_post(from, "logins", "k", "y"), EB_RETRIABLE, "what is out is not done");
    ack_all(member);
    post(from, "logins", "k", "y");
    cr_assert_str_eq(from->delivered[from->n_delivered - 1].position, "4");
    cr_assert_str_eq(come(member, 10, 0), "x x y");
    receiver_close(member);
    sender_close(from);
}

Test(memory, a_topic_is_full_by_bytes_too) {
    settings.max_bytes = 2000;
    struct kit *from = sender();
    int32_t status = EB_OK;
    size_t n = 0;

    while (status == EB_OK && n++ < 100)
        status = try_post(from, "logins", NULL, "0123456789");
    cr_assert_eq(status, EB_RETRIABLE);
    cr_assert_lt(n, 20);
    sender_close(from);
}

Test(memory, many_works_of_a_held_key_make_the_group_stand_still_and_lose_nothing) {
    enum { MANY = 6000 };
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *a = receiver(&to), *b = receiver(&to);
    size_t n = 0;

    post(from, "logins", "k", "first");
    cr_assert_eq(receive(a, 1, 0), 1);
    uint64_t first = a->got[0].token;
    for (int i = 0; i < MANY; i++)
        post(from, "logins", "k", "x");
    post(from, "logins", "m", "m");
    cr_assert_eq(receive(b, 1, 0), 0, "m is too far behind");
    settle(a, first, EB_ACK, 0);
    while (receive(b, 1000, 0) > 0) {
        n += b->n_got;
        ack_all(b);
    }
    cr_assert_eq(n, MANY + 1);
    receiver_close(a);
    receiver_close(b);
    sender_close(from);
}

/* ---- The end ---- */

static void expect_end(struct kit *kit, const char *when) {
    int64_t before = kit_ms();

    kit->n_got = 0;
    cr_assert_eq(consumer->receive(kit->self, 10, 10000, NULL), EB_END, "%s", when);
    cr_assert_eq(kit->n_got, 0);
    cr_assert_lt(kit_ms() - before, 5000, "%s: it waited", when);
}

Test(memory, the_end_is_where_it_was_when_the_member_came) {
    struct eb_subscription to = subscription_to(logins, "g"), whole = subscription_to(all_topics, "h");
    struct kit *from = sender(), *member, *looker;

    to.until_end = whole.until_end = 1;
    looker = receiver(&whole);
    expect_end(looker, "no topics at all");
    post(from, "logins", NULL, "a");
    post(from, "logins", NULL, "b");
    expect_end(looker, "a topic that was not there");
    member = receiver(&to);
    post(from, "logins", NULL, "later");
    cr_assert_str_eq(come(member, 2, 0), "a b");
    cr_assert_eq(consumer->receive(member->self, 0, 0, NULL), EB_EMPTY, "not settled yet");
    ack_all(member);
    cr_assert_eq(consumer->receive(member->self, 0, 0, NULL), EB_END);
    receiver_close(looker);
    receiver_close(member);
    sender_close(from);
}

Test(memory, the_end_waits_for_a_delayed_retry) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member;

    to.until_end = 1;
    post(from, "logins", NULL, "a");
    member = receiver(&to);
    receive(member, 10, 0);
    settle(member, member->got[0].token, EB_RETRY, 50);
    cr_assert_str_eq(come(member, 10, 5000), "a");
    ack_all(member);
    expect_end(member, "settled");
    receiver_close(member);
    sender_close(from);
}

Test(memory, the_end_does_not_wait_for_what_live_others_hold_but_for_what_dead_ones_held) {
    struct eb_subscription to = subscription_to(logins, "g"), ending = to;
    struct kit *from = sender(), *other = receiver(&to), *member;

    ending.until_end = 1;
    post(from, "logins", "k", "a");
    post(from, "logins", "k", "behind a");
    post(from, "logins", "m", "b");
    cr_assert_str_eq(come(other, 1, 0), "a");
    member = receiver(&ending);
    cr_assert_str_eq(come(member, 10, 0), "b");
    ack_all(member);
    expect_end(member, "a is out, and what follows it must wait for it");
    receiver_close(other);
    cr_assert_str_eq(come(member, 10, 0), "a behind a");
    ack_all(member);
    expect_end(member, "all done");
    receiver_close(member);
    sender_close(from);
}

/* ---- Waking ---- */

Test(memory, a_wake_is_remembered_once) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = sender(), *member = receiver(&to);
    int64_t before = kit_ms();

    producer->wake(from->self);
    producer->poll(from->self, 20000, NULL);
    consumer->wake(member->self);
    cr_assert_eq(receive(member, 10, 20000), 0);
    cr_assert_lt(kit_ms() - before, 10000);
    before = kit_ms();
    producer->poll(from->self, 30, NULL);
    receive(member, 10, 30);
    cr_assert_geq(kit_ms() - before, 58, "no second time");
    receiver_close(member);
    sender_close(from);
}

static void *wake_both(void *arg) {
    struct kit **kits = arg;

    producer->wake(kits[0]->self);
    consumer->wake(kits[1]->self);
    return NULL;
}

static void *send_one(void *arg) {
    post(arg, "logins", NULL, "a");
    return NULL;
}

Test(memory, waiting_ends_with_a_wake_or_a_message_of_another_thread) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *kits[] = { sender(), receiver(&to) };
    int64_t before = kit_ms();
    pthread_t thread;

    pthread_create(&thread, NULL, wake_both, kits);
    producer->poll(kits[0]->self, 20000, NULL);
    receive(kits[1], 10, 20000);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, send_one, kits[0]);
    cr_assert_str_eq(come(kits[1], 10, 20000), "a");
    pthread_join(thread, NULL);
    cr_assert_lt(kit_ms() - before, 10000);
    receiver_close(kits[1]);
    sender_close(kits[0]);
}
