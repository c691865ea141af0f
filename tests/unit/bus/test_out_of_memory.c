/* tests/unit/bus/test_out_of_memory.c - a service where memory runs out: each allocation of the core once, from opening the bus to
 * the last acknowledgement. Nothing crashes, what fails says so, and no event with a receipt is lost. A sanitizer sees to it
 * that nothing leaks. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "../memory.h"
#include "../fixture.h"

static const char sections[] =
    "topic_prefix = dev\nlog_level = debug\ndelivery_timeout = 5s\n[broker m]\nplugin = memory\n"
    "[route a]\nevent = org.openedx.learning.auth.session.login.completed.v1\ntopic = t\nkey_field = user.pii.username\n"
    "[route b]\nevent = org.openedx.learning.auth.session.login.completed.v1\ntopic = other\nkey_field =\n"
    "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 1ms\nretry.max = 1ms\n"
    "[consume letters]\ntopic = t.dlq\ngroup = g\non_failure = stop\n";

static void set(void) {
    fixture_set(".", sections);
}

TestSuite(out_of_memory, .init = set, .fini = fixture_clear, .timeout = 300);

/* Brokers of the memory plugin live as long as the process: each round has its own. */
static struct eb_bus *open_bus(char *name, unsigned round) {
    const char *const overrides[] = { name, NULL };

    sprintf(name, "broker.m.name=r%u", round);
    return fixture_bus(overrides);
}

static bool tells_of_memory(const struct eb_error *err) {
    return strstr(err->text, "memory") != NULL;
}

Test(out_of_memory, opening_a_bus_says_so) {
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        struct eb_error err = { 0 };
        struct eb_bus *bus = NULL;

        fail_allocation(++n);
        enum eb_status status = fixture_open(&bus, NULL, &err);
        failed = allocation_failed();
        cr_assert_eq(status == EB_OK, bus != NULL);
        if (status != EB_OK)
            cr_assert(failed && tells_of_memory(&err), "allocation %u: %s", n, err.text);
        cr_assert_eq(eb_bus_close(bus, 5000, &err), EB_OK);
    }
    cr_assert_gt(n, 300, "%u", n);
}

/* ---- Sending ---- */

static struct { atomic_int told, delivered; /* receipts of each kind */ } receipts;

static void on_receipt(void *arg, const struct eb_receipt *receipt) {
    (void)arg;
    atomic_fetch_add(&receipts.told, 1);
    if (!receipt->error)
        atomic_fetch_add(&receipts.delivered, 1);
}

static enum eb_status count(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)err;
    if (eb_event_metadata(event)->from_event_bus)
        atomic_fetch_add((atomic_int *)arg, 1);
    return EB_OK;
}

/* How many events a new group finds in a topic. */
static int events_in(struct eb_bus *bus, const char *topic) {
    const char *const topics[] = { topic, NULL };
    const struct eb_consumer_options options = { .size = sizeof options, .topics = topics, .group = "count", .exit_at_end = 1 };
    struct eb_consumer *consumer = NULL;
    struct eb_error err;
    atomic_int n = 0;

    cr_assert_eq(eb_connect(bus, NULL, "count", count, &n, &err), EB_OK);
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_OK, "%s", err.text);
    eb_consumer_close(consumer);
    cr_assert_eq(eb_disconnect(bus, NULL, "count"), EB_OK);
    return n;
}

/* Sends three events by two routes each, and one by a call. Answers how many receipts there must be. */
static int send_some(struct eb_bus *bus, struct eb_event *const *events) {
    struct eb_error err = { 0 };
    int expected = 0;

    for (int i = 0; i < 3; i++) {
        struct eb_outcome outcome;

        cr_assert_eq(eb_send(events[i], &outcome, &err), EB_OK);
        cr_assert_eq(outcome.failed, 0);
        expected += 2;
        eb_outcome_free(&outcome);
    }
    if (eb_produce(bus, events[3], "t", "user.pii.username", on_receipt, NULL, &err) == EB_OK)
        expected += 2; /* its own, and the one of eb_bus_on_delivery */
    else
        cr_assert(tells_of_memory(&err), "%s", err.text);
    while (eb_bus_flush(bus, 30000, &err) != EB_OK)
        cr_assert(tells_of_memory(&err), "%s", err.text);
    return expected;
}

/* How many could not even be kept, by what closing the bus says. */
static int lost(struct eb_bus *bus) {
    struct eb_error err = { 0 };
    int n = 0;

    if (eb_bus_close(bus, 5000, &err) == EB_FATAL)
        cr_assert_eq(sscanf(err.text, "%d event(s) are lost", &n), 1, "%s", err.text);
    return n;
}

