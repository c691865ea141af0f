/* tests/unit/bus/test_sender.c - sending to a broker in trouble: order, receipts, and what is said. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../memory.h"
#include "../fixture.h"
#include "bus/bus.h"
#include "produce/sender.h"
#include "produce/sender_state.h"

static struct eb_bus *bus;
static struct eb_event *event;
static atomic_int told, delivered;
static char why[EB_ERROR_ROOM];

static void on_receipt(void *arg, const struct eb_receipt *receipt) {
    (void)arg;
    if (receipt->error)
        snprintf(why, sizeof why, "%s", receipt->error->text);
    else
        atomic_fetch_add(&delivered, 1);
    atomic_fetch_add(&told, 1);
}

static void begin(void) {
    fixture_reset_broker();
    told = delivered = 0;
    why[0] = '\0';
}

/* A bus on the plugin, in its configuration `sections` ([eventbus] goes on there). */
static void open_on(const char *plugin, const char *sections) {
    fixture_set("tests/fake_broker", fixture_broker(plugin, NULL, sections));
    bus = fixture_bus(NULL);
    event = fixture_login(bus, 1, "ann");
}

static void close_all(int timeout_ms) {
    eb_event_free(event);
    eb_bus_close(bus, timeout_ms, NULL);
    fixture_clear();
}

static enum eb_status send(const char *topic, struct eb_error *err) {
    *err = (struct eb_error){ 0 };
    return eb_produce(bus, event, topic, NULL, on_receipt, NULL, err);
}

static void send_all(int n) {
    struct eb_error err;

    for (int i = 0; i < n; i++) {
        cr_assert_eq(eb_event_set_long(event, "user.id", i, &err), EB_OK);
        cr_assert_eq(send("t", &err), EB_OK, "%s", err.text);
    }
}

TestSuite(sender, .init = begin, .timeout = 120);

Test(sender, an_instance_that_fails_at_submit_or_poll_is_opened_anew_and_nothing_is_lost) {
    struct fault *const faults[] = { &fake.submit, &fake.poll };

    for (int i = 0; i < 2; i++) {
        begin();
        fake.open_producer.status = EB_RETRIABLE;
        faults[i]->status = EB_FATAL;
        open_on("full", "");
        send_all(1);
        until(told == 1);
        fake.open_producer.times = 2;
        faults[i]->times = 1;
        send_all(3);
        until(told == 4);
        cr_assert_eq(delivered, 4);
        cr_assert_eq(fake.n_sent, 4);
        cr_assert_eq(fake.openings, 2);
        cr_assert(fixture_logged("the producer is opened anew: the test wants it"));
        cr_assert(fixture_logged("the producer cannot be opened: broker m: the test wants it"));
        close_all(0);
    }
}

Test(sender, a_plugin_that_has_no_answer_in_time_is_opened_anew) {
    open_on("full", "delivery_timeout = 2s\n");
    fake.hold_reports = true;
    send_all(1);
    until(fixture_logged("no answer in delivery_timeout"));
    fake.hold_reports = false;
    until(told == 1);
    cr_assert(strstr(why, "given up after"), "%s", why);
    close_all(0);
}

Test(sender, a_close_does_not_wait_for_a_plugin_that_cannot_be_opened) {
    fake.submit = (struct fault){ EB_FATAL, 1 };
    fake.open_producer.status = EB_RETRIABLE;
    open_on("full", "");
    send_all(1);
    until(fixture_logged("opened anew"));
    fake.open_producer.times = 1000000;
    close_all(50);
    cr_assert_eq(told, 1);
    cr_assert(strstr(why, "given up at close"), "%s", why);
}

Test(sender, a_close_takes_the_time_that_it_is_given_and_no_more) {
    struct eb_error err;

    open_on("full", "");
    fake.hold_reports = true;
    send_all(1);
    eb_event_free(event);
    cr_assert_eq(eb_bus_close(bus, 100, &err), EB_RETRIABLE);
    cr_assert_eq(told - delivered, 1);
    cr_assert_eq(fixture_undelivered("\"ann\""), 1);
    fixture_clear();

    begin();
    open_on("full", "");
    send_all(1);
    close_all(-1); /* as long as it takes */
    cr_assert_eq(delivered, 1);
}

