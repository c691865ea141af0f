/* tests/unit/bus/test_worker.c - a worker on a broker in trouble, and receivers in trouble: nothing is lost, each key keeps its
 * order, and the worker says what happened. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "../memory.h"
#include "working.h"

TestSuite(worker, .init = working_begin, .timeout = 120);

/* ---- The broker's trouble ---- */

Test(worker, an_instance_that_is_done_is_opened_anew_whoever_says_so) {
    struct trouble *const troubles[] = {&played.receive, &played.settle};

    for (int i = 0; i < 2; i++) {
        working_begin();
        events(5, "k");
        *troubles[i] = (struct trouble){EB_FATAL, 1};
        open_on("able", TASK);
        played.open_consumer = (struct trouble){EB_RETRIABLE, 1};
        run();
        cr_assert(stage_said("the consumer is opened anew: the test wants it"));
        cr_assert(stage_said("broker m: the test wants it; trying again"));
        cr_assert_geq(receiver.n, 5);
        close_all();
    }
}

Test(worker, one_that_can_never_be_opened_again_ends_the_worker) {
    events(1, "k");
    played.receive = (struct trouble){EB_FATAL, 1};
    open_on("able", TASK);
    played.open_consumer = (struct trouble){EB_PERMANENT, 1};
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "broker m: the test wants it"), "%s", err.text);
    close_all();
}

Test(worker, receiving_that_fails_is_told_and_goes_on_after_a_pause) {
    events(1, "k");
    played.receive = (struct trouble){EB_RETRIABLE, 1};
    open_on("able", TASK);
    run();
    cr_assert(stage_said("broker m: receiving: the test wants it"));
    in_order(1);
    close_all();
}

Test(worker, an_opening_that_fails_says_so) {
    static const struct { int32_t status, expected; } cases[] = {
        {EB_RETRIABLE, EB_RETRIABLE}, {EB_PERMANENT, EB_PERMANENT}, {EB_FATAL, EB_FATAL}, {EB_GONE, EB_FATAL}};

    open_bus_on("able", NULL, TASK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].status >= EB_OK)
            continue;
        played.open_consumer = (struct trouble){cases[i].status, 1};
        cr_assert_eq((int)open_worker(&err), cases[i].expected, "%zu: %s", i, err.text);
        cr_assert(strstr(err.text, "broker m: the test wants it"), "%s", err.text);
        played.open_consumer = (struct trouble){cases[i].status, 1};
        cr_assert_eq((int)open_worker(NULL), cases[i].expected);
    }
    close_all();
}

Test(worker, the_plugin_speaks_through_the_log_and_its_link_is_told) {
    const struct eb_error gone = {.status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "gone for lunch"};

    open_on("able", "log_level = debug\n" TASK);
    played.consumer->log(played.consumer, 4, "a word of warning");
    played.consumer->metric(played.consumer, "tries", 42);
    played.consumer->link(played.consumer, 0, NULL);
    played.consumer->link(played.consumer, 0, &gone);
    played.consumer->link(played.consumer, 1, NULL);
    cr_assert(stage_said("a word of warning") && stage_said("tries"));
    cr_assert(stage_said("the consumer waits for the broker: gone for lunch"));
    close_all();
}

Test(worker, a_broker_that_does_not_come_ends_the_worker_with_the_reason) {
    played.down = true;
    open_bus_on("able", NULL, "[broker x]\nplugin = able\nops = 1\n" TASK);
    eb_bus_close(bus, 0, NULL);
    bus = stage_bus((const char *const[]){"broker.m.connect_timeout=100ms", NULL});
    events(1, "k");
    played.events[0].state = OUT;
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    played.events[0].state = OUT;
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "broker m cannot be reached: nobody is at home"), "%s", err.text);
    eb_consumer_close(consumer);
    played.down = false;
    played.mute = true;
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    played.events[0].state = OUT;
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "no answer in connect_timeout"), "%s", err.text);
    close_all();
}

Test(worker, a_confirmation_told_twice_counts_once_and_a_late_one_is_told) {
    events(3, "k");
    played.repeats_itself = true;
    open_on("able", TASK);
    run();
    in_order(3);
    cr_assert_eq(counts().succeeded, 3);
    close_all();
    working_begin();
    events(1, "k");
    played.late = true;
    open_on("able", TASK);
    run();
    cr_assert(stage_said("1 acknowledgement(s) came too late"));
    close_all();
}

