/* tests/unit/bus/test_dead_letters.c - dead letters, on a broker in trouble: none is lost, nor the event that it is of. */
#include <string.h>
#include "../memory.h"
#include "worker_fixture.h"

TestSuite(dead_letters, .init = working_begin, .timeout = 120);

Test(dead_letters, dead_letters_need_a_broker_that_can_send_and_a_topic_that_can_be) {
    open_bus_on("full", "without_producer", TASK "dead_letter_broker = n\n");
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    cr_assert(strstr(err.text, "plugin without_producer cannot send"), "%s", err.text);
    close_all();

    open_bus_on("full", NULL, TASK);
    fake.create = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    cr_assert(strstr(err.text, "broker m cannot store dead letters: dead-letter topic t.dlq"), "%s", err.text);
    fake.create.times = 1;
    cr_assert_eq(open_worker(NULL), EB_PERMANENT);
    fake.open_admin = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    fake.open_producer = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    close_all();
}

Test(dead_letters, the_start_makes_no_topic_and_the_first_dead_letter_does) {
    events(3, "k");
    receiver.fails[1] = receiver.fails[2] = 1;
    receiver.with = EB_PERMANENT;
    open_on("full", TASK);
    cr_assert_eq(fake.created, 0, "it was only asked for");
    run();
    cr_assert_eq(fake.created, 1, "once for both");
    cr_assert_eq(fake.n_sent, 2);
    close_all();
}

Test(dead_letters, a_broker_for_dead_letters_that_is_away_is_no_reason_not_to_start) {
    events(1, "k");
    fake.create = (struct fault){ EB_RETRIABLE, 1 };
    open_on("full", "log_level = debug\n" TASK);
    run();
    cr_assert(fixture_logged("starting anyway"));
    close_all();

    working_begin();
    events(1, "k");
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.create = (struct fault){ EB_RETRIABLE, 1 };
    open_bus_on("full", "full", TASK "dead_letter_broker = n\ndead_letter_topic = t\n");
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
    cr_assert(fixture_logged("broker n: ") && fixture_logged("starting anyway"));
    run();
    cr_assert_eq(fake.n_sent, 1);
    cr_assert_str_eq(fake.sent[0].topic, "t");
    close_all();
}

Test(dead_letters, a_dead_letter_that_is_not_kept_when_the_worker_ends_is_handed_back) {
    events(1, NULL);
    receiver.fails[0] = 100;
    receiver.with = EB_PERMANENT;
    fake.hold_reports = true;
    fake.events[0].nowhere = true;
    open_on("full", "delivery_timeout = 200ms\n" TASK);
    pthread_t thread = start();
    until(fixture_logged("becomes a dead letter"));
    eb_consumer_stop(consumer);
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(fake.events[0].state, WAITING);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

Test(dead_letters, nor_is_it_lost_when_the_worker_ends_first) {
    events(1, NULL);
    receiver.fails[0] = 100;
    receiver.with = EB_PERMANENT;
    fake.hold_reports = true;
    open_on("full", TASK "drain_timeout = 20ms\n");
    pthread_t thread = start();
    until(fixture_logged("becomes a dead letter"));
    eb_consumer_stop(consumer);
    stop_again();
    stop_again();
    cr_assert_eq(end_of(thread), EB_RETRIABLE, "%s", err.text);
    close_all();
    cr_assert_neq(fake.events[0].state, SETTLED);
    cr_assert_eq(fake.n_sent, 0);
}

Test(dead_letters, one_that_is_not_kept_at_once_is_tried_again) {
    events(1, NULL);
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].nowhere = true;
    open_on("full", "delivery_timeout = 250ms\n" TASK);
    fake.report = (struct fault){ EB_RETRIABLE, 3 };
    run();
    cr_assert(fixture_logged("the dead letter of t ? is not stored yet; retrying in"));
    cr_assert_eq(fake.n_sent, 1);
    close_all();
}