Test(out_of_memory, sending_tells_what_became_of_each_event) {
    char name[40];
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        struct eb_bus *bus = open_bus(name, n);
        struct eb_event *events[4];
        int kept = fixture_undelivered("ann");

        for (int i = 0; i < 4; i++)
            events[i] = fixture_login(bus, i, "ann");
        eb_bus_on_delivery(bus, on_receipt, NULL);
        receipts.told = receipts.delivered = 0;
        fixture_clear_log();
        fail_allocation(++n);
        int expected = send_some(bus, events);
        failed = allocation_failed();
        cr_assert_eq(receipts.told, expected, "allocation %u: %d receipts of %d", n, receipts.told, expected);
        int there = events_in(bus, "t") + events_in(bus, "other"), refused = expected == 6;
        cr_assert_eq(there, receipts.delivered - !refused, "allocation %u: %d are there", n, there);
        if (receipts.told != receipts.delivered)
            cr_assert(fixture_logged("not sent") && fixture_logged("out of memory"), "allocation %u", n);
        kept = fixture_undelivered("ann") - kept;
        cr_assert_eq(there + refused + kept + lost(bus), 7, "allocation %u: %d there, %d kept", n, there, kept);
        for (int i = 0; i < 4; i++)
            eb_event_free(events[i]);
    }
    cr_assert_gt(n, 20, "%u", n);
}

/* ---- Receiving ---- */

enum { EVENTS = 4, PERMANENT = 2 }; /* user 2 becomes a dead letter; user 1 fails once */

static struct { int runs[EVENTS], done[EVENTS], order[100], n; } seen;

static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *err) {
    int64_t user = 0;

    (void)arg;
    if (!eb_event_metadata(event)->from_event_bus)
        return EB_OK;
    eb_event_get_long(event, "user.id", &user, NULL);
    if (user == PERMANENT || (user == 1 && seen.runs[user]++ == 0)) {
        snprintf(err->text, sizeof err->text, "not this one");
        return err->status = user == PERMANENT ? EB_PERMANENT : EB_RETRIABLE;
    }
    if (seen.done[user]++ == 0)
        seen.order[seen.n++] = (int)user;
    return EB_OK;
}

/* A worker from open to close. Its end says what it wants, where memory has run out. */
static void work(struct eb_bus *bus, const char *section, unsigned n, bool may_fail) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = section, .exit_at_end = 1 };
    struct eb_consumer *consumer = NULL;
    struct eb_error err = { 0 };
    enum eb_status status = eb_consumer_open(&consumer, bus, &options, &err);

    if (status == EB_OK)
        status = eb_consumer_run(consumer, &err);
    if (status != EB_OK)
        cr_assert(may_fail && tells_of_memory(&err), "allocation %u: %s", n, err.text);
    eb_consumer_close(consumer);
}

Test(out_of_memory, receiving_loses_nothing_and_keeps_the_order) {
    char name[40];
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        struct eb_bus *bus = open_bus(name, n);
        struct eb_error err;

        for (int i = 0; i < EVENTS; i++) {
            struct eb_event *event = fixture_login(bus, i, "ann");
            cr_assert_eq(eb_produce(bus, event, "t", "user.pii.username", NULL, NULL, &err), EB_OK);
            eb_event_free(event);
        }
        cr_assert_eq(eb_bus_flush(bus, 30000, &err), EB_OK, "%s", err.text);
        cr_assert_eq(eb_connect(bus, NULL, "receive", receive, NULL, &err), EB_OK);
        memset(&seen, 0, sizeof seen);
        fail_allocation(++n);
        work(bus, "w", n, true);
        failed = allocation_failed();
        work(bus, "w", n, false); /* what the first one could not do */
        cr_assert_eq(seen.n, EVENTS - 1, "allocation %u: %d were done", n, seen.n);
        for (int i = 1; i < seen.n; i++)
            cr_assert_lt(seen.order[i - 1], seen.order[i], "allocation %u: order", n);
        cr_assert_eq(eb_disconnect(bus, NULL, "receive"), EB_OK);
        cr_assert_geq(events_in(bus, "t.dlq"), 1, "allocation %u: no dead letter", n);
        cr_assert_eq(eb_bus_close(bus, 5000, &err), EB_OK, "%s", err.text);
    }
    cr_assert_gt(n, 50, "%u", n);
}
