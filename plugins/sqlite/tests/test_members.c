/* plugins/sqlite/tests/test_members.c - members of a group: shares of the work, deaths, leases, retries that last. */
#include "kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- other processes ---- */

/* hold PATH GROUP COUNT LEASE: takes that many, says them, and keeps them. */
static int hold(int argc, char **argv) {
    struct kit_wish wish = { .path = argv[0], .topic = "t", .group = argv[1], .name = "holder" };
    struct kit_consumer *c;
    size_t count, said = 0;

    if (argc != 4)
        return 2;
    count = strtoul(argv[2], NULL, 10);
    wish.lease = strtol(argv[3], NULL, 10);
    c = kit_consumer(&wish);
    for (;;) {
        size_t left = count - c->host->n_got;
        kit_receive(c, (uint32_t)left, 50);
        for (; said < c->host->n_got; said++)
            kit_say("%ld", c->host->got[said]->number);
    }
}

/* late PATH GROUP LEASE: takes two, says so, is stopped and goes on by the parent; then acknowledges the first one and says
 * what it is told. */
static int late(int argc, char **argv) {
    struct kit_wish wish = { .path = argv[0], .topic = "t", .group = argv[1], .name = "late" };
    struct kit_consumer *c;
    struct kit_got **got;

    if (argc != 3)
        return 2;
    wish.lease = strtol(argv[2], NULL, 10);
    c = kit_consumer(&wish);
    kit_take(c, 2);
    got = c->host->got;
    kit_say("got %ld %ld", got[0]->number, got[1]->number);
    raise(SIGSTOP);
    kit_settle(c, got[0], EB_ACK, 0);
    while (!got[0]->settled || !got[1]->revoked)
        kit_receive(c, 0, 50);
    kit_settle(c, got[1], EB_RETURN, 0);
    kit_receive(c, 0, 50);
    kit_say("answers %d %d", got[0]->answer, got[1]->answer);
    kit_close_consumer(c);
    return 0;
}

static const struct kit_role roles[] = { { "hold", hold }, { "late", late }, { NULL, NULL } };

/* ---- sharing ---- */

/* Receives at all of them in turn, acknowledging, until all n are settled; counts each one's. */
static void share_out(struct kit_consumer **members, size_t n_members, size_t n, size_t *counts) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    size_t sum = 0;

    while (sum < n) {
        kit_check(kit_now_ms() < until_ms, "%zu of %zu within a minute", sum, n);
        for (size_t i = sum = 0; i < n_members; i++) {
            struct kit_host *host = members[i]->host;
            size_t from = host->n_got;
            kit_receive(members[i], 20, 5);
            for (; from < host->n_got; from++)
                kit_settle(members[i], host->got[from], host->got[from]->revoked ? EB_RETURN : EB_ACK, 0);
            counts[i] = host->answers;
            sum += host->answers;
        }
    }
}

static void members_share(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *members[3];
    char names[3][4] = { "m1", "m2", "m3" };
    size_t counts[3];

    for (int i = 0; i < 3; i++)
        members[i] = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .name = names[i] });
    kit_send(p, "t", "first", 0);
    for (int round = 0; round < 40; round++) /* the topic is new: they find it, and their parts */
        for (int i = 0; i < 3; i++) {
            size_t from = members[i]->host->n_got;
            kit_receive(members[i], 20, 10);
            for (; from < members[i]->host->n_got; from++)
                kit_settle(members[i], members[i]->host->got[from], EB_ACK, 0);
        }
    kit_send_many(p, "t", 1, 3000, 0);
    share_out(members, 3, 3001, counts);
    for (int i = 0; i < 3; i++) {
        kit_check(counts[i] > 700 && counts[i] < 1300, "member %d of 3 had %zu of 3000 without key", i, counts[i]);
        kit_close_consumer(members[i]);
    }
    kit_close_producer(p, 1000);
}