Test(sender, what_waits_is_given_up_in_its_time_though_the_plugin_cannot_be_opened_for_long) {
    open_on("full", "delivery_timeout = 100ms\n");
    fake.submit = (struct fault){ EB_FATAL, 1 };
    fake.open_producer.status = EB_RETRIABLE;
    send_all(1);
    fake.open_producer.times = 1000000;
    until(told == 1);
    int before = 1000000 - fake.open_producer.times;
    until(1000000 - fake.open_producer.times >= before + 4); /* the next try is 5 s away, or more */
    int tries = fake.open_producer.times;
    send_all(1);
    until(told == 2);
    cr_assert_eq(fake.open_producer.times, tries, "it was told at the next try only");
    close_all(0);
}

Test(sender, a_message_that_is_submitted_again_has_its_send_id_and_each_other_one_another) {
    struct eb_error err;

    open_on("full", "[route a]\ntopic = t\nkey_field =\nevent = org.openedx.learning.auth.session.login.completed.v1\n"
                    "[route b]\ntopic = u\nkey_field =\nevent = org.openedx.learning.auth.session.login.completed.v1\n");
    fake.report = (struct fault){ EB_RETRIABLE, 1 };
    send_all(1);
    until(told == 1);
    cr_assert_eq(fake.n_submitted, 2);
    cr_assert_str_eq(fake.submitted[0], fake.submitted[1], "again, after EB_RETRIABLE");
    fake.submit = (struct fault){ EB_FATAL, 1 };
    send_all(1);
    until(told == 2);
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK); /* the event once more, to two topics */
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_eq(fake.n_sent, 4);
    for (int i = 0; i < fake.n_sent; i++) {
        cr_assert_str_eq(fake.sent[i].id, fake.sent[0].id);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(fake.sent[i].send_id, fake.sent[j].send_id, "sends %d and %d", j, i);
    }
    close_all(0);
}

Test(sender, what_fails_before_others_goes_before_them_again) {
    fake.report = (struct fault){ EB_RETRIABLE, 1 };
    fake.hold_reports = true;
    open_on("full", "");
    send_all(3);
    fake.hold_reports = false;
    until(told == 3);
    cr_assert_eq(delivered, 3);
    close_all(0);
}

Test(sender, a_key_is_at_a_plugin_without_order_once) {
    struct eb_error err;

    open_on("without_traits", "");
    fake.submit_most = 1;
    fake.hold_reports = true;
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(eb_event_set_string(event, "user.pii.username", i < 2 ? "same" : "other", &err), EB_OK);
        cr_assert_eq(eb_produce(bus, event, "t", "user.pii.username", on_receipt, NULL, &err), EB_OK, "%s", err.text);
    }
    fake.hold_reports = false;
    until(told == 4);
    cr_assert_eq(delivered, 4);
    close_all(0);
}

Test(sender, a_key_is_at_a_plugin_once_that_keeps_no_order_with_these_settings) {
    struct eb_error err;
    char lacks[40];

    for (int ordered = 0; ordered <= 1; ordered++) {
        begin();
        fake.hold_reports = true;
        snprintf(lacks, sizeof lacks, "broker.m.lacks=%d", ordered ? EB_T_HISTORY : EB_T_ORDER);
        fixture_set("tests/fake_broker", fixture_broker("full", NULL, ""));
        bus = fixture_bus((const char *const[]){ lacks, NULL });
        event = fixture_login(bus, 1, "ann");
        for (int i = 0; i < 3; i++)
            cr_assert_eq(eb_produce(bus, event, "t", "user.pii.username", on_receipt, NULL, &err), EB_OK, "%s", err.text);
        if (ordered) {
            until(fake.n_submitted == 3);
        } else {
            until(fake.n_submitted == 1);
            cr_assert_eq(eb_bus_flush(bus, 100, &err), EB_RETRIABLE); /* the others are in the queue */
            cr_assert_eq(fake.n_submitted, 1);
        }
        fake.hold_reports = false;
        until(told == 3);
        cr_assert_eq(delivered, 3);
        close_all(0);
    }
}

Test(sender, the_plugin_speaks_through_the_log) {
    open_on("full", "log_level = debug\n");
    send_all(1);
    until(told == 1);
    fake.producer->log(fake.producer, 4, "a word of warning");
    fake.producer->metric(fake.producer, "tries", 42);
    cr_assert(fixture_logged("a word of warning"));
    cr_assert(fixture_logged("tries"));
    close_all(0);
}

