/* core/signal/event.h - what is inside of an event: a signal, its data, its metadata. */
#ifndef EBI_EVENT_H
#define EBI_EVENT_H

#include <eventbus/event.h>
#include <eventbus/plugin.h>
#include "base/bytes.h"
#include "base/uuid.h"
#include "avro/event_data.h"
#include "signal/registry.h"

/* The buffers that an event is encoded to when it is sent to the bus. They are kept for its next sending. */
struct ebi_encoding {
    struct ebi_bytes payload, key, key_avro;
};

/* An event belongs to one thread at a time. */
struct eb_event {
    const struct eb_signal *signal;
    struct ebi_data *data;
    struct eb_metadata meta; /* its texts: of the registry, own_texts, or a message that outlives the event */
    char id[EBI_UUID_ROOM];
    char *own_texts[3];              /* source, sourcehost, sourcelib where they differ from the registry's */
    const struct eb_header *headers; /* a dead letter's further headers, borrowed from its message */
    size_t n_headers;
    const char *key_field;         /* path of the field that meta.key was made of, borrowed; NULL: unknown */
    const char *send_id;           /* of the message that it was sent as, borrowed; NULL: none */
    struct ebi_encoding *encoding; /* the event's own */
};

/* Resets an event as eb_event_reset does, but leaves id and time empty: the caller sets both next. */
void ebi_event_clear(struct eb_event *);

/* Returns whether a text is numbers with dots between them, of which Python makes a tuple of ints. */
bool ebi_is_version(const char *text, size_t len);

/* Gives the headers that are shown with a dead letter: those whose names are "dlq_" and 1 to 100 more bytes, the first
 * of each name, at most EBI_DLQ_MOST. Returns how many; they belong to the event. */
enum { EBI_DLQ_MOST = 64 };
size_t ebi_dead_letter_headers(const struct eb_event *, const struct eb_header *shown[EBI_DLQ_MOST]);

/* Adds the name that such a header has as an attribute of CloudEvents: "dlqreason" for dlq_reason. A header may have
 * any bytes as its name, an attribute a-z and 0-9 only. Of other names, and of those that begin with x, the part behind
 * "dlq_" follows "dlqx" in hex, so that each has a name of its own. Returns false: no memory. */
bool ebi_dead_letter_name(struct ebi_bytes *, struct eb_text header_name);

/* Adds the event as one line of CloudEvents JSON, without the newline. What may not be shown (base/printable.h) is
 * escaped in it. A key that is not UTF-8, or holds U+0000, is written as partitionkeybase64 instead of partitionkey;
 * where its field is known, partitionkeyfield is the path of that. sendid is its send_id. */
enum eb_status ebi_event_to_cloudevent(const struct eb_event *, struct ebi_bytes *, struct eb_error *);

/* The topic, key and send id that a line names for its event, which are not part of the event itself. All zero is an empty
 * address. */
struct ebi_address {
    char *topic, *key_field, *send_id; /* NULL: the line names none */
    char *key;                         /* key_len bytes and a NUL; NULL: none */
    size_t key_len;
};
void ebi_address_free(struct ebi_address *);

/* Makes a new event from one line of CloudEvents JSON. Where `expected` is NULL, the type decides about the signal. The
 * event takes its metadata, the address its topic and key, which ebi_address_free frees; position and attempt are
 * ignored. EB_PERMANENT, EB_KIND_DATA: what is wrong, by path. */
enum eb_status ebi_event_from_cloudevent(const struct ebi_signals *, const struct eb_signal *expected, const char *json,
                                         size_t len, struct eb_event **, struct ebi_address *, struct eb_error *);

#endif