static void check_order_by_key(const struct kit_host *host) {
    long last[101] = { 0 };

    for (size_t i = 0; i < host->n_got; i++) {
        const struct kit_got *got = host->got[i];
        long key = got->key[0] ? strtol(got->key + 1, NULL, 10) : -1;
        if (key < 0)
            continue;
        kit_check(got->number > last[key], "number %ld came before %ld, both of key %ld", last[key], got->number, key);
        last[key] = got->number;
    }
}

/* What is large is not even looked at where it is another member's, and nothing of ours among it is missed. */
static void large_messages_of_others_are_passed_by(void) {
    enum { MEMBERS = 3, N = 2000 };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *members[MEMBERS];
    char names[MEMBERS][4] = { "m1", "m2", "m3" };
    size_t counts[MEMBERS];
    long sent = 0;

    p->payload = 2200;
    for (long batch = 1; sent < N; batch = batch * 2 % 509) {
        long n = batch < N - sent ? batch : N - sent;
        kit_send_many(p, "t", sent + 1, n, sent % 3 ? 101 : 0);
        sent += n;
    }
    for (int i = 0; i < MEMBERS; i++)
        members[i] = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .name = names[i] });
    share_out(members, MEMBERS, N, counts);
    for (int i = 0; i < MEMBERS; i++) {
        check_order_by_key(members[i]->host);
        kit_close_consumer(members[i]);
    }
    kit_close_producer(p, 1000);
}

/* Of the rows that lie behind it, each knows up to nine that were stored with it. */
static void rows_know_the_slots_of_those_behind(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    char sql[400];

    kit_send_many(p, "t", 0, 60, 7);
    kit_send(p, "t", "k1", 60);
    for (int k = 1; k <= 9; k++) {
        int64_t knowing, wrong;
        snprintf(sql, sizeof sql, "SELECT count(*) FROM msg WHERE slot >> 6 * (%d + 1)", k);
        knowing = kit_number(path, sql);
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM msg a LEFT JOIN msg b ON b.id = a.id + %d"
                 " WHERE a.slot >> 6 * (%d + 1) AND (a.slot >> 6 * %d & 63) IS NOT (b.slot & 63)",
                 k, k, k);
        wrong = kit_number(path, sql);
        kit_check(knowing == 60 - k, "%lld of 60 rows know the one %d behind", (long long)knowing, k);
        kit_check(wrong == 0, "%lld rows are wrong about the one %d behind", (long long)wrong, k);
    }
    kit_check(kit_number(path, "SELECT count(*) FROM msg WHERE slot >> 61") == 0, "a row knows more than nine");
    kit_close_producer(p, 1000);
}

/* Wider than what is read at once: one of the two finds another's message alone in the first part of its way. */
static void a_wide_gap_is_crossed(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *members[2];
    size_t counts[2];

    kit_send_many(p, "t", 0, 400, 0);
    kit_close_producer(p, 1000);
    kit_execute(path, "UPDATE msg SET id = id + 350000 WHERE (id & 0xffffffffff) > 200");
    for (int i = 0; i < 2; i++)
        members[i] = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .name = i ? "m2" : "m1" });
    share_out(members, 2, 400, counts);
    for (int i = 0; i < 2; i++)
        kit_close_consumer(members[i]);
}

/* Slots a busy member has are given up as their messages are settled; those at the host are asked back. */
static void a_new_member_soon_has_its_part(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_wish wish = { .path = path, .topic = "t", .group = "g" };
    struct kit_consumer *busy, *new;
    size_t back = 0;
    int64_t from_ms;

    kit_send_many(p, "t", 0, 640, 0);
    busy = kit_consumer(&wish);
    kit_take(busy, 640);
    wish.name = "m2";
    new = kit_consumer(&wish);
    from_ms = kit_now_ms();
    while (new->host->n_got == 0) {
        kit_check(kit_now_ms() - from_ms < 20000, "nothing for a new member within 20 s");
        kit_receive(busy, 0, 10);
        for (size_t i = 0; i < 640; i++)
            if (busy->host->got[i]->revoked && !busy->host->got[i]->settled) {
                kit_settle(busy, busy->host->got[i], EB_RETURN, 0);
                back++;
                kit_receive(busy, 0, 0);
            }
        kit_receive(new, 1000, 10);
    }
    kit_take(new, 320);
    kit_check(back == 320, "%zu of 640 were asked back from the busy one", back);
    for (size_t i = 0; i < 320; i++)
        kit_check(new->host->got[i]->deliveries == 1, "a returned one counts as %u deliveries", new->host->got[i]->deliveries);
    kit_close_consumer(busy);
    kit_close_consumer(new);
    kit_close_producer(p, 1000);
}

