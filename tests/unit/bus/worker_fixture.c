/* tests/unit/bus/worker_fixture.c - see worker_fixture.h. */
#include "worker_fixture.h"

#include <stdio.h>
#include <string.h>
#include "../memory.h"

struct eb_bus *bus;
struct eb_consumer *consumer;
struct eb_error err;
struct receiver receiver;

static enum eb_status receive(const struct eb_event *event, void *arg, struct eb_error *why) {
    int64_t user = 0;

    (void)arg;
    eb_event_get_long(event, "user.id", &user, NULL);
    atomic_fetch_add(&receiver.running, 1);
    while (receiver.wait || (receiver.hangs && user == receiver.hangs))
        pause_ms(1);
    atomic_fetch_sub(&receiver.running, 1);
    if (receiver.fails[user] > 0) {
        receiver.fails[user]--;
        snprintf(why->text, sizeof why->text, "user %d is refused", (int)user);
        return why->status = receiver.with ? receiver.with : EB_RETRIABLE;
    }
    receiver.order[atomic_fetch_add(&receiver.n, 1)] = (int)user;
    return EB_OK;
}

void working_begin(void) {
    fixture_reset_broker();
    memset(&receiver, 0, sizeof receiver);
}

void events(size_t n, const char *key) {
    fake.n_events = n;
    for (size_t i = 0; i < n; i++)
        fake.events[i].key = key;
}

void open_bus_on(const char *plugin, const char *other, const char *sections) {
    fixture_set("tests/fake_broker", fixture_broker(plugin, other, sections));
    bus = fixture_bus(NULL);
    cr_assert_eq(eb_connect(bus, NULL, "receive", receive, NULL, &err), EB_OK);
}

enum eb_status open_worker(struct eb_error *why) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = "w", .exit_at_end = 1 };

    err = (struct eb_error){ 0 };
    return eb_consumer_open(&consumer, bus, &options, why);
}

void open_on(const char *plugin, const char *sections) {
    open_bus_on(plugin, NULL, sections);
    cr_assert_eq(open_worker(&err), EB_OK, "%s", err.text);
}

void close_all(void) {
    eb_consumer_close(consumer);
    consumer = NULL;
    eb_bus_close(bus, 0, NULL);
    fixture_clear();
}

/* Runs it to the end of what is there. */
void run(void) {
    cr_assert_eq(eb_consumer_run(consumer, &err), EB_OK, "%s", err.text);
}

void stop_again(void) {
    pause_ms(1000);
    eb_consumer_stop(consumer);
}

static void *run_it(void *arg) {
    (void)arg;
    return (void *)(intptr_t)(eb_consumer_run(consumer, &err) + 1000);
}

pthread_t start(void) {
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, run_it, NULL), 0);
    return thread;
}

enum eb_status end_of(pthread_t thread) {
    void *status;

    cr_assert_eq(pthread_join(thread, &status), 0);
    return (enum eb_status)((intptr_t)status - 1000);
}

struct eb_consumer_counts counts(void) {
    struct eb_consumer_counts counted = { .size = sizeof counted };

    eb_consumer_count(consumer, &counted);
    return counted;
}

void in_order(int n) {
    cr_assert_eq(receiver.n, n, "%d of %d", receiver.n, n);
    for (int i = 0; i < n; i++)
        cr_assert_eq(receiver.order[i], i, "number %d is %d", i, receiver.order[i]);
}

bool ran_out_at(unsigned n) {
    receiver.wait = true;
    open_on("full", TASK);
    pthread_t thread = start();
    until(receiver.running == 1);
    fail_allocation(n);
    receiver.wait = false;
    enum eb_status status = end_of(thread);
    bool failed = allocation_failed();
    cr_assert_eq(status, EB_OK, "allocation %u: %s", n, err.text);
    return failed;
}
