/* tests/unit/bus/test_no_receiver.c - a worker whose program has no receiver for what comes in. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "worker_fixture.h"

TestSuite(no_receiver, .init = working_begin, .timeout = 120);

static int settled(void) {
    int n = 0;

    for (size_t i = 0; i < fake.n_events; i++)
        n += fake.events[i].state == SETTLED;
    return n;
}

static int warnings(void) {
    return fixture_log_count("on_no_receiver");
}

/* Nobody is connected; 3 events are there. */
static void begin(const char *sections, bool required) {
    const struct eb_consumer_options options = {
        .size = sizeof options, .section = "w", .exit_at_end = 1, .require_receivers = required
    };

    events(3, "k");
    fixture_set("tests/fake_broker", fixture_broker("full", NULL, sections));
    bus = fixture_bus(NULL);
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
}

static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *why) {
    (void)event, (void)why;
    atomic_fetch_add((atomic_int *)arg, 1);
    return EB_OK;
}

static void connect_to(const char *type, atomic_int *n) {
    cr_assert_eq(eb_connect(bus, type ? eb_signal_find(bus, type, &err) : NULL, "one", receive, n, &err), EB_OK, "%s",
                 err.text);
}

Test(no_receiver, the_texts_of_the_options_may_go_once_it_is_open) {
    char section[] = "w", topic[] = "t", group[] = "of the options", name[] = "member", broker[] = "m", from[] = "earliest";
    char *const texts[] = { section, topic, group, name, broker, from };
    const struct eb_consumer_options options = { .size = sizeof options,
                                                 .section = section,
                                                 .topics = (const char *const[]){ topic, NULL },
                                                 .group = group,
                                                 .consumer = name,
                                                 .broker = broker,
                                                 .from = from,
                                                 .exit_at_end = 1 };

    events(3, "k");
    fixture_set("tests/fake_broker", fixture_broker("full", NULL, TASK));
    bus = fixture_bus(NULL);
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        memset(texts[i], '?', strlen(texts[i]));
    run();
    cr_assert_eq(settled(), 3);
    cr_assert(fixture_logged("group of the options: no receiver is connected"));
    close_all();
}

Test(no_receiver, without_any_receiver_events_are_acknowledged_and_one_line_says_so) {
    begin(TASK, false);
    run();
    cr_assert_eq(settled(), 3);
    cr_assert_eq(warnings(), 1);
    close_all();
}

Test(no_receiver, a_type_that_nobody_is_connected_for_is_said_once) {
    atomic_int n = 0;

    begin(TASK, false);
    connect_to("org.openedx.learning.course.enrollment.created.v1", &n);
    run();
    cr_assert_eq(settled(), 3);
    cr_assert_eq(n, 0);
    cr_assert_eq(warnings(), 1);
    close_all();
}

Test(no_receiver, a_signal_that_is_disabled_is_said_once) {
    atomic_int n = 0;

    begin(TASK, false);
    connect_to(LOGIN, &n);
    eb_signal_enable(eb_signal_find(bus, LOGIN, &err), 0);
    run();
    cr_assert_eq(n, 0);
    cr_assert_eq(warnings(), 1);
    close_all();
}

Test(no_receiver, with_a_receiver_nothing_is_said) {
    for (int all = 0; all < 2; all++) {
        atomic_int n = 0;

        working_begin();
        begin(TASK "on_no_receiver = stop\n", true);
        connect_to(all ? NULL : LOGIN, &n);
        cr_assert_eq(eb_disconnect(bus, NULL, "general handler"), EB_OK);
        run();
        cr_assert_eq(n, 3);
        cr_assert_eq(settled(), 3);
        cr_assert_eq(warnings(), 0);
        close_all();
    }
}

Test(no_receiver, a_worker_that_needs_a_receiver_does_not_begin_without_any) {
    for (int by_option = 0; by_option < 2; by_option++) {
        working_begin();
        begin(by_option ? TASK : TASK "on_no_receiver = stop\n", by_option);
        cr_assert_eq(eb_consumer_run(consumer, &err), EB_PERMANENT);
        cr_assert_eq(err.kind, EB_KIND_CONFIG);
        cr_assert(strstr(err.text, "no receiver is connected"), "%s", err.text);
        cr_assert_eq(counts().received, 0);
        cr_assert_eq(settled(), 0);
        atomic_int n = 0;
        connect_to(LOGIN, &n); /* and may begin once there is one */
        run();
        cr_assert_eq(n, 3);
        close_all();
    }
}

Test(no_receiver, an_event_that_needs_a_receiver_and_has_none_is_handed_back_and_ends_the_worker) {
    for (int by_option = 0; by_option < 2; by_option++) {
        atomic_int n = 0;

        working_begin();
        begin(by_option ? TASK : TASK "on_no_receiver = stop\n", by_option);
        connect_to("org.openedx.learning.course.enrollment.created.v1", &n);
        cr_assert_eq(eb_consumer_run(consumer, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, LOGIN) && strstr(err.text, "handed back"), "%s", err.text);
        cr_assert_eq(settled(), 0);
        cr_assert_eq(counts().succeeded, 0);
        close_all();
    }
}

Test(no_receiver, a_command_is_a_receiver) {
    begin(TASK "on_no_receiver = stop\nexec = true\n", true);
    run();
    cr_assert_eq(settled(), 3);
    cr_assert_eq(warnings(), 0);
    close_all();
}