static void strict_order_is_one_members(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_wish wish = { .path = path, .topic = "t", .group = "g", .order = EB_ORDER_STRICT };
    struct kit_consumer *first, *second;

    kit_send_many(p, "t", 0, 100, 10);
    first = kit_consumer(&wish);
    wish.name = "m2";
    second = kit_consumer(&wish);
    kit_take(first, 100);
    kit_receive(second, 100, 100);
    kit_check(second->host->n_got == 0, "a second member got %zu", second->host->n_got);
    for (size_t i = 0; i < 100; i++)
        kit_check(first->host->got[i]->number == (long)i, "number %ld at place %zu", first->host->got[i]->number, i);
    kit_settle(first, first->host->got[0], EB_RETRY, 50);
    for (size_t i = 1; i < 100; i++)
        kit_settle(first, first->host->got[i], EB_RETURN, 0);
    kit_send(p, "t", "other", 100);
    kit_take(first, 101);
    kit_receive(first, 100, 50);
    kit_check(first->host->n_got == 101 && first->host->got[100]->number == 0, "after a retry came %zu, then number %ld",
              first->host->n_got - 100, first->host->got[100]->number);
    kit_settle(first, first->host->got[100], EB_ACK, 0);
    kit_close_consumer(first);
    kit_take(second, 100);
    for (size_t i = 0; i < 100; i++)
        kit_check(second->host->got[i]->number == (long)i + 1, "number %ld at place %zu of the next member",
                  second->host->got[i]->number, i);
    kit_close_consumer(second);
    kit_close_producer(p, 1000);
}

static void groups_see_all_each(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *a = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "a" });
    struct kit_consumer *b = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "b" });

    kit_send_many(p, "t", 0, 500, 7);
    kit_take_and_ack(a, 500);
    kit_take_and_ack(b, 500);
    kit_close_consumer(a);
    kit_close_consumer(b);
    kit_close_producer(p, 1000);
}

/* ---- deaths and leases ---- */

static struct kit_child *holder(const char *path, const char *count, const char *lease) {
    return kit_start("hold", (const char *const[]){ path, "g", count, lease, NULL });
}

