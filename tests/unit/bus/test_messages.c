/* tests/unit/bus/test_messages.c - what comes in: messages that are none, receivers that fail, schemas of writers. */
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include "../memory.h"
#include "bus/bus.h"
#include "worker_fixture.h"

TestSuite(messages, .init = working_begin, .timeout = 120);

/* ---- Messages that are none ---- */

Test(messages, what_cannot_be_read_stands_in_line_and_becomes_a_dead_letter) {
    events(4, NULL);
    fake.events[1].broken = true;
    fake.events[2].type = "org.example.unknown.v1";
    fake.events[3].nowhere = true;
    open_on("without_traits", TASK "key_field = user.pii.username\n");
    run();
    cr_assert_eq(receiver.n, 2);
    cr_assert_eq(fake.n_sent, 2);
    cr_assert(strstr(fake.sent[1].reason, "org.example.unknown.v1"), "%s", fake.sent[1].reason);
    close_all();
}

Test(messages, types_that_are_no_names_are_dead_letters_too) {
    char long_name[300];

    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    events(4, NULL);
    fake.events[0].type = "";
    fake.events[1].type = long_name;
    fake.events[2].type = "a\0b";
    fake.events[2].type_len = 3;
    fake.events[3].lacks = "type";
    open_on("full", "log_level = warning\n" TASK);
    run();
    cr_assert_eq(fake.n_sent, 4);
    cr_assert(strstr(fake.sent[2].reason, "is not a name"), "%s", fake.sent[2].reason);
    cr_assert(strstr(fake.sent[3].reason, "no event type"), "%s", fake.sent[3].reason);
    cr_assert(strstr(fake.sent[0].reason, "no event type"), "%s", fake.sent[0].reason);
    cr_assert(strstr(fake.sent[1].reason, "is not a name"), "%s", fake.sent[1].reason);
    close_all();
}

/* Of each length: what stands behind the name of the one before must not be looked at. */
Test(messages, a_type_that_goes_on_behind_a_nul_is_not_the_one_before) {
    enum { N = 190 };
    static char longer[255] = LOGIN; /* with NULs behind it */
    const size_t len = strlen(longer);

    cr_assert_lt(len + N, sizeof longer);
    events(N, NULL);
    for (size_t i = 1; i < N; i++) {
        fake.events[i].type = longer;
        fake.events[i].type_len = len + i;
    }
    open_on("full", "log_level = warning\n" TASK);
    run();
    cr_assert_eq(receiver.n, 1);
    cr_assert_eq(fake.n_sent, N - 1);
    for (size_t i = 0; i < N - 1; i++)
        cr_assert(strstr(fake.sent[i].reason, "is not a name"), "%s", fake.sent[i].reason);
    close_all();
}

Test(messages, one_with_too_many_headers_holds_nobody_up_and_becomes_a_dead_letter) {
    events(3, "k");
    fake.events[0].n_headers = MOST_ITEMS;
    fake.events[1].n_attrs = MOST_ITEMS;
    open_on("full", TASK);
    run();
    cr_assert_eq(receiver.n, 1);
    cr_assert_eq(fake.n_sent, 2);
    for (int i = 0; i < 2; i++)
        cr_assert(strstr(fake.sent[i].reason, "more than 4000 headers"), "%s", fake.sent[i].reason);
    close_all();
}

Test(messages, a_writers_schema_that_is_too_large_is_the_messages_flaw) {
    static char json[(1 << 20) + 2];
    static struct eb_schema schema = { .size = sizeof schema, .id = 77, .name = { "x", 1 }, .json = { json, sizeof json - 1 } };

    memset(json, ' ', sizeof json - 1);
    for (int name = 0; name < 2; name++) {
        working_begin();
        events(1, "k");
        if (name) {
            schema.name = schema.json;
            schema.json = (struct eb_text){ "{}", 2 };
        }
        fake.schema = &schema;
        open_on("full", TASK);
        run();
        cr_assert_eq(fake.n_sent, 1);
        cr_assert(strstr(fake.sent[0].reason, "the writer's schema is larger than 1048576 bytes"), "%s", fake.sent[0].reason);
        close_all();
    }
}

