/* eventbus/signal.h - signals, the receivers connected to them, and sending. Compiles alone: C11, C++17.
 *
 * A signal is an event type that can be sent and listened to: one for each schema file. All functions here may be
 * called from any thread, also from inside a receiver. */
#ifndef EVENTBUS_SIGNAL_H
#define EVENTBUS_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>
#include <eventbus/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eb_bus;
struct eb_signal;

/* Returns the signal of an event type, valid as long as the bus; NULL if there is none, and the error names the nearest
 * types. */
const struct eb_signal *eb_signal_find(const struct eb_bus *, const char *event_type, struct eb_error *);

/* Adds a signal while the bus is open, from the JSON text of its Avro schema: a record whose namespace is the event type. Any
 * thread, also while consumers run. Returns the signal, valid as long as the bus; NULL: the text is not such a schema.
 * If the bus has a signal of this type and schema, returns that one. If it has one of this type with another schema, the new
 * signal takes its place for eb_signal_find and for events that are received from now on, with its routes; receivers that were connected
 * to the earlier one alone, and events made from it, stay with the earlier one. What the earlier schema wrote can still be read,
 * if Avro's rules allow it. EB_PERMANENT: a route's key_field is not in the new schema. */
const struct eb_signal *eb_signal_add(struct eb_bus *, const char *schema, size_t len, struct eb_error *);

/* Calls each(arg, signal) for all signals, by name, and then for those that were added, until it returns a value other than 0, and returns that value. */
int eb_signal_each(const struct eb_bus *, int (*each)(void *arg, const struct eb_signal *), void *arg);

const char *eb_signal_type(const struct eb_signal *);   /* the event type */
const char *eb_signal_schema(const struct eb_signal *); /* its Avro schema, JSON text */

/* Enables or disables a signal. Sending a disabled signal does nothing and returns EB_OK. Signals start enabled. */
void eb_signal_enable(const struct eb_signal *, int enabled);
int eb_signal_enabled(const struct eb_signal *);

/* For tests: makes eb_send stop at the first receiver that fails and return its error. */
void eb_signal_allow_failure(const struct eb_signal *, int allowed);

/* A receiver, called with each event sent. event and error are valid until it returns. It returns EB_OK, or fills the error
 * and returns EB_RETRIABLE (a later attempt may succeed) or EB_PERMANENT (no attempt can succeed); a consumer retries after
 * the first and stores a dead letter after the second. A receiver may send, connect and disconnect. */
typedef enum eb_status (*eb_receiver)(const struct eb_event *event, void *arg, struct eb_error *error);

/* Connects a receiver under a name that says what it does ("grant badge") and is unique for its signal. Receivers run in
 * the order in which they were connected. signal NULL connects it to every signal, ahead of all other receivers; so check
 * first what eb_signal_find returned. EB_PERMANENT: the name is in use, or the name or the receiver is missing. */
enum eb_status eb_connect(struct eb_bus *, const struct eb_signal *, const char *name, eb_receiver, void *arg,
                          struct eb_error *);

/* Disconnects a receiver. When this returns, the receiver does not run in another thread and will not run again.
 * EB_GONE: no receiver has that name. */
enum eb_status eb_disconnect(struct eb_bus *, const struct eb_signal *, const char *name);

/* One receiver that failed. */
struct eb_failure {
    const char *receiver; /* the name under which it was connected */
    struct eb_error error;
};

/* What running the receivers led to. The caller frees it with eb_outcome_free. */
struct eb_outcome {
    size_t receivers, failed; /* how many ran, and how many of them failed */
    struct eb_failure *failures;
};

/* Frees what an outcome points to. NULL does nothing. */
void eb_outcome_free(struct eb_outcome *);

/* Sends an event: runs every receiver of its signal in this thread, also after one has failed. *outcome gets the failures;
 * if outcome is NULL they are logged. The general handler is a receiver too: it puts the event into the producer's queue
 * and does not wait for the broker. The caller keeps the event.
 * EB_OK: the receivers ran, even if some failed. EB_PERMANENT: a required field is not set, and no receiver ran. */
enum eb_status eb_send(const struct eb_event *, struct eb_outcome *outcome, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