Test(sender, a_broker_that_is_not_there_is_told_of_once_and_one_that_comes_back_as_well) {
    const struct eb_error gone = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "gone for lunch" };

    fake.down = true;
    fake.hold_reports = true;
    open_on("full", "");
    send_all(1);
    until(fixture_logged("the test wants no link"));
    fixture_clear_log();
    fake.producer->link(fake.producer, 0, NULL);
    fake.producer->link(fake.producer, 1, NULL);
    fake.producer->link(fake.producer, 0, &gone);
    cr_assert(fixture_logged("the producer waits for the broker: gone for lunch"));
    close_all(0);
}

Test(sender, whoever_waits_for_the_link_is_told_why_it_does_not_come) {
    struct ebi_sender *sender;
    struct eb_error err = { 0 };

    fake.mute = true;
    open_on("full", "");
    cr_assert_eq(ebi_producer_sender(bus->producer, &sender, &err), EB_OK);
    cr_assert_eq(ebi_sender_wait_link(sender, 20, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "no answer from the broker yet"), "%s", err.text);
    fake.producer->link(fake.producer, 1, NULL);
    cr_assert_eq(ebi_sender_wait_link(sender, 20, &err), EB_OK);
    close_all(0);
}

/* ---- A queue that is full ---- */

Test(sender, a_full_queue_refuses_at_once_or_after_its_time) {
    struct eb_error err;

    open_on("full", "queue_messages = 2\n");
    fake.hold_reports = true;
    send_all(2);
    cr_assert_eq(send("t", &err), EB_FULL);
    cr_assert(strstr(err.text, "2 messages"), "%s", err.text);
    eb_bus_queue_wait(bus, 20);
    cr_assert_eq(send("t", &err), EB_FULL);
    cr_assert_eq(eb_bus_flush(bus, 20, &err), EB_RETRIABLE);
    cr_assert(strstr(err.text, "2 messages wait for broker m still"), "%s", err.text);
    eb_bus_queue_wait(bus, -1);
    fake.hold_reports = false;
    send_all(1);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_eq(delivered, 3);
    close_all(0);
}

Test(sender, a_batch_is_no_larger_than_the_sender_takes) {
    open_on("full", "batch_messages = 20000\n");
    send_all(3);
    until(delivered == 3);
    close_all(0);
}

