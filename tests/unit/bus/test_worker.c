/* tests/unit/bus/test_worker.c - a worker on a broker in trouble: nothing is lost, each key keeps its order, what it holds is
 * bounded, and it says what happened. */
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../memory.h"
#include "bus/bus.h"
#include "worker_fixture.h"

TestSuite(worker, .init = working_begin, .timeout = 120);

/* ---- The broker's trouble ---- */

Test(worker, an_instance_that_is_done_is_opened_anew_whoever_says_so) {
    struct fault *const faults[] = { &fake.receive, &fake.settle };

    for (int i = 0; i < 2; i++) {
        working_begin();
        events(5, "k");
        *faults[i] = (struct fault){ EB_FATAL, 1 };
        open_on("full", TASK);
        fake.open_consumer = (struct fault){ EB_RETRIABLE, 1 };
        run();
        cr_assert(fixture_logged("the consumer is opened anew: the test wants it"));
        cr_assert(fixture_logged("broker m: the test wants it; trying again"));
        cr_assert_geq(receiver.n, 5);
        close_all();
    }
}

Test(worker, one_that_can_never_be_opened_again_ends_the_worker) {
    events(1, "k");
    fake.receive = (struct fault){ EB_FATAL, 1 };
    open_on("full", TASK);
    fake.open_consumer = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "broker m: the test wants it"), "%s", err.text);
    close_all();
}

Test(worker, a_default_name_that_is_in_use_elsewhere_is_left_for_another_one) {
    events(5, "k");
    fake.receive = (struct fault){ EB_PERMANENT, 2, .kind = EB_KIND_NAME };
    open_on("full", TASK);
    run();
    cr_assert(fixture_logged("broker m: the consumer is opened anew: the test wants it"));
    cr_assert(fixture_logged("this consumer takes the name "));
    cr_assert(fixture_logged("-3"));
    in_order(5);
    close_all();
}

Test(worker, a_given_name_that_is_in_use_elsewhere_is_a_mistake_of_the_configuration) {
    events(1, "k");
    fake.receive = (struct fault){ EB_PERMANENT, 1, .kind = EB_KIND_NAME };
    open_bus_on("full", NULL, TASK);
    const struct eb_consumer_options options = { .size = sizeof options, .section = "w", .consumer = "me" };
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_CONFIG);
    cr_assert(strstr(err.text, "broker m: the test wants it"), "%s", err.text);
    close_all();
}

Test(worker, receiving_that_fails_is_told_and_goes_on_after_a_pause) {
    events(1, "k");
    fake.receive = (struct fault){ EB_RETRIABLE, 1 };
    open_on("full", TASK);
    run();
    cr_assert(fixture_logged("broker m: receiving failed: the test wants it"));
    in_order(1);
    close_all();
}

Test(worker, settling_that_fails_is_told_and_goes_on) {
    events(1, "k");
    fake.settle = (struct fault){ EB_RETRIABLE, 1 };
    open_on("full", TASK);
    run();
    cr_assert(fixture_logged("broker m: settling failed: the test wants it"));
    in_order(1);
    close_all();
}

Test(worker, an_opening_that_fails_says_so) {
    static const struct {
        int32_t status, expected;
    } cases[] = {
        { EB_RETRIABLE, EB_RETRIABLE }, { EB_PERMANENT, EB_PERMANENT }, { EB_FATAL, EB_FATAL }, { EB_GONE, EB_FATAL }
    };

    open_bus_on("full", NULL, TASK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].status >= EB_OK)
            continue;
        fake.open_consumer = (struct fault){ cases[i].status, 1 };
        cr_assert_eq((int)open_worker(&err), cases[i].expected, "%zu: %s", i, err.text);
        cr_assert(strstr(err.text, "broker m: the test wants it"), "%s", err.text);
        fake.open_consumer = (struct fault){ cases[i].status, 1 };
        cr_assert_eq((int)open_worker(NULL), cases[i].expected);
    }
    close_all();
}

Test(worker, the_plugin_speaks_through_the_log_and_its_link_is_told) {
    const struct eb_error gone = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "gone for lunch" };

    open_on("full", "log_level = debug\n" TASK);
    fake.consumer->log(fake.consumer, 4, "a word of warning");
    fake.consumer->metric(fake.consumer, "tries", 42);
    fake.consumer->link(fake.consumer, 0, NULL);
    fake.consumer->link(fake.consumer, 0, &gone);
    fake.consumer->link(fake.consumer, 1, NULL);
    cr_assert(fixture_logged("a word of warning") && fixture_logged("tries"));
    cr_assert(fixture_logged("the consumer waits for the broker: gone for lunch"));
    close_all();
}