static void what_the_dead_had_comes_at_once(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;
    struct kit_child *child;
    int64_t from_ms;

    kit_send_many(p, "t", 0, 50, 5);
    child = holder(path, "50", "60000");
    for (int i = 0; i < 50; i++)
        kit_check(kit_hear(child, KIT_PATIENCE_MS) != NULL, "the other process took %d of 50", i);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .lease = 60000 });
    kit_receive(c, 100, 200);
    kit_check(c->host->n_got == 0, "got %zu while the other one lives", c->host->n_got);
    from_ms = kit_now_ms();
    kit_kill(child);
    kit_take(c, 50);
    kit_check(kit_now_ms() - from_ms < 20000, "it took %lld ms, with a lease of a minute", (long long)(kit_now_ms() - from_ms));
    for (size_t i = 0; i < 50; i++) {
        const struct kit_got *got = c->host->got[i];
        kit_check(got->deliveries == 2 && got->failures == 0, "deliveries %u, failures %u", got->deliveries, got->failures);
        for (size_t k = 0; k < i; k++)
            kit_check(strcmp(c->host->got[k]->key, got->key) != 0 || c->host->got[k]->number < got->number,
                      "number %ld before %ld of the same key", c->host->got[k]->number, got->number);
    }
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_crash_after_crash_is_counted(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;

    kit_send_many(p, "t", 0, 1, 1);
    for (int crash = 0; crash < 4; crash++) {
        struct kit_child *child = holder(path, "1", "60000");
        kit_check(kit_hear(child, KIT_PATIENCE_MS) != NULL, "process %d got nothing", crash);
        kit_kill(child);
    }
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    kit_take(c, 1);
    kit_check(c->host->got[0]->deliveries == 5 && c->host->got[0]->failures == 0, "deliveries %u, failures %u after 4 crashes",
              c->host->got[0]->deliveries, c->host->got[0]->failures);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_late_verdict_is_gone(void) {
    const char *path = kit_file("bus.db"), *line;
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;
    struct kit_child *child;
    int64_t from_ms, took_ms;

    kit_send_many(p, "t", 1, 2, 1);
    from_ms = kit_now_ms();
    child = kit_start("late", (const char *const[]){ path, "g", "600", NULL });
    line = kit_hear(child, KIT_PATIENCE_MS);
    kit_check(line && strcmp(line, "got 1 2") == 0, "the other process said %s", line ? line : "nothing");
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .lease = 60000 });
    kit_take(c, 2);
    took_ms = kit_now_ms() - from_ms;
    kit_check(took_ms >= 600 && took_ms < 30000, "taken over %lld ms after the other one was started, its lease being 600",
              (long long)took_ms);
    kill(child->pid, SIGCONT);
    line = kit_hear(child, KIT_PATIENCE_MS);
    kit_check(line && strcmp(line, "answers 4 4") == 0, "expected EB_GONE twice; the late one says: %s",
              line ? line : "nothing");
    kit_check(kit_wait(child) == 0, "the late one ended badly");
    kit_settle(c, c->host->got[0], EB_ACK, 0);
    kit_receive(c, 0, 100);
    kit_check(c->host->got[0]->answer == EB_OK && c->host->got[0]->settled, "the one who took over could not acknowledge");
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_member_in_the_same_process_lives(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path), *p2 = kit_producer(path);
    struct kit_wish wish = { .path = path, .topic = "t", .group = "g" };
    struct kit_consumer *a, *b;

    kit_send_many(p, "t", 0, 10, 1);
    kit_send_many(p2, "t", 10, 10, 1);
    a = kit_consumer(&wish);
    kit_take(a, 20);
    wish.name = "m2";
    b = kit_consumer(&wish);
    kit_close_producer(p2, 0); /* closing one instance drops no lock of another */
    for (int i = 0; i < 10; i++) {
        kit_receive(b, 100, 50);
        kit_receive(a, 0, 0);
    }
    kit_check(b->host->n_got == 0, "a second instance got %zu that the first one has", b->host->n_got);
    kit_close_consumer(a);
    kit_take(b, 20);
    kit_close_consumer(b);
    kit_close_producer(p, 1000);
}

/* ---- retries ---- */