Test(worker, what_is_taken_away_comes_again_in_order) {
    events(6, "k");
    played.revokes = true;
    open_on("able", TASK);
    run();
    cr_assert_geq(played.returned, 4);
    in_order(6);
    close_all();
}

Test(worker, leases_are_extended_while_a_receiver_works) {
    events(2, "k");
    played.lease_ms = 30;
    receiver.wait = true;
    open_on("able", TASK);
    pthread_t thread = start();
    until(played.extensions >= 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(2);
    close_all();
}

/* ---- What a worker holds is bounded ---- */

Test(worker, no_more_than_max_in_flight_is_taken) {
    events(20, NULL);
    receiver.wait = true;
    open_on("able", TASK "max_in_flight = 4\nconcurrency = 2\n");
    pthread_t thread = start();
    until(receiver.running == 2);
    played_pause(20);
    size_t out = 0;
    for (size_t i = 0; i < 20; i++)
        out += played.events[i].state == OUT;
    cr_assert_leq(out, 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(receiver.n, 20);
    close_all();
}

Test(worker, nor_more_bytes_but_always_one_event) {
    events(10, "k");
    for (int i = 0; i < 10; i++)
        played.events[i].n_headers = 1;
    receiver.wait = true;
    open_on("able", TASK "max_in_flight_bytes = 64k\n");
    pthread_t thread = start();
    until(receiver.running == 1);
    until(counts().received == 2);      /* the one that reaches the bound still comes */
    played_pause(20);
    cr_assert_eq(counts().received, 2);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(10);
    close_all();
}

/* ---- Order ---- */

Test(worker, each_order_that_can_be_asked_for_is_kept) {
    static const char *const orders[] = {"strict", "key", "none"};

    for (int i = 0; i < 3; i++) {
        char sections[300];

        working_begin();
        for (int fail = 0; fail < 2; fail++)
            receiver.fails[3 + fail] = 1;
        events(8, i == 0 ? NULL : "k");
        snprintf(sections, sizeof sections, TASK "concurrency = 4\norder = %s\n", orders[i]);
        open_on("able", sections);
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
        TASK "concurrency = 4\n" ROUTE "key_field = user.pii.username\n",       /* the route's */
        TASK "concurrency = 4\nkey_field = user.pii.username\n",                /* the task's own */
        TASK "concurrency = 4\nkey_field = no.such.field\n",                    /* none: one line for all */
        TASK "concurrency = 4\n" ROUTE "key_field =\n",
    };

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        working_begin();
        events(8, NULL);                /* all of one user's name */
        receiver.fails[2] = 1;
        open_on("bare", sections[i]);
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
        open_on("bare", TASK "concurrency = 4\nkey_field = user.pii.username\n");
        receiver.wait = true;
        pthread_t thread;
        fail_allocation(++n);
        thread = start();
        for (int i = 0; i < 100 && !receiver.running; i++)
            played_pause(1);
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

/* ---- Messages that are none ---- */

Test(worker, what_cannot_be_read_stands_in_line_and_becomes_a_dead_letter) {
    events(4, NULL);
    played.events[1].broken = true;
    played.events[2].type = "org.example.unknown.v1";
    played.events[3].nowhere = true;
    open_on("bare", TASK "key_field = user.pii.username\n");
    run();
    cr_assert_eq(receiver.n, 2);
    cr_assert_eq(played.n_sent, 2);
    cr_assert(strstr(played.sent[1].reason, "org.example.unknown.v1"), "%s", played.sent[1].reason);
    close_all();
}

Test(worker, types_that_are_no_names_are_dead_letters_too) {
    char long_name[300];

    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    events(2, NULL);
    played.events[0].type = "";
    played.events[1].type = long_name;
    open_on("able", TASK);
    run();
    cr_assert_eq(played.n_sent, 2);
    cr_assert(strstr(played.sent[0].reason, "no event type"), "%s", played.sent[0].reason);
    cr_assert(strstr(played.sent[1].reason, "is no name"), "%s", played.sent[1].reason);
    close_all();
}

Test(worker, one_with_too_many_headers_holds_nobody_up_and_becomes_a_dead_letter) {
    events(3, "k");
    played.events[0].n_headers = MOST_ITEMS;
    played.events[1].n_attrs = MOST_ITEMS;
    open_on("able", TASK);
    run();
    cr_assert_eq(receiver.n, 1);
    cr_assert_eq(played.n_sent, 2);
    for (int i = 0; i < 2; i++)
        cr_assert(strstr(played.sent[i].reason, "more than 4096 headers"), "%s", played.sent[i].reason);
    close_all();
}

Test(worker, a_writers_schema_that_is_too_large_is_the_messages_flaw) {
    static char json[(1 << 20) + 2];
    static struct eb_schema schema = {.size = sizeof schema, .id = 77, .name = {"x", 1}, .json = {json, sizeof json - 1}};

    memset(json, ' ', sizeof json - 1);
    events(1, "k");
    played.schema = &schema;
    open_on("able", TASK);
    run();
    cr_assert_eq(played.n_sent, 1);
    cr_assert(strstr(played.sent[0].reason, "the writer's schema is not taken"), "%s", played.sent[0].reason);
    close_all();
}

Test(worker, an_event_handed_out_too_often_runs_alone_and_is_named) {
    events(3, NULL);
    played.events[1].deliveries = 9;
    played.events[1].nowhere = true;
    open_on("able", TASK "concurrency = 3\n");
    run();
    cr_assert_eq(receiver.n, 3);
    cr_assert(stage_said("was handed out 9 times and is run alone"));
    cr_assert_not(stage_said("(null)"));
    close_all();
}

/* ---- Receivers' trouble ---- */

Test(worker, on_failure_stop_names_the_event_and_hands_it_back) {
    events(2, "k");
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    played.events[0].nowhere = true;
    open_on("able", TASK "on_failure = stop\n");
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "stopped at event ? of topic t"), "%s", err.text);
    cr_assert_eq(played.events[0].state, THERE);
    cr_assert_eq(played.n_sent, 0);
    close_all();
}

Test(worker, the_first_reason_is_the_one_that_counts) {
    events(4, NULL);
    for (int i = 0; i < 4; i++)
        receiver.fails[i] = 1;
    receiver.wait = true;
    receiver.with = EB_PERMANENT;
    open_on("able", TASK "on_failure = stop\nconcurrency = 4\n");
    pthread_t thread = start();
    until(receiver.running == 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_FATAL);
    cr_assert(strstr(err.text, "stopped at event"), "%s", err.text);
    close_all();
}

Test(worker, one_that_is_stopped_twice_does_not_wait_for_its_receivers) {
    events(3, "k");
    receiver.wait = true;
    open_on("able", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    eb_consumer_stop(consumer);
    eb_consumer_stop(consumer);
    played_pause(20);
    eb_consumer_stop(consumer);
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    cr_assert(strstr(err.text, "ended before all receivers were done"), "%s", err.text);
    receiver.wait = false;
    close_all();
}

Test(worker, one_that_is_stopped_lets_its_receivers_end_and_hands_the_rest_back) {
    events(5, "k");
    receiver.wait = true;
    open_on("able", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    eb_consumer_stop(consumer);
    played_pause(20);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(1);
    cr_assert_geq(played.returned, 1);
    close_all();
}

Test(worker, an_instance_that_is_done_while_it_drains_is_not_opened_anew) {
    events(2, "k");
    receiver.wait = true;
    open_on("able", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    played.receive = (struct trouble){EB_FATAL, 0};
    eb_consumer_stop(consumer);
    until(played.returned >= 1);
    played.receive.times = 1;
    played_pause(30);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(played.openings, 2, "one of the consumer, one of the producer of dead letters");
    close_all();
}

Test(worker, an_instance_that_is_done_leaves_its_events_at_work_to_the_next_one) {
    events(2, "k");
    receiver.wait = true;
    open_on("able", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    played.receive = (struct trouble){EB_FATAL, 1};
    until(stage_said("opened anew"));
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_geq(receiver.n, 3, "the one that was at work comes again");
    close_all();
}

/* ---- Its end ---- */

Test(worker, it_runs_once) {
    events(2, "k");
    open_on("able", TASK);
    run();
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "open another one"), "%s", err.text);
    in_order(2);
    close_all();
}
