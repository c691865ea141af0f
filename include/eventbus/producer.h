/* eventbus/producer.h - sending to a topic that the program names, and delivery callbacks. Services that only send signals
 * do not need this header. Compiles alone: C11, C++17. */
#ifndef EVENTBUS_PRODUCER_H
#define EVENTBUS_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>
#include <eventbus/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eb_bus;

/* What became of one event at one topic. Valid until the callback returns. */
struct eb_receipt {
    size_t size;
    const char *id, *type;
    const char *topic;            /* without the prefix */
    const char *position;         /* where the broker stored it; NULL: unknown */
    const struct eb_error *error; /* NULL: delivered */
    int32_t maybe_stored;         /* 1: it failed, but the broker may have stored it */
    int32_t pad;
};

/* Called once for each event that the queue took, from the producer's thread. It must be quick and not wait for the bus. */
typedef void (*eb_delivered)(void *arg, const struct eb_receipt *);

/* Sets a callback for every event that the queue takes, by the general handler or by eb_produce. NULL removes it. */
void eb_bus_on_delivery(struct eb_bus *, eb_delivered, void *arg);

/* Sets how long a sending thread waits, in ms, when the queue is full: -1 waits without limit, 0 refuses the event at
 * once. It also holds for the general handler. The default is queue_wait of [eventbus]. Only the sending thread waits. */
void eb_bus_queue_wait(struct eb_bus *, int timeout_ms);

/* Puts an event into the configured producer's queue for one topic, named without the prefix. key_field is the path of the
 * key in the data, or NULL for no key. delivered may be NULL. Any thread.
 * EB_OK: taken; the callback will report it. EB_FULL: not taken. EB_PERMANENT: the data is not complete, the key field
 * cannot be a key, or no producer is configured. */
enum eb_status eb_produce(struct eb_bus *, const struct eb_event *, const char *topic, const char *key_field,
                          eb_delivered delivered, void *arg, struct eb_error *);

/* Adds an event that eb_produce did not take (EB_FULL) to the file of undelivered events, which `eventbus produce --undelivered` sends
 * again. topic and key_field as for eb_produce. The event is safe on disk when this returns EB_OK. Any thread; it waits for the disk. */
enum eb_status eb_keep_undelivered(struct eb_bus *, const struct eb_event *, const char *topic, const char *key_field,
                                   struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