Test(dead_letters, each_has_a_send_id_that_it_keeps_until_it_is_stored) {
    events(2, NULL);
    receiver.fails[0] = receiver.fails[1] = 1;
    receiver.with = EB_PERMANENT;
    open_on("full", "delivery_timeout = 50ms\n" TASK);
    fake.report = (struct fault){ EB_RETRIABLE, 4 };
    run();
    cr_assert(fixture_logged("is not stored yet; retrying in"));
    cr_assert_eq(fake.n_sent, 2);
    cr_assert_str_neq(fake.sent[0].send_id, fake.sent[1].send_id);
    cr_assert_geq(fake.n_submitted, 6);
    for (int i = 0; i < fake.n_submitted && i < MOST_SUBMITTED; i++)
        cr_assert(strcmp(fake.submitted[i], fake.sent[0].send_id) == 0 || strcmp(fake.submitted[i], fake.sent[1].send_id) == 0,
                  "attempt %d has another send id: %s", i, fake.submitted[i]);
    close_all();
}

Test(dead_letters, one_with_less_of_the_event_is_another_send) {
    events(1, "k");
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].n_headers = 2;
    open_on("full", "delivery_timeout = 50ms\n" TASK);
    fake.report = (struct fault){ EB_PERMANENT, 1 };
    run();
    cr_assert_eq(fake.n_submitted, 2);
    cr_assert_str_neq(fake.submitted[0], fake.submitted[1]);
    close_all();
}

Test(dead_letters, one_that_can_never_be_kept_ends_the_worker_and_the_event_is_handed_back) {
    events(1, NULL);
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].nowhere = true;
    open_on("full", TASK);
    fake.report = (struct fault){ EB_PERMANENT, 4 };
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "the dead letter of t ? cannot be stored"), "%s", err.text);
    cr_assert_eq(fake.events[0].state, WAITING);
    close_all();
}

Test(dead_letters, one_that_the_broker_refuses_is_kept_with_less_of_the_event) {
    static const struct {
        unsigned refusals;
        size_t headers, attrs;
        const char *missing;
    } cases[] = { { 1, 2, 0, "headers" },
                  { 2, 2, 0, "headers, data" },
                  { 1, 0, 0, "headers, data" },
                  { 3, 2, 0, "headers, data, attributes, key" },
                  { 1, 0, 20, "headers" } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        working_begin();
        events(1, "k");
        receiver.fails[0] = 1;
        receiver.with = EB_PERMANENT;
        fake.events[0].n_headers = cases[i].headers;
        fake.events[0].n_attrs = cases[i].attrs;
        open_on("full", TASK);
        fake.report = (struct fault){ EB_PERMANENT, (int)cases[i].refusals };
        run();
        cr_assert_eq(fake.n_sent, 1, "case %zu", i);
        cr_assert_str_eq(fake.sent[0].truncated, cases[i].missing);
        cr_assert_eq(fake.sent[0].reasons, 1);
        cr_assert_eq(fake.events[0].state, SETTLED, "case %zu", i);
        cr_assert(fixture_logged("is refused; retrying without"));
        cr_assert_eq(fake.sent[0].has_payload, cases[i].missing[7] == '\0', "case %zu", i);
        cr_assert_eq(strlen(fake.sent[0].digest), fake.sent[0].has_payload ? 0 : 64, "case %zu", i);
        cr_assert_str_eq(fake.sent[0].key, i == 3 ? "(none)" : "k");
        close_all();
    }
}

/* What it says of the original stays as it was: that is where the data are. */
Test(dead_letters, one_of_a_dead_letter_without_its_data_still_says_where_the_original_is) {
    events(1, "k");
    fake.events[0].lacks_data = true;
    open_on("full", TASK);
    run();
    cr_assert_eq(fake.n_sent, 1);
    cr_assert(strstr(fake.sent[0].reason, "a dead letter without its data"), "%s", fake.sent[0].reason);
    cr_assert(strstr(fake.sent[0].reason, "at there ?, ? bytes with SHA-256 abc"), "%s", fake.sent[0].reason);
    cr_assert_str_eq(fake.sent[0].digest, "abc");
    cr_assert_str_eq(fake.sent[0].truncated, "headers, data");
    cr_assert_eq(fake.sent[0].reasons, 1);
    cr_assert_eq(fake.events[0].state, SETTLED);
    close_all();
}

Test(dead_letters, a_topic_that_cannot_be_made_stops_the_worker_and_keeps_the_event) {
    events(1, "k");
    receiver.fails[0] = 100;
    receiver.with = EB_PERMANENT;
    open_on("full", TASK);
    fake.create = (struct fault){ EB_PERMANENT, 100 };
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "cannot be stored"), "%s", err.text);
    cr_assert_eq(fake.events[0].state, WAITING);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