Test(messages, an_event_handed_out_too_often_runs_alone_and_is_named) {
    events(3, NULL);
    fake.events[1].deliveries = 9;
    fake.events[1].nowhere = true;
    open_on("full", TASK "concurrency = 3\n");
    run();
    cr_assert_eq(receiver.n, 3);
    cr_assert(fixture_logged("was delivered 9 times and runs alone"));
    cr_assert_not(fixture_logged("(null)"));
    close_all();
}

/* ---- What hangs holds only itself ---- */

static void *close_it(void *arg) {
    (void)arg;
    eb_consumer_close(consumer);
    return NULL;
}

/* Event 1 hangs, event 2 is to run alone, event 3 is of another key. */
static pthread_t start_one_that_hangs(void) {
    events(4, NULL);
    receiver.hangs = 1;
    fake.events[2].deliveries = 9;
    open_on("full", TASK "concurrency = 3\n");
    pthread_t thread = start();
    until(receiver.running >= 1);
    return thread;
}

Test(messages, one_to_run_alone_behind_one_that_hangs_holds_nobody_up_and_both_are_named) {
    pthread_t thread = start_one_that_hangs();

    until(receiver.n == 2); /* 0 and 3 */
    cr_assert(receiver.hangs);
    until(fixture_logged("is to run alone, but waits for 1 event(s) at work"));
    until(fixture_logged("an event that is to run alone waits for it"));
    cr_assert(fixture_logged("event_id=00000000-0000-1000-8000-000000000001"));
    until(receiver.n == 3);
    cr_assert(fixture_logged("runs alone beside 1 event(s) whose receivers hang"));
    receiver.hangs = 0;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(receiver.n, 4);
    close_all();
}

Test(messages, one_that_runs_alone_and_hangs_gets_company_and_is_named) {
    events(3, NULL);
    receiver.hangs = 1;
    fake.events[1].deliveries = 9;
    open_on("full", TASK "concurrency = 3\n");
    pthread_t thread = start();
    until(receiver.running == 1 && receiver.n == 2); /* 2 goes on beside it */
    until(fixture_logged("it was to run alone; others run beside it now"));
    receiver.hangs = 0;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    close_all();
}

Test(messages, a_drain_and_a_close_name_what_they_wait_for) {
    events(2, "k");
    receiver.hangs = 1;
    open_on("full", TASK "drain_timeout = 50ms\n");
    pthread_t thread = start();
    until(receiver.n == 1 && receiver.running == 1);
    eb_consumer_stop(consumer);
    until(fixture_logged("not done in the time for draining"));
    cr_assert(fixture_logged("event_id=00000000-0000-1000-8000-000000000001"));
    eb_consumer_stop(consumer);
    eb_consumer_stop(consumer);
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    pthread_t closer;
    cr_assert_eq(pthread_create(&closer, NULL, close_it, NULL), 0);
    until(fixture_logged("the worker closes when its receiver returns"));
    receiver.hangs = 0;
    pthread_join(closer, NULL);
    eb_bus_close(bus, 0, NULL);
    fixture_clear();
}

/* ---- Receivers' trouble ---- */

Test(messages, on_failure_stop_names_the_event_and_hands_it_back) {
    events(2, "k");
    receiver.fails[0] = 1;
    receiver.with = EB_PERMANENT;
    fake.events[0].nowhere = true;
    open_on("full", TASK "on_failure = stop\n");
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_FATAL);
    cr_assert(strstr(err.text, "stopped at event ? of topic t"), "%s", err.text);
    cr_assert_eq(fake.events[0].state, WAITING);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

Test(messages, the_first_reason_is_the_one_that_counts) {
    events(4, NULL);
    for (int i = 0; i < 4; i++)
        receiver.fails[i] = 1;
    receiver.wait = true;
    receiver.with = EB_PERMANENT;
    open_on("full", TASK "on_failure = stop\nconcurrency = 4\n");
    pthread_t thread = start();
    until(receiver.running == 4);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_FATAL);
    cr_assert(strstr(err.text, "stopped at event"), "%s", err.text);
    close_all();
}

