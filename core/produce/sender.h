/* core/produce/sender.h - sends messages to one broker: a bounded queue, and a thread that hands its messages to the plugin. */
#ifndef EBI_SENDER_H
#define EBI_SENDER_H

#include "base/log.h"
#include "plugin/plugins.h"
#include "produce/sending.h"

/* All functions may be called from any thread. */
struct ebi_sender;

struct ebi_sender_limits ebi_sender_limits_of(const struct ebi_bus_settings *);

/* Opens an instance of the plugin's producer, and starts the thread. The plugin must have that role. Broker, service and log are
 * borrowed until the sender is closed. */
enum eb_status ebi_sender_open(const struct ebi_broker *, const char *service, const struct ebi_sender_limits *,
                               struct ebi_log *, struct ebi_sender **, struct eb_error *);

/* Copies a message (but not its schemas) into the queue. The sender's thread calls `reported` once for each message that was put.
 * wait_ms: how long to wait for room; 0: do not wait, -1: for as long as it takes.
 * EB_FULL: no room; EB_PERMANENT: the message is larger than the whole queue; EB_FATAL: the sender is closing. */
enum eb_status ebi_sender_put(struct ebi_sender *, const struct eb_message *, int64_t wait_ms, ebi_reported, void *arg,
                              struct eb_error *);

/* Waits until everything that was put before this call is reported. EB_RETRIABLE: not in the time. */
enum eb_status ebi_sender_flush(struct ebi_sender *, int64_t timeout_ms, struct eb_error *);

/* Waits until the link has been up once, timeout_ms at most. EB_RETRIABLE: it has not; err, which must not be NULL, has the plugin's
 * reason. */
enum eb_status ebi_sender_wait_link(struct ebi_sender *, int64_t timeout_ms, struct eb_error *);

/* Delivers what waits for up to timeout_ms, reports the rest as EB_RETRIABLE, ends the thread, and frees the sender. A put or a flush
 * that waits in another thread returns first, a put with EB_FATAL; none may begin. NULL does nothing. */
void ebi_sender_close(struct ebi_sender *, int64_t timeout_ms);

#endif