Test(worker, a_broker_that_does_not_come_ends_the_worker_with_the_reason) {
    fake.down = true;
    open_bus_on("full", NULL, "[broker x]\nplugin = able\nops = 1\n" TASK);
    eb_bus_close(bus, 0, NULL);
    bus = fixture_bus((const char *const[]){ "broker.m.connect_timeout=100ms", NULL });
    events(1, "k");
    fake.events[0].state = IN_FLIGHT;
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    fake.events[0].state = IN_FLIGHT;
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "broker m cannot be reached: the test wants no link"), "%s", err.text);
    eb_consumer_close(consumer);
    fake.down = false;
    fake.mute = true;
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    fake.events[0].state = IN_FLIGHT;
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "no answer in connect_timeout"), "%s", err.text);
    close_all();
}

Test(worker, a_confirmation_told_twice_counts_once_and_a_late_one_is_told) {
    events(3, "k");
    fake.repeats_itself = true;
    open_on("full", TASK);
    run();
    in_order(3);
    cr_assert_eq(counts().succeeded, 3);
    close_all();
    working_begin();
    events(1, "k");
    fake.late = true;
    open_on("full", TASK);
    run();
    cr_assert(fixture_logged("1 acknowledgement(s) came too late"));
    close_all();
}

/* The receiver is done in time, but nobody could extend the lease, since the plugin stayed in receive: the broker may have taken the
 * first event away, and the plugin would not know. So it is not one of those that the worker was asked for. */
Test(worker, where_a_late_acknowledgement_is_not_told_the_worker_judges_by_the_lease) {
    static const char *const plugins[] = { "late_untold", "full" };

    for (int i = 0; i < 2; i++) {
        const struct eb_consumer_options options = { .size = sizeof options, .section = "w", .count = 1 };

        working_begin();
        events(2, "k");
        fake.lease_ms = 100;
        receiver.wait = true;
        open_bus_on(plugins[i], NULL, TASK);
        cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
        pthread_t thread = start();
        until(receiver.running == 1);
        fake.stays_ms = 400;
        until(fake.stays_ms == 0);
        fake.lease_ms = 60000; /* the second event's */
        receiver.wait = false;
        cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
        in_order(i == 0 ? 2 : 1);
        cr_assert_eq(fixture_logged("1 acknowledgement(s) were confirmed after their lease had ended"), i == 0);
        close_all();
    }
}

