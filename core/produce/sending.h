/* core/produce/sending.h - the limits of a sender's queue, and the report of each message: for a sender's callers and its queue. */
#ifndef EBI_SENDING_H
#define EBI_SENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

struct ebi_sender_limits {
    size_t messages, bytes;             /* of the queue, including the messages at the plugin */
    size_t batch_messages, batch_bytes; /* given to the plugin at a time */
    int64_t linger_ms;                  /* how long to wait for a batch to become full */
    int64_t delivery_timeout_ms;        /* when a message that could not be delivered is reported as failed */
    bool takes_any_size;                /* takes a message larger than the whole queue when the queue is empty */
    bool absence_is_told;               /* another part of the program reports a broker that is away at the start */
};

/* The delivery report of a message; everything is borrowed until the callback returns. */
struct ebi_report {
    const struct eb_message *message; /* as it was put; a copy */
    enum eb_status status;            /* EB_OK; EB_RETRIABLE: its time was over; EB_PERMANENT: the broker refused it */
    const struct eb_error *error;     /* NULL for EB_OK */
    const char *position;             /* NULL: unknown */
    bool maybe_stored;
};
typedef void (*ebi_reported)(void *arg, const struct ebi_report *);

#endif