Test(messages, one_that_is_stopped_twice_does_not_wait_for_its_receivers) {
    events(3, "k");
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    eb_consumer_stop(consumer);
    stop_again();
    stop_again();
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    cr_assert(strstr(err.text, "ended before all receivers were done"), "%s", err.text);
    receiver.wait = false;
    close_all();
}

Test(messages, one_that_is_stopped_lets_its_receivers_end_and_hands_the_rest_back) {
    events(5, "k");
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    eb_consumer_stop(consumer);
    until(fake.returned >= 1);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    in_order(1);
    close_all();
}

Test(messages, an_instance_that_is_done_while_it_drains_is_not_opened_anew) {
    events(2, "k");
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    fake.receive = (struct fault){ EB_FATAL, 0 };
    eb_consumer_stop(consumer);
    until(fake.returned >= 1);
    fake.receive.times = 1;
    pause_ms(30);
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(fake.openings, 2, "one of the consumer, one of the producer of dead letters");
    close_all();
}

Test(messages, an_instance_that_is_done_leaves_its_events_at_work_to_the_next_one) {
    events(2, "k");
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    fake.receive = (struct fault){ EB_FATAL, 1 };
    until(fixture_logged("opened anew"));
    receiver.wait = false;
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_geq(receiver.n, 3, "the one that was at work comes again");
    close_all();
}

/* ---- Writers' schemas ---- */

/* A writer's schema: that of login, with white space around it, so that it is another one; or `json`. */
static void writer(uint64_t id, const char *json) {
    static struct eb_schema schema;
    static char text[20000]; /* more than the schema, see own_lengths */
    char path[500];
    size_t len = 0;

    if (!json) {
        snprintf(path, sizeof path, "%s/conf/schemas/" LOGIN ".avsc", getenv("top_srcdir"));
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file, "%s", path);
        memset(text, ' ', sizeof text);
        len = fread(text, 1, sizeof text - 2000, file);
        fclose(file);
        json = text;
    }
    schema = (struct eb_schema){ .size = sizeof schema, .id = id, .json = { json, len ? len : strlen(json) } };
    fake.schema = &schema;
}

Test(messages, a_writers_schema_is_resolved_once_and_found_again) {
    events(3, "k");
    writer(77, NULL);
    open_on("full", TASK);
    run();
    in_order(3);
    close_all();
}

Test(messages, a_writers_schema_that_is_none_or_fits_not_is_the_messages_flaw) {
    static const char *const schemas[] = { "{", "\"int\"" };

    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        working_begin();
        events(1, "k");
        writer(77, schemas[i]);
        open_on("full", TASK);
        run();
        cr_assert_eq(fake.n_sent, 1);
        cr_assert(strstr(fake.sent[0].reason, "the writer's schema"), "%s", fake.sent[0].reason);
        close_all();
    }
}

Test(messages, memory_that_runs_out_while_a_schema_is_resolved_makes_no_dead_letter) {
    unsigned n = 0;
    bool failed = true;

    while (failed) {
        working_begin();
        events(2, "k");
        writer(77, NULL);
        open_on("full", TASK);
        fail_allocation(++n);
        enum eb_status status = eb_consumer_run(consumer, &err);
        failed = allocation_failed();
        cr_assert_eq(fake.n_sent, 0, "allocation %u: %s", n, fake.sent[0].reason);
        if (status == EB_OK)
            in_order(2);
        else
            cr_assert(strstr(err.text, "memory"), "allocation %u: %s", n, err.text);
        close_all();
    }
    cr_assert_gt(n, 20);
}

Test(messages, more_schemas_than_are_kept_make_no_dead_letter) {
    events(10010, NULL);
    writer(77, NULL);
    fake.own_schemas = true;
    open_on("full", TASK "concurrency = 1\n");
    run();
    cr_assert_eq(receiver.n, 10010);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

Test(messages, schemas_that_are_resolved_are_kept_up_to_a_bound) {
    writer(77, NULL);
    events(1100, NULL);
    fake.own_schemas = true;
    fake.own_lengths = true;
    open_on("full", TASK "concurrency = 1\n");
    run();
    cr_assert_eq(receiver.n, 1100);
    close_all();
}
