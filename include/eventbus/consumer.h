/* eventbus/consumer.h - a worker: receives from a broker and sends each event again as a signal, so that this service's
 * receivers run. Compiles alone: C11, C++17. */
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

/* Which task, and what differs from its section. All zero is the default. */
struct eb_consumer_options {
    size_t size;                    /* sizeof(struct eb_consumer_options) */
    const char *section;            /* the NAME of a [consume NAME]; NULL: the one whose topic and group match those
                                     * below, else its defaults */
    const char *const *topics;      /* NULL-ended; NULL: the section's */
    const char *group;              /* NULL: the section's */
    const char *consumer;           /* this member's name; NULL: {host}-{place}-{n} */
    const char *broker;             /* NULL: the configured consumer */
    const char *from;               /* where a new group starts: earliest (default), latest, TIME, POSITION */
    uint64_t count;                 /* stop when so many events are settled; 0: never */
    int32_t exit_at_end;            /* 1: stop when all that the topics held at the start is settled */
    int32_t require_receivers;      /* 1: refuse to acknowledge what no receiver of this program is connected for, see below */
};

/* What a worker has done so far. */
struct eb_consumer_counts {
    size_t size;
    uint64_t received, succeeded, retried, dead_lettered, skipped, returned;
};

/* Checks everything and opens the plugin's consumer; *consumer is the caller's, for eb_consumer_close; NULL where this
 * fails. options may be NULL where just one [consume] section exists. EB_GONE: consumers are disabled by the
 * configuration. */
enum eb_status eb_consumer_open(struct eb_consumer **consumer, struct eb_bus *, const struct eb_consumer_options *,
                                struct eb_error *);

/* An event whose signal has no receiver in this program (and no command or web address is configured) is acknowledged, as
 * in any service where nobody listens; a warning says so once for all, or once for each type. With require_receivers, or
 * on_no_receiver = stop in the section, such an event is handed back and the run ends; without any receiver at all it does
 * not begin. So connect receivers before eb_consumer_run. */

/* Works until stopped, in this thread and `concurrency` more that run the receivers; drains before it returns.
 * EB_OK: stopped, or came to the count or the end. EB_PERMANENT: a receiver is required and missing, which names the
 * event type. EB_RETRIABLE: the broker was not there in connect_timeout, or too many
 * consecutive errors. EB_FATAL: the plugin gave up, dead letters cannot be kept, or it has run before: a consumer runs
 * once. */
enum eb_status eb_consumer_run(struct eb_consumer *, struct eb_error *);

/* In all of these, a consumer of NULL is nothing to do; eb_consumer_run refuses it (EB_PERMANENT). */

/* Tells a worker to stop: events at work are finished (drain_timeout at most), the others handed back. Any thread, and
 * signal handlers. A second call ends the wait: what is at work is handed back too. It counts only when a second has passed
 * since the first: some programs, such as timeout(1), send a signal twice. */
void eb_consumer_stop(struct eb_consumer *);

/* Any thread. */
void eb_consumer_count(const struct eb_consumer *, struct eb_consumer_counts *);

/* Leaves the group and frees it. Not while it runs. NULL is nothing to do. */
void eb_consumer_close(struct eb_consumer *);

#ifdef __cplusplus
}
#endif
#endif