static void a_retry_outlives_its_consumer(void) {
    enum { DELAY_MS = 2000 };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_wish wish = { .path = path, .topic = "t", .group = "g" };
    struct kit_consumer *c = kit_consumer(&wish);
    int64_t from_ms;

    kit_send_many(p, "t", 0, 3, 1);
    kit_take(c, 3);
    from_ms = kit_now_ms();
    kit_settle(c, c->host->got[0], EB_RETRY, DELAY_MS);
    kit_settle(c, c->host->got[1], EB_RETURN, 0);
    kit_settle(c, c->host->got[2], EB_RETURN, 0);
    kit_close_consumer(c);
    kit_send(p, "t", "k0", 3);
    kit_send(p, "t", "free", 4);
    c = kit_consumer(&wish);
    kit_take(c, 1);
    if (kit_now_ms() - from_ms >= DELAY_MS - 10)
        kit_skip("the machine is too busy to look before the retry is due");
    kit_check(c->host->got[0]->number == 4, "number %ld before the retry was due", c->host->got[0]->number);
    kit_take(c, 2);
    kit_check(kit_now_ms() - from_ms >= DELAY_MS - 10, "the retry came after %lld ms of %d",
              (long long)(kit_now_ms() - from_ms), DELAY_MS);
    kit_check(c->host->got[1]->number == 0 && c->host->got[1]->failures == 1, "number %ld with %u failures",
              c->host->got[1]->number, c->host->got[1]->failures);
    kit_receive(c, 10, 50);
    kit_check(c->host->n_got == 2, "a follower came before the retry was settled");
    kit_settle(c, c->host->got[1], EB_ACK, 0);
    kit_take(c, 5);
    for (size_t i = 2; i < 5; i++)
        kit_check(c->host->got[i]->number == (long)i - 1 && c->host->got[i]->failures == 0 &&
                      c->host->got[i]->deliveries == (i < 4 ? 1 : 1),
                  "follower %ld, failures %u, deliveries %u", c->host->got[i]->number, c->host->got[i]->failures,
                  c->host->got[i]->deliveries);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* A key with more followers than may be held pauses its slot, and nothing else. */
static void a_long_queue_of_one_key_leaves_others_alone(void) {
    enum { N = 2000, DELAY_MS = 1500 };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 50 });
    int64_t from_ms;
    long next = 0;

    kit_send(p, "t", "hot", 0);
    for (long i = 1; i <= N; i++)
        kit_send(p, "t", i % 2 ? "hot" : i % 4 ? "a" : "b", i);
    kit_take(c, 1);
    from_ms = kit_now_ms();
    kit_settle(c, c->host->got[0], EB_RETRY, DELAY_MS);
    for (size_t i = 1, others = 0; others < N / 2 || next <= N - 1; i++) {
        kit_take(c, i + 1);
        const struct kit_got *got = c->host->got[i];
        if (strcmp(got->key, "hot") == 0) {
            kit_check(kit_now_ms() - from_ms >= DELAY_MS - 10, "number %ld of the key came while its retry waited",
                      got->number);
            kit_check(got->number == next, "number %ld of the key after its retry, expected %ld", got->number, next);
            next += next == 0 ? 1 : 2;
        } else {
            others++;
        }
        kit_settle(c, got, EB_ACK, 0);
    }
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* Though nothing is promised of an order among them: the newest first would let the oldest wait for ever under load. */
static void what_has_no_key_comes_again_oldest_first(void) {
    enum { N = 40 };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_child *dying;
    struct kit_consumer *c;

    kit_send_many(p, "t", 0, N, 0);
    dying = holder(path, "40", "60000");
    for (int i = 0; i < N; i++)
        kit_check(kit_hear(dying, KIT_PATIENCE_MS) != NULL, "the other process took %d of %d", i, N);
    kit_kill(dying);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    kit_take(c, N);
    for (size_t i = 0; i < N; i++)
        kit_settle(c, c->host->got[i], EB_RETURN, 0);
    kit_take(c, 2 * N);
    for (long i = 0; i < 2 * N; i++)
        kit_check(c->host->got[i]->number == i % N, "number %ld came as the %ldth", c->host->got[i]->number, i);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* ---- the end ---- */

static void receive_to_end(struct kit_consumer *c, const char *when) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    while (kit_receive(c, 100, 100) != EB_END)
        kit_check(kit_now_ms() < until_ms, "no end %s", when);
}