Test(dead_letters, one_larger_than_the_queue_goes_out_whole) {
    events(1, NULL);
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].name_len = MOST_NAME;
    open_on("full", "queue_bytes = 64k\n" TASK);
    run();
    cr_assert_eq(fake.n_sent, 1);
    cr_assert_str_eq(fake.sent[0].truncated, "");
    cr_assert(fake.sent[0].has_payload);
    close_all();
}

Test(dead_letters, one_with_as_many_headers_as_are_taken_has_room_for_its_story) {
    events(1, NULL);
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].n_headers = 4000;
    open_on("full", TASK);
    run();
    cr_assert_eq(fake.n_sent, 1);
    cr_assert_eq(fake.sent[0].reasons, 1, "an earlier story is left out");
    cr_assert(strstr(fake.sent[0].reason, "user 0 is refused"), "%s", fake.sent[0].reason);
    close_all();
}

/* Each question holds up a hand, which has other keys to serve. */
Test(dead_letters, a_broker_that_does_not_answer_is_asked_for_a_topic_once_in_a_while) {
    enum { MANY = 50, TIMES = 1000 };

    events(MANY, NULL);
    for (int i = 0; i < MANY; i++)
        receiver.fails[i] = 1;
    receiver.with = EB_PERMANENT;
    open_on("full", "[consume w]\ntopic = t*\ngroup = g\n");
    fake.create = (struct fault){ EB_RETRIABLE, TIMES };
    pthread_t thread = start();
    until(fixture_logged("t 0 is not stored yet") && fixture_logged("t 49 is not stored yet"));
    cr_assert_gt(fake.create.times, TIMES - 5, "asked %d times", TIMES - fake.create.times);
    fake.create.times = 0;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(fake.n_sent, MANY);
    close_all();
}

Test(dead_letters, a_pattern_makes_its_topics_when_they_are_needed_and_tries_again) {
    events(2, "k");
    receiver.fails[0] = receiver.fails[1] = 1;
    receiver.with = EB_PERMANENT;
    open_on("full", "[consume w]\ntopic = t*\ngroup = g\n");
    fake.create = (struct fault){ EB_RETRIABLE, 1 };
    run();
    cr_assert(fixture_logged("the dead letter of t 0 is not stored yet") && fixture_logged("dead-letter topic t.dlq"));
    cr_assert_eq(fake.created, 1, "once for both");
    cr_assert_eq(fake.n_sent, 2);
    close_all();
}

Test(dead_letters, the_first_topic_that_is_refused_is_the_one_that_is_told) {
    open_bus_on("full", NULL, "[consume w]\ntopic = t u v\ngroup = g\n");
    fake.create = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(open_worker(&err), EB_PERMANENT);
    cr_assert(strstr(err.text, "dead-letter topic t.dlq"), "%s", err.text);
    close_all();
}

Test(dead_letters, memory_that_runs_out_delays_it_and_loses_nothing) {
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        working_begin();
        events(1, "k");
        receiver.fails[0] = 1;
        receiver.with = EB_PERMANENT;
        failed = ran_out_at(++n);
        cr_assert_eq(fake.n_sent + receiver.n, 1, "allocation %u: %d", n, fake.n_sent);
        close_all();
    }
    cr_assert_gt(n, 5);
}

Test(dead_letters, where_there_is_none_memory_that_runs_out_changes_nothing) {
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        working_begin();
        events(1, "k");
        receiver.fails[0] = 1;
        receiver.with = EB_PERMANENT;
        receiver.wait = true;
        open_on("full", TASK "on_failure = stop\n");
        pthread_t thread = start();
        until(receiver.running == 1);
        fail_allocation(n);
        receiver.wait = false;
        enum eb_status status = end_of(thread);
        failed = allocation_failed();
        if (status != EB_OK) {
            cr_assert(strstr(err.text, "stopped at event"), "allocation %u: %s", n, err.text);
            cr_assert_eq(fake.events[0].state, WAITING);
        } else { /* the receiver's verdict did not come through: it was asked again */
            cr_assert(failed && receiver.n == 1, "allocation %u", n);
        }
        close_all();
    }
}

Test(dead_letters, a_broker_whose_topics_come_by_themselves_is_not_asked_to_make_them) {
    events(1, "k");
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    open_on("without_delay_order", TASK);
    run();
    cr_assert_eq(fake.n_sent, 1);
    cr_assert_eq(fake.created, 0);
    close_all();
}
