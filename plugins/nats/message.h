/* message.h - a message as NATS carries it: the payload, and headers as eventbus/plugin-help/text_headers.h writes them. */
#ifndef EBN_MESSAGE_H
#define EBN_MESSAGE_H

#include <nats/nats.h>
#include "settings.h"

/* What libnats's copies of one message's headers are read into. Zeroed: empty. Belongs to one thread. */
struct ebn_reading {
    struct eb_header *list;
    size_t n, room;
    struct ebp_text_headers headers;
    char position[EBN_POSITION_ROOM];
};

void ebn_reading_free(struct ebn_reading *);

/* Makes the message to send; `reply` gets the server's confirmation. Returns NULL without memory. */
natsMsg *ebn_message_make(struct ebp_text_headers *, const struct eb_message *, const char *subject, const char *reply);

/* What the server says of a delivery, in the subject to which the acknowledgement goes. */
struct ebn_delivered {
    struct eb_text stream;
    uint64_t deliveries, sequence, pending;
    int64_t time_ms;
};

/* Returns false where the message is no delivery of JetStream. */
bool ebn_delivered_read(const natsMsg *, struct ebn_delivered *);

/* The lines of the headers of a received message, where libnats keeps a message in one block: subject, reply, headers, data, each with
 * a NUL behind it. Absent where it does not, where there are none, and where the first line has a status. */
struct eb_text ebn_header_lines(const char *subject, const char *reply, const char *data);

/* Reads plain lines, "NAME: VALUE" without blanks around them, into the list, without those of NATS. Returns false for any other, and
 * without memory: libnats reads them then. */
bool ebn_headers_split(struct ebn_reading *, struct eb_text lines);

/* Fills a message from NATS: all but token, lease_ms and failures. It is valid until the reading or the natsMsg is used again.
 * EB_RETRIABLE: no memory. */
int32_t ebn_message_read(struct ebn_reading *, natsMsg *, const char *topic, const struct ebn_delivered *, struct eb_message *,
                         struct eb_error *);

#endif