Test(sender, a_signal_without_a_route_stays_local) {
    static const char data[] =
        "{\"enrollment\":{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"ann\",\"email\":\"\",\"name\":\"\"}},"
        "\"course\":{\"course_key\":\"c\",\"display_name\":\"\"},\"mode\":\"audit\",\"is_active\":true,"
        "\"creation_date\":\"2026-11-25T10:00:00\"}}";
    struct eb_event *enrollment = NULL;
    struct eb_error err;

    open_on("full", "[route a]\ntopic = t\nkey_field =\n"
                    "event = org.openedx.learning.auth.session.login.completed.v1\n");
    const struct eb_signal *signal = eb_signal_find(bus, "org.openedx.learning.course.enrollment.created.v1", &err);
    cr_assert_eq(eb_event_new(signal, &enrollment, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_set_json(enrollment, data, sizeof data - 1, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_send(enrollment, NULL, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_eq(fake.n_sent, 0);
    eb_event_free(enrollment);
    close_all(0);
}

Test(sender, a_queue_is_full_by_bytes_too) {
    static char long_name[40000];
    struct eb_error err;

    open_on("full", "queue_bytes = 65536\naudit_delivered = yes\nlog_level = error\n");
    memset(long_name, 'x', sizeof long_name - 1);
    cr_assert_eq(eb_event_set_string(event, "user.pii.name", long_name, &err), EB_OK);
    fake.hold_reports = true;
    send_all(1);
    cr_assert_eq(send("t", &err), EB_FULL);
    fake.hold_reports = false;
    until(told == 1);
    close_all(0);
}

Test(sender, what_is_larger_than_the_queue_is_refused_for_good) {
    static char long_name[70000];
    struct eb_error err;

    open_on("full", "queue_bytes = 65536\n");
    memset(long_name, 'x', sizeof long_name - 1);
    cr_assert_eq(eb_event_set_string(event, "user.pii.name", long_name, &err), EB_OK);
    cr_assert_eq(send("t", &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "more than the whole queue takes"), "%s", err.text);
    close_all(0);
}

Test(sender, an_event_of_a_route_that_is_refused_is_kept_and_reported) {
    struct eb_error err;

    open_on("full", "queue_messages = 1\n[route a]\ntopic = t\nkey_field = user.pii.username\n"
                    "event = org.openedx.learning.auth.session.login.completed.v1\n");
    fake.hold_reports = true;
    eb_bus_on_delivery(bus, on_receipt, NULL);
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK);
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK);
    cr_assert_eq(told, 1);
    cr_assert(strstr(why, "not sent: the queue of broker m is full"), "%s", why);
    cr_assert_eq(fixture_undelivered("\"ann\""), 1);
    eb_bus_on_delivery(bus, NULL, NULL);
    fake.hold_reports = false;
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_eq(told, 1, "nobody wants to be called any more");
    close_all(0);
}

static void *put_one(void *arg) {
    struct eb_error *err = arg;

    return (void *)(intptr_t)(send("t", err) + 1000);
}

static bool somebody_waits(struct ebi_sender *sender) {
    pthread_mutex_lock(&sender->lock);
    bool waits = sender->inside == 1;
    pthread_mutex_unlock(&sender->lock);
    return waits;
}

Test(sender, a_put_that_waits_is_told_that_the_queue_is_being_closed) {
    struct eb_error err = { 0 };
    struct ebi_sender *sender;
    size_t kept, lost;
    pthread_t other;
    void *status;

    open_on("full", "queue_messages = 1\nqueue_wait = 1d\n");
    fake.hold_reports = true;
    send_all(1);
    cr_assert_eq(pthread_create(&other, NULL, put_one, &err), 0);
    cr_assert_eq(ebi_producer_sender(bus->producer, &sender, &err), EB_OK);
    until(somebody_waits(sender));
    ebi_producer_close(bus->producer, 0, &kept, &lost);
    cr_assert_eq(pthread_join(other, &status), 0);
    bus->producer = NULL;
    cr_assert_eq((intptr_t)status - 1000, EB_FATAL, "%s", err.text);
    cr_assert(strstr(err.text, "is being closed"), "%s", err.text);
    cr_assert_eq(kept, 1);
    close_all(0);
}

/* ---- Events of a key, a topic's prefix, no producer ---- */

Test(sender, what_could_not_be_delivered_is_kept_with_its_key) {
    struct eb_error err;

    open_on("full", "topic_prefix = dev\n[route a]\ntopic = t\nkey_field = user.pii.username\n"
                    "event = org.openedx.learning.auth.session.login.completed.v1\n");
    fake.report = (struct fault){ EB_PERMANENT, 2 };
    cr_assert_eq(eb_produce(bus, event, "t", "user.id", on_receipt, NULL, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_eq(fixture_undelivered("\"1\""), 1, "the number is no secret, and stands there");
    cr_assert_eq(fixture_undelivered("\"t\""), 2, "without the prefix");
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_str_eq(fake.sent[0].topic, "dev-t");
    cr_assert_str_eq(fake.sent[0].key, "ann");
    cr_assert_eq(eb_produce(bus, event, "t", "no.such.field", NULL, NULL, &err), EB_PERMANENT);
    cr_assert_eq(eb_produce(bus, event, "t", "", NULL, NULL, &err), EB_OK, "%s", err.text);
    close_all(1000);
}

Test(sender, without_a_producer_signals_stay_local_and_a_call_is_refused) {
    struct eb_error err;

    open_on("full", "[route a]\ntopic = t\nkey_field =\n"
                    "event = org.openedx.learning.auth.session.login.completed.v1\n");
    eb_event_free(event);
    cr_assert_eq(eb_bus_close(bus, 0, &err), EB_OK);
    bus = fixture_bus((const char *const[]){ "eventbus.producer=", NULL });
    event = fixture_login(bus, 1, "ann");
    cr_assert(fixture_logged("so signals stay local"));
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK);
    cr_assert_eq(send("t", &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "no producer is configured"), "%s", err.text);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    close_all(0);
}

Test(sender, a_batch_has_a_size_and_the_rest_goes_next) {
    static char long_name[30000];
    struct eb_error err;

    open_on("full", "batch_bytes = 64k\nlinger = 50ms\n");
    memset(long_name, 'x', sizeof long_name - 1);
    cr_assert_eq(eb_event_set_string(event, "user.pii.name", long_name, &err), EB_OK);
    send_all(5);
    until(told == 5);
    cr_assert_eq(delivered, 5);
    close_all(0);
}

/* ---- Memory ---- */

/* Waits until the sender has submitted n events and polled for their reports since: it allocates nothing then. */
static void polled_after_submit(int n) {
    until(fake.n_submitted == n);
    int polls = fake.n_polls;
    until(fake.n_polls >= polls + 2);
}

Test(sender, a_failure_that_no_memory_remembers_is_told_without_its_reason) {
    open_on("full", "");
    send_all(1);
    until(told == 1);
    fake.hold_reports = true;
    send_all(1);
    polled_after_submit(2);
    fake.report = (struct fault){ EB_PERMANENT, 1 };
    fail_allocation(1); /* nobody allocates now but the report */
    fake.hold_reports = false;
    until(told == 2);
    cr_assert(allocation_failed());
    cr_assert(strstr(why, "no memory to keep the reason"), "%s", why);
    close_all(0);
}

Test(sender, what_is_given_up_without_memory_is_told_all_the_same) {
    bool failed = true;

    for (unsigned n = 1; failed && n < 40; n++) { /* a sender without a broker never comes to an end of its tries */
        begin();
        open_on("full", "delivery_timeout = 500ms\n");
        fake.submit = (struct fault){ EB_FATAL, 1 };
        fake.open_producer.status = EB_RETRIABLE;
        send_all(1);
        fake.open_producer.times = 1000000;
        until(fixture_logged("opened anew") || told == 1);
        if (told == 1) { /* it was given up before it was submitted: once more */
            close_all(0);
            n--;
            continue;
        }
        fail_allocation(n);
        until(told == 1);
        failed = allocation_failed();
        cr_assert_eq(delivered, 0);
        cr_assert(strstr(why, "given up after") || strstr(why, "no memory to keep the reason"), "allocation %u: %s", n, why);
        close_all(0);
    }
}

Test(sender, an_event_that_finds_no_memory_to_be_kept_is_counted_as_lost) {
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        struct eb_error err;

        begin();
        open_on("full", "topic_prefix = dev\n");
        fake.hold_reports = true;
        cr_assert_eq(eb_produce(bus, event, "t", "user.pii.username", NULL, NULL, &err), EB_OK, "%s", err.text);
        polled_after_submit(1);
        fake.report = (struct fault){ EB_PERMANENT, 1 };
        fail_allocation(n);
        fake.hold_reports = false;
        until(eb_bus_flush(bus, -1, &err) == EB_OK); /* which may be what finds none */
        eb_event_free(event);
        enum eb_status status = eb_bus_close(bus, 5000, &err);
        failed = allocation_failed();
        int kept = fixture_undelivered("\"ann\"");
        cr_assert_eq(kept + (status == EB_FATAL), 1, "allocation %u: %d kept, %s", n, kept, err.text);
        fixture_clear();
    }
}

Test(sender, a_failure_without_a_reason_is_told_as_one) {
    open_on("full", "delivery_timeout = 1ms\n");
    fake.hold_reports = true;
    send_all(1);
    fake.refuse_silently = 1;
    pause_ms(5);
    fake.hold_reports = false;
    until(told == 1);
    cr_assert_eq(delivered, 0);
    close_all(0);
}

/* ---- A child ---- */

static enum eb_status none(const struct eb_event *event_, void *arg, struct eb_error *err) {
    (void)event_, (void)arg, (void)err;
    return EB_OK;
}

Test(sender, a_child_of_the_process_is_told_to_open_a_bus_of_its_own_and_may_close_that_of_its_parent) {
    struct eb_error err;
    int status;

    open_on("full", "");
    fake.hold_reports = true;
    send_all(1);
    pid_t child = fork_while_others_sleep();
    if (child == 0) {
        alarm(30); /* nobody is there who would end a wait */
        bool refused = send("t", &err) == EB_FATAL && strstr(err.text, "open it after the fork") &&
                       eb_send(event, NULL, &err) == EB_FATAL && strstr(err.text, "open it after the fork") &&
                       eb_connect(bus, NULL, "late", none, NULL, &err) == EB_FATAL && eb_bus_flush(bus, -1, &err) == EB_FATAL &&
                       strstr(err.text, "open it after the fork");
        eb_event_free(event);
        eb_bus_close(bus, -1, NULL);
        child_ends(refused && told == 0 && fake.closings == 0 ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    fake.hold_reports = false;
    until(delivered == 1);
    close_all(1000);
}
