/* core/produce/event_message.h - the message of an event for one topic, and the event of a message. */
#ifndef EBI_EVENT_MESSAGE_H
#define EBI_EVENT_MESSAGE_H

#include <eventbus/plugin.h>
#include "signal/attrs.h"
#include "signal/event.h"
#include "signal/registry.h"

/* Where one event goes. */
struct ebi_target {
    const char *topic, *full_topic;
    const struct ebi_key_field *key; /* NULL: none, or: */
    struct eb_text key_text;         /* data NULL: none */
    struct eb_text send_id;          /* of an earlier attempt; data NULL: none, the sender makes one */
};

/* What is the same in the messages of one event for all its topics. */
struct ebi_encoded {
    struct ebi_attrs attrs;
    struct ebi_encoding *bytes; /* the event's */
};

/* Encodes the data of an event, once for all its topics. The result borrows the event's own buffers. */
enum eb_status ebi_encode_event(struct ebi_encoded *, const struct eb_event *, struct eb_error *);

/* Encodes the key that the event has for this target, instead of that of another target. */
enum eb_status ebi_encode_key(struct ebi_encoded *, const struct eb_event *, const struct ebi_target *, struct eb_error *);

/* The message; it borrows all from its arguments. */
struct eb_message ebi_message_of(const struct ebi_encoded *, const struct eb_event *, const struct ebi_target *);

/* Lends the key of a message to an event that is made of it, or that it was made of. */
void ebi_event_borrow_key(struct eb_event *, const struct eb_message *);

/* The event that a message was made of, to be freed; its key stays the message's. */
enum eb_status ebi_event_of(const struct eb_signal *, const struct eb_message *, struct eb_event **, struct eb_error *);

#endif