/* An extended lease begins anew: what takes longer than one lease, and is extended in time, is acknowledged. */
Test(worker, an_extended_lease_is_not_late) {
    events(1, "k");
    fake.lease_ms = 1000;
    receiver.wait = true;
    open_on("late_untold", TASK);
    pthread_t thread = start();
    until(fake.extensions >= 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_not(fixture_logged("after their lease had ended"));
    close_all();
}

Test(worker, what_is_taken_away_comes_again_in_order) {
    events(6, "k");
    fake.revokes = true;
    open_on("full", TASK);
    run();
    cr_assert_geq(fake.returned, 4);
    in_order(6);
    close_all();
}

/* The broker gives it to another worker: here it is not begun again. */
Test(worker, what_is_taken_away_while_it_is_at_work_is_handed_back_when_it_fails) {
    static const uint64_t tokens[] = { 1, 2 };

    events(2, "k");
    receiver.fails[0] = 1;
    receiver.wait = true;
    open_on("without_traits", "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 1d\nretry.max = 1d\n");
    pthread_t thread = start();
    until(receiver.running == 1);
    int wakes = fake.wakes;
    fake.consumer->revoke(fake.consumer, tokens, 2, 60000);
    until(fake.wakes > wakes); /* from any thread: the loop hears of it at once */
    receiver.wait = false;
    until(fake.returned >= 2);
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(2);
    close_all();
}

Test(worker, leases_are_extended_while_a_receiver_works) {
    events(2, "k");
    fake.lease_ms = 30;
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(fake.extensions >= 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(2);
    close_all();
}

/* ---- What a worker holds is bounded ---- */

Test(worker, no_more_than_max_in_flight_is_taken) {
    events(20, NULL);
    receiver.wait = true;
    open_on("full", TASK "max_in_flight = 4\nconcurrency = 2\n");
    pthread_t thread = start();
    until(receiver.running == 2);
    pause_ms(20);
    size_t out = 0;
    for (size_t i = 0; i < 20; i++)
        out += fake.events[i].state == IN_FLIGHT;
    cr_assert_leq(out, 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(receiver.n, 20);
    close_all();
}

Test(worker, a_plugin_that_hands_over_more_keeps_it) {
    events(20, "k");
    fake.greedy = true;
    open_on("full", TASK "max_in_flight = 4\n");
    run();
    in_order(20);
    close_all();
}

Test(worker, nor_more_bytes_but_always_one_event) {
    events(10, "k");
    for (int i = 0; i < 10; i++)
        fake.events[i].n_headers = 1;
    receiver.wait = true;
    open_on("full", TASK "max_in_flight_bytes = 64k\n");
    pthread_t thread = start();
    until(receiver.running == 1);
    until(counts().received == 2); /* the one that reaches the bound still comes */
    pause_ms(20);
    cr_assert_eq(counts().received, 2);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(10);
    close_all();
}

/* ---- Order ---- */

Test(worker, each_order_that_can_be_asked_for_is_kept) {
    static const char *const orders[] = { "strict", "key", "none" };

    for (int i = 0; i < 3; i++) {
        char sections[300];

        working_begin();
        for (int fail = 0; fail < 2; fail++)
            receiver.fails[3 + fail] = 1;
        events(8, i == 0 ? NULL : "k");
        snprintf(sections, sizeof sections, TASK "concurrency = 4\norder = %s\n", orders[i]);
        open_on("full", sections);
        run();
        if (i < 2)
            in_order(8);
        cr_assert_eq(receiver.n, 8, "%s", orders[i]);
        cr_assert_eq(counts().retried, 2);
        close_all();
    }
}

#define ROUTE "[route a]\nevent = org.openedx.learning.auth.session.login.completed.v1\ntopic = t\n"

Test(worker, where_the_broker_has_no_keys_the_key_is_found_in_the_data) {
    static const char *const sections[] = {
        TASK "concurrency = 4\n" ROUTE "key_field = user.pii.username\n", /* the route's */
        TASK "concurrency = 4\nkey_field = user.pii.username\n",          /* the task's own */
        TASK "concurrency = 4\nkey_field = no.such.field\n",              /* none: one line for all */
        TASK "concurrency = 4\nkey_field =\n[route b]\nevent = org.openedx.learning.course.enrollment.created.v1\n"
             "topic = t\nkey_field =\n[route c]\nevent = " LOGIN "\ntopic = u\nkey_field =\n" ROUTE
             "key_field = user.pii.username\n",
        TASK "concurrency = 4\n" ROUTE "key_field =\n",
    };

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        working_begin();
        events(8, NULL); /* all of one user's name */
        receiver.fails[2] = 1;
        open_on("without_traits", sections[i]);
        run();
        in_order(8);
        close_all();
    }
}

Test(worker, a_key_that_finds_no_memory_does_not_lose_its_place) {
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        working_begin();
        events(6, NULL);
        receiver.fails[0] = receiver.fails[1] = 1;
        open_on("without_traits", TASK "concurrency = 4\nkey_field = user.pii.username\n");
        receiver.wait = true;
        pthread_t thread;
        fail_allocation(++n);
        thread = start();
        until(receiver.running || allocation_was_reached());
        failed = allocation_failed();
        receiver.wait = false;
        if (end_of(thread) == EB_OK)
            in_order(6);
        else
            cr_assert(strstr(err.text, "memory"), "allocation %u: %s", n, err.text);
        close_all();
    }
    cr_assert_gt(n, 10);
}

/* ---- Receivers, and what is called before them ---- */

static enum eb_status always(const struct eb_event *event, void *with, struct eb_error *why) {
    (void)event;
    snprintf(why->text, sizeof why->text, "always");
    return why->status = *(enum eb_status *)with;
}

Test(worker, it_is_permanent_when_all_that_failed_say_so) {
    static enum eb_status with[] = { EB_PERMANENT, EB_RETRIABLE, EB_PERMANENT };

    for (int second = 0; second < 3; second++) {
        working_begin();
        events(1, "k");
        receiver.fails[0] = 9;
        receiver.with = second < 2 ? EB_PERMANENT : EB_RETRIABLE;
        open_bus_on("full", NULL, TASK "retry.attempts = 2\n");
        cr_assert_eq(eb_connect(bus, NULL, "always", always, &with[second], &err), EB_OK);
        cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
        run();
        cr_assert_eq(counts().retried, (uint64_t)(second > 0));
        cr_assert_eq(fake.n_sent, 1);
        cr_assert(strstr(fake.sent[0].reason, "2 receivers out of"), "%s", fake.sent[0].reason);
        close_all();
    }
}

Test(worker, what_waits_here_is_tried_until_it_succeeds) {
    events(2, NULL);
    receiver.fails[0] = 3;
    fake.events[1].nowhere = true;
    receiver.fails[1] = 2;
    open_on("without_traits", TASK);
    run();
    in_order(2);
    cr_assert_eq(counts().retried, 5);
    close_all();
}

Test(worker, what_waits_at_the_broker_may_have_no_position) {
    events(2, "k");
    fake.events[0].nowhere = true;
    receiver.fails[0] = 2;
    open_on("full", TASK);
    run();
    in_order(2);
    close_all();
}

static void count_call(void *calls) {
    ++*(int *)calls;
}

Test(worker, a_service_that_wants_it_is_called_before_each_event) {
    int calls = 0;

    events(3, "k");
    open_bus_on("full", NULL, TASK);
    bus->before_event = count_call;
    bus->before_event_arg = &calls;
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    run();
    cr_assert_eq(calls, 3);
    close_all();
}

Test(worker, an_event_without_a_time_or_an_id_gets_one) {
    events(3, "k");
    for (int i = 0; i < 3; i++)
        fake.events[i].lacks = i == 1 ? "id" : "time";
    open_on("full", TASK);
    run();
    in_order(3);
    close_all();
}

Test(worker, it_is_not_run_in_a_child_of_the_process_that_opened_it_but_may_be_closed_there) {
    int status;

    events(2, "k");
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    pid_t child = fork_while_others_sleep();
    if (child == 0) {
        alarm(30); /* nobody is there who would end a wait */
        bool refused = eb_consumer_run(consumer, &err) == EB_FATAL && strstr(err.text, "open it after the fork");
        eb_consumer_close(consumer);
        eb_bus_close(bus, 0, NULL);
        child_ends(refused && fake.closings == 0 ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(2);
    close_all();
}

/* ---- Its end ---- */

Test(worker, it_can_be_run_once_more_when_it_could_not_begin) {
    unsigned n = 0;

    events(2, "k");
    open_on("full", TASK "concurrency = 3\n");
    for (;;) {
        fail_allocation(++n);
        enum eb_status status = eb_consumer_run(consumer, n > 1 ? &err : NULL);
        if (!allocation_failed() || status == EB_OK || strstr(err.text, "has run to its end"))
            break;
        cr_assert_eq(receiver.n, 0);
    }
    cr_assert_geq(n, 3);
    in_order(2);
    close_all();
}

Test(worker, an_error_that_the_plugin_does_not_fill_is_one_all_the_same) {
    events(1, "k");
    open_on("full", TASK);
    fake.receive = (struct fault){ .status = EB_PERMANENT, .times = 1, .silent = true };
    cr_assert_eq(eb_consumer_run(consumer, NULL), EB_FATAL);
    close_all();
}

Test(worker, one_that_cannot_be_opened_anew_can_be_stopped) {
    events(1, "k");
    fake.receive = (struct fault){ EB_FATAL, 1 };
    open_on("full", TASK);
    fake.open_consumer = (struct fault){ EB_RETRIABLE, 1000000 };
    pthread_t thread = start();
    until(fixture_logged("trying again"));
    eb_consumer_stop(consumer);
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    close_all();
}

Test(worker, a_pause_after_an_error_ends_with_the_worker) {
    events(2, NULL);
    receiver.wait = true;
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    open_on("full", TASK "on_failure = stop\n");
    pthread_t thread = start();
    until(receiver.running >= 1);
    fake.receive = (struct fault){ EB_RETRIABLE, 1000000 };
    until(fixture_logged("receiving failed: the test wants it"));
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_FATAL);
    cr_assert(strstr(err.text, "stopped at event"), "%s", err.text);
    close_all();
}

Test(worker, it_goes_on_at_the_end_until_it_is_stopped_or_has_its_count) {
    struct eb_consumer_options options = { .size = sizeof options, .section = "w" };

    events(2, "k");
    open_bus_on("full", NULL, TASK);
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    pthread_t thread = start();
    until(fake.events[1].state == SETTLED);
    pause_ms(20);
    eb_consumer_stop(consumer);
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    eb_consumer_close(consumer);

    options.count = 3;
    fake.events[0].state = fake.events[1].state = WAITING;
    fake.n_events = 9;
    for (int i = 2; i < 9; i++)
        fake.events[i].key = "k";
    cr_assert_eq(eb_consumer_open(&consumer, bus, &options, &err), EB_OK, "%s", err.text);
    run();
    cr_assert_eq(receiver.n, 2 + 3);
    close_all();
}

Test(worker, a_drain_that_takes_too_long_cancels_and_tells_it) {
    events(1, "k");
    receiver.wait = true;
    open_on("full", TASK "drain_timeout = 20ms\n");
    pthread_t thread = start();
    until(receiver.running == 1);
    eb_consumer_stop(consumer);
    until(fixture_logged("not done in the time for draining"));
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    cr_assert(strstr(err.text, "ended before all receivers were done"), "%s", err.text);
    close_all();
}

Test(worker, a_broker_that_lets_a_key_pass_its_retry_is_not_given_any_where_order_matters) {
    for (int none = 0; none < 2; none++) {
        working_begin();
        events(4, "k");
        receiver.fails[1] = 1;
        fake.delay_retries = !none; /* for ever: there must be none */
        open_on("without_delay_order", none ? TASK "order = none\n" : TASK);
        run();
        if (!none)
            in_order(4);
        cr_assert_eq(receiver.n, 4);
        close_all();
    }
}

/* More than the worker keeps counts of: the rest waits in the worker, since the broker has not shown yet that it counts. */
Test(worker, very_many_events_wait_for_a_retry_and_all_come_again) {
    enum { MANY = 10010 };

    events(MANY, NULL);
    for (int i = 0; i < MANY; i++)
        receiver.fails[i] = 1;
    fake.delay_retries = true;
    open_on("full", "log_level = error\n" TASK);
    pthread_t thread = start();
    until(counts().retried == MANY);
    fake.delay_retries = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(receiver.n, MANY);
    close_all();
}

/* One event fails again and again, and another one does not; returns how often the first one ran. */
static int runs_of_one_that_fails(const char *plugin, const char *sections) {
    enum { OFTEN = 50 };

    events(2, NULL);
    receiver.fails[0] = OFTEN;
    open_on(plugin, sections);
    run();
    cr_assert_eq(receiver.n, 1 + (receiver.fails[0] == 0), "the other one succeeds");
    return OFTEN - receiver.fails[0];
}

Test(worker, an_event_gets_its_attempts_whatever_the_broker_counts) {
    static const char *const orders[] = { "order = none\n", "order = key\n" };
    static const char *const countings[] = { "all", "none", "one", "anew", "twice", "deliveries" };

    for (int i = 0; i < 6 * 2 * 2 * 3; i++) {
        int counting = i % 6, order = i / 6 % 2, deliveries = i / 12 % 2, known_by = i / 24;
        char sections[300];

        working_begin();
        fake.counting = (enum fake_counting)counting;
        fake.counts_deliveries = deliveries;
        fake.moves = known_by == 1;
        fake.events[0].nowhere = fake.events[1].nowhere = known_by == 2;
        snprintf(sections, sizeof sections, "log_level = warning\n" TASK "%s", orders[order]);
        int runs = runs_of_one_that_fails("full", sections);
        bool dead = fake.n_sent == 1;
        /* Without counted deliveries, or with another position each time, other workers may have failed on it. */
        int least = counting < 4 || (deliveries && known_by != 1) ? 5 : 3;
        cr_assert(dead && runs >= least && runs <= 5, "counting %s, %s, deliveries %d, known by %d: %d runs, %d dead letters",
                  countings[counting], orders[order], deliveries, known_by, runs, fake.n_sent);
        if (known_by == 0 && counting == COUNTS_NONE)
            cr_assert(fixture_logged("from now on this worker counts"));
        cr_assert_eq(fixture_logged("from now on this worker counts") && counting == COUNTS_ALL, false);
        close_all();
    }
}

/* Without an id and a position nobody can tell it from another one: it waits here. */
Test(worker, an_event_without_a_name_gets_its_attempts_too) {
    fake.counting = COUNTS_NONE;
    fake.events[0].nowhere = true;
    fake.events[0].lacks = "id";
    cr_assert_eq(runs_of_one_that_fails("full", TASK "order = none\n"), 5);
    cr_assert_eq(fake.n_sent, 1);
    close_all();
}

Test(worker, a_count_beyond_all_numbers_is_no_new_beginning) {
    fake.events[0].failures = UINT32_MAX;
    cr_assert_eq(runs_of_one_that_fails("full", TASK), 1);
    cr_assert_eq(fake.n_sent, 1);
    close_all();
}

Test(worker, memory_that_runs_out_at_a_retry_loses_nothing) {
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        working_begin();
        events(2, "k");
        receiver.fails[0] = 2;
        failed = ran_out_at(++n);
        in_order(2);
        close_all();
    }
    cr_assert_gt(n, 5);
}

Test(worker, it_runs_once) {
    events(2, "k");
    open_on("full", TASK);
    run();
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "open another one"), "%s", err.text);
    in_order(2);
    close_all();
}
