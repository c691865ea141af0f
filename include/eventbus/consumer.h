/* eventbus/consumer.h - a worker: receives events from a broker and sends each one again as a signal, so that the receivers
 * of this service run. Compiles alone: C11, C++17. */
#ifndef EVENTBUS_CONSUMER_H
#define EVENTBUS_CONSUMER_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eb_bus;
struct eb_consumer;

/* Which [consume] section a worker runs, and what overrides the section. All fields zero give the defaults. eb_consumer_open copies
 * the texts. */
struct eb_consumer_options {
    size_t size;               /* sizeof(struct eb_consumer_options) */
    const char *section;       /* the NAME of [consume NAME]; NULL: the section whose topic and group are those below,
                                     * else the defaults */
    const char *const *topics; /* ends with NULL; NULL: the section's */
    const char *group;         /* NULL: the section's */
    const char *consumer;      /* this member's name; NULL: {host}-{place}-{n} */
    const char *broker;        /* NULL: the configured consumer */
    const char *from;          /* where a new group starts: earliest (default), latest, TIME, POSITION */
    uint64_t count;            /* stop when this many events are settled; 0: never */
    int32_t exit_at_end;       /* 1: stop when every event that the topics held at the start is settled */
    int32_t require_receivers; /* 1: do not acknowledge an event for which this program has no receiver; see below */
};

/* How many events a worker has received so far, and what became of them. */
struct eb_consumer_counts {
    size_t size;
    uint64_t received, succeeded, retried, dead_lettered, skipped, returned;
};

/* Checks the section and the options and opens the plugin's consumer. The caller closes *consumer with eb_consumer_close;
 * *consumer is NULL if this fails. options may be NULL if exactly one [consume] section exists. EB_GONE: the configuration
 * disables consumers. */
enum eb_status eb_consumer_open(struct eb_consumer **consumer, struct eb_bus *, const struct eb_consumer_options *,
                                struct eb_error *);

/* RECEIVERS  Connect receivers before eb_consumer_run. If an event's signal has no receiver in this program, and the
 * section has no command or web address, the worker acknowledges the event and logs a warning once for all events or once
 * for each type. With require_receivers, or on_no_receiver = stop in the section, the worker returns such an event to the
 * broker and stops, and it does not start without any receiver. */

/* Runs the worker in this thread, and the receivers in `concurrency` more threads, until the worker is stopped. It drains
 * before it returns. EB_OK: stopped, or reached the count or the end. EB_PERMANENT: a required receiver is missing; the
 * text names the event type. EB_RETRIABLE: the broker was not reached in connect_timeout, or too many errors came one
 * after the other. EB_FATAL: the plugin failed for good, dead letters cannot be stored, or the consumer has run before: a
 * consumer runs once. */
enum eb_status eb_consumer_run(struct eb_consumer *, struct eb_error *);

/* The functions below do nothing with a consumer of NULL; eb_consumer_run refuses it (EB_PERMANENT). */

/* Tells a worker to stop. The worker finishes the events that its receivers work on, for drain_timeout at most, and returns
 * the others to the broker. Any thread, and signal handlers. A second call ends the wait, so that the events at work are
 * returned too. A second call counts only one second after the first, because some programs, such as timeout(1), send a
 * signal twice. */
void eb_consumer_stop(struct eb_consumer *);

/* Copies the counts so far. Any thread. */
void eb_consumer_count(const struct eb_consumer *, struct eb_consumer_counts *);

/* Leaves the group and frees the consumer. Do not call it while eb_consumer_run is at work. */
void eb_consumer_close(struct eb_consumer *);

#ifdef __cplusplus
}
#endif
#endif
