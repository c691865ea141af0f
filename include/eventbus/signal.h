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

/* The signal of an event type; lives as long as the bus. NULL: there is none; the error names the nearest ones. */
const struct eb_signal *eb_signal_find(const struct eb_bus *, const char *event_type, struct eb_error *);

/* All signals by name: calls each(arg, signal) until it answers other than 0, and answers that. */
int eb_signal_each(const struct eb_bus *, int (*each)(void *arg, const struct eb_signal *), void *arg);

const char *eb_signal_type(const struct eb_signal *);       /* the event type */
const char *eb_signal_schema(const struct eb_signal *);     /* its Avro schema, JSON text */

/* Switches a signal: sending a disabled one does nothing and succeeds. Signals start enabled. */
void eb_signal_enable(const struct eb_signal *, int enabled);
int eb_signal_enabled(const struct eb_signal *);

/* For tests: lets the first receiver that fails end the sending, and eb_send answer with its error. */
void eb_signal_allow_failure(const struct eb_signal *, int allowed);

/* Called with each event sent; event, arg and error are lent until it returns. Answer EB_OK, or fill the error and
 * answer EB_RETRIABLE (worth trying again later) or EB_PERMANENT (never will work); in a service that consumes, that
 * decides between a retry and the dead-letter topic. A receiver may send, connect and disconnect. */
typedef enum eb_status (*eb_receiver)(const struct eb_event *event, void *arg, struct eb_error *error);

/* Connects a receiver under a name that says what it does ("grant badge"), unique for its signal. Receivers run in the
 * order they were connected. signal NULL: of every signal of the bus, ahead of the others; so look first whether
 * eb_signal_find found one. EB_PERMANENT: the name is taken, or it or the receiver is missing. */
enum eb_status eb_connect(struct eb_bus *, const struct eb_signal *, const char *name, eb_receiver, void *arg,
                          struct eb_error *);

/* Disconnects it. When this has returned the receiver is not running in another thread and will not be run again.
 * EB_GONE: there was none of that name. */
enum eb_status eb_disconnect(struct eb_bus *, const struct eb_signal *, const char *name);

/* One receiver that failed. */
struct eb_failure {
    const char *receiver;       /* the name it was connected under */
    struct eb_error error;
};

/* What became of a sending; to be given to eb_outcome_free. */
struct eb_outcome {
    size_t receivers, failed;   /* how many ran, and how many of them failed */
    struct eb_failure *failures;
};

void eb_outcome_free(struct eb_outcome *);

/* Sends an event: every receiver of its signal runs, in this thread, whether others fail or not; the failures are
 * given in *outcome, or logged where outcome is NULL. The general handler is a receiver too: it puts the event into the
 * producer's queue and does not wait for the broker. The event stays the caller's.
 * EB_OK also when receivers failed. EB_PERMANENT: a required field is not set, and nothing has run. */
enum eb_status eb_send(const struct eb_event *, struct eb_outcome *outcome, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
