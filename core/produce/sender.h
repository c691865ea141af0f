/* core/produce/sender.h - one broker's way out: a bounded queue and the thread that hands it to the plugin. */
#ifndef EBI_SENDER_H
#define EBI_SENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/log.h"
#include "plugin/plugins.h"

/* All functions may be called from any thread. */
struct ebi_sender;

struct ebi_sender_limits {
    size_t messages, bytes;             /* of the queue, what is out at the plugin included */
    size_t batch_messages, batch_bytes; /* handed to the plugin at a time */
    int64_t linger_ms;                  /* a batch that is not full is waited for so long */
    int64_t delivery_timeout_ms;        /* then a message that could not be delivered is given up */
    bool takes_any_size;                /* a message larger than all of the room is taken where nothing else is in it */
    bool absence_is_told;               /* somebody else says it when the broker is not there at first */
};
struct ebi_sender_limits ebi_sender_limits_of(const struct ebi_bus_settings *);

/* What became of a message; all of it lent until the callback returns. */
struct ebi_report {
    const struct eb_message *message;   /* as it was put, but of our own memory */
    enum eb_status status;              /* EB_OK; EB_RETRIABLE: given up in the end; EB_PERMANENT: refused */
    const struct eb_error *error;       /* NULL for EB_OK */
    const char *position;               /* NULL: unknown */
    bool maybe_stored;
};
typedef void (*ebi_reported)(void *arg, const struct ebi_report *);

/* Opens the plugin's producer, which it has, and starts the thread; broker, service and log are borrowed until it is
 * closed. */
enum eb_status ebi_sender_open(const struct ebi_broker *, const char *service, const struct ebi_sender_limits *,
                               struct ebi_log *, struct ebi_sender **, struct eb_error *);

/* Copies a message (but not its schemas) into the queue. reported is called once, from the sender's thread.
 * wait_ms: how long to wait for room; 0 not at all, -1 as long as it takes.
 * EB_FULL: not taken, no room; EB_PERMANENT: could never be, being larger than the whole queue; EB_FATAL: closing. */
enum eb_status ebi_sender_put(struct ebi_sender *, const struct eb_message *, int64_t wait_ms, ebi_reported, void *arg,
                              struct eb_error *);

/* EB_RETRIABLE: some of what was put before this call is not reported yet. */
enum eb_status ebi_sender_flush(struct ebi_sender *, int64_t timeout_ms, struct eb_error *);

/* Waits until the link has been up once, timeout_ms at most. EB_OK: it is, or was, up; else EB_RETRIABLE, and the plugin's
 * reason in the error, which is not NULL. */
enum eb_status ebi_sender_wait_link(struct ebi_sender *, int64_t timeout_ms, struct eb_error *);

/* Delivers what waits for up to timeout_ms, reports the rest as EB_RETRIABLE, ends the thread, frees. A put or a flush that
 * waits in another thread comes back first, a put with EB_FATAL; none may begin. NULL is nothing. */
void ebi_sender_close(struct ebi_sender *, int64_t timeout_ms);

#endif