static void the_end_waits_for_the_dead_not_for_the_live(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_wish wish = { .path = path, .topic = "t", .group = "g", .until_end = 1, .lease = 60000 };
    struct kit_child *live;
    struct kit_consumer *c;

    kit_send_many(p, "t", 0, 10, 0);
    live = holder(path, "10", "60000");
    for (int i = 0; i < 10; i++)
        kit_check(kit_hear(live, KIT_PATIENCE_MS) != NULL, "the other process took %d of 10", i);
    c = kit_consumer(&wish);
    receive_to_end(c, "while a live member has the rest in hand");
    kit_check(c->host->n_got == 0, "got %zu that a live member has", c->host->n_got);
    kit_close_consumer(c);
    c = kit_consumer(&wish);
    kit_kill(live);
    kit_take(c, 10);
    kit_send_many(p, "t", 10, 10, 0); /* behind the end, which was read before */
    for (int i = 0; i < 5; i++)
        kit_check(kit_receive(c, 100, 20) != EB_END, "the end, with 10 messages in hand");
    for (size_t i = 0; i < 10; i++)
        kit_settle(c, c->host->got[i], EB_ACK, 0);
    receive_to_end(c, "when all is settled");
    kit_check(c->host->n_got == 10, "got %zu, past the end", c->host->n_got);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* What a live member has not even taken is open. */
static void the_end_waits_for_the_backlog_of_others(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *slow = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 1 });
    struct kit_consumer *c;

    kit_send_many(p, "t", 0, 20, 1); /* one key: one slot, and that is the slow one's */
    kit_take(slow, 1);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .name = "m2", .until_end = 1 });
    for (size_t i = 1; i < 20; i++) {
        kit_check(kit_receive(c, 100, 60) != EB_END, "the end, with %zu messages left to another member", 20 - i);
        kit_settle(slow, slow->host->got[i - 1], EB_ACK, 0);
        kit_receive(slow, 1, 100);
        if (slow->host->n_got < i + 1)
            break; /* the slot has moved over to the other one */
    }
    if (slow->host->n_got == 20)
        kit_settle(slow, slow->host->got[19], EB_ACK, 0);
    kit_receive(slow, 0, 100);
    for (size_t i = 0; c->host->n_got + slow->host->n_got <= 20 && i < 100; i++) {
        kit_receive(c, 100, 20);
        kit_receive(slow, 0, 1);
        for (size_t k = 0; k < c->host->n_got; k++)
            if (!c->host->got[k]->settled)
                kit_settle(c, c->host->got[k], EB_ACK, 0);
        if (c->host->answers + slow->host->answers == 20)
            break;
    }
    receive_to_end(c, "when both have settled all");
    kit_close_consumer(slow);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static const struct kit_test tests[] = {
    { "members share what has no key evenly", members_share },
    { "large messages of others are passed by, and none of ours is missed", large_messages_of_others_are_passed_by },
    { "rows know the slots of those behind", rows_know_the_slots_of_those_behind },
    { "a wide gap in the positions is crossed, and nothing behind it missed", a_wide_gap_is_crossed },
    { "a new member soon has its part of what a busy one holds", a_new_member_soon_has_its_part },
    { "with strict order one member has all, in order, and a retry holds everything", strict_order_is_one_members },
    { "groups each see all", groups_see_all_each },
    { "what a killed process had comes to another at once, in order, as a delivery and not as a failure",
      what_the_dead_had_comes_at_once },
    { "what a killed process had and what is handed back comes oldest first without a key, too",
      what_has_no_key_comes_again_oldest_first },
    { "each crash counts as one delivery", a_crash_after_crash_is_counted },
    { "a stopped member loses what it had when its lease ends; its late verdict is EB_GONE", a_late_verdict_is_gone },
    { "members in one process do not take each other for dead", a_member_in_the_same_process_lives },
    { "a retry and what waits behind it outlive the consumer", a_retry_outlives_its_consumer },
    { "a long queue behind a retry leaves other keys alone, and stays in order", a_long_queue_of_one_key_leaves_others_alone },
    { "the end waits for what the dead had, not for what the living have", the_end_waits_for_the_dead_not_for_the_live },
    { "the end waits for what others have still to read", the_end_waits_for_the_backlog_of_others },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
