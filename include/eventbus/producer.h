/* eventbus/producer.h - sending to a topic named by the program, and learning what became of it; services that just
 * send signals need none of this. Compiles alone: C11, C++17. */
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

/* What became of one event at one topic. Lent until the callback returns. */
struct eb_receipt {
    size_t size;
    const char *id, *type;
    const char *topic;              /* without the prefix */
    const char *position;           /* where the broker has it; NULL: unknown */
    const struct eb_error *error;   /* NULL: delivered */
    int32_t maybe_stored;           /* 1: failed, yet the broker may have it */
    int32_t pad;
};

/* Called once for each event taken, from the producer's own thread: be quick, and do not wait for the bus in it. */
typedef void (*eb_delivered)(void *arg, const struct eb_receipt *);

/* Calls back for every event that the general handler sends by the routes as well. NULL: no more. */
void eb_bus_on_delivery(struct eb_bus *, eb_delivered, void *arg);

/* What to do when the queue is full: wait so long, in ms (-1: as long as it takes), or be refused at once (0).
 * Also for the general handler; the default is queue_wait of [eventbus]. This thread's calls only are delayed. */
void eb_bus_queue_wait(struct eb_bus *, int timeout_ms);

/* Puts an event into the queue of the configured producer for one topic (without prefix). key_field: the path of the
 * key in the data, or NULL for none. delivered may be NULL. Any thread.
 * EB_OK: taken, it will be reported. EB_FULL: not taken. EB_PERMANENT: the data is not complete, or the key field is
 * none that can be a key, or no producer is configured. */
enum eb_status eb_produce(struct eb_bus *, const struct eb_event *, const char *topic, const char *key_field,
                          eb_delivered delivered, void *arg, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
