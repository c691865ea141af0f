/* tests/unit/bus/worker_fixture.h - a worker, section w of its configuration, on the fake broker, and its receiver. */
#ifndef TEST_WORKER_FIXTURE_H
#define TEST_WORKER_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <criterion/criterion.h>
#include <eventbus/eventbus.h>
#include "../fixture.h"

extern struct eb_bus *bus;
extern struct eb_consumer *consumer;
extern struct eb_error err;

/* What the receiver does with each user's event, and what it saw. */
struct receiver {
    atomic_int fails[MOST_EVENTS]; /* so many times */
    enum eb_status with;           /* EB_RETRIABLE; EB_PERMANENT */
    atomic_bool wait;              /* it takes as long as that */
    atomic_int hangs;              /* it does so with the event of that user, from 1; 0: with none */
    atomic_int running, n;
    int order[2 * MOST_EVENTS]; /* users, as they succeeded */
};
extern struct receiver receiver;

#define TASK "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 1ms\nretry.max = 1ms\n"
#define LOGIN "org.openedx.learning.auth.session.login.completed.v1"

void working_begin(void); /* for TestSuite(.init) */
void events(size_t n, const char *key);

/* The broker n is of the plugin `other`, or is not. */
void open_bus_on(const char *plugin, const char *other, const char *sections);
enum eb_status open_worker(struct eb_error *why);
void open_on(const char *plugin, const char *sections); /* both */
void close_all(void);

void run(void); /* to the end of what is there */
/* A further stop that counts: a second after the one before. */
void stop_again(void);
pthread_t start(void); /* the same, in a thread */
enum eb_status end_of(pthread_t thread);
struct eb_consumer_counts counts(void);
/* Runs TASK to the end; allocation n behind the first event's arrival at its receiver fails. False: there were not so many. */
bool ran_out_at(unsigned n);
void in_order(int n); /* asserts that n events succeeded, in their order */

#endif
