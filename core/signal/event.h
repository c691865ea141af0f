/* core/signal/event.h - an event from the inside: a signal, its data, its metadata. */
#ifndef EBI_EVENT_H
#define EBI_EVENT_H

#include <eventbus/event.h>
#include <eventbus/plugin.h>
#include "base/bytes.h"
#include "base/uuid.h"
#include "avro/event_data.h"
#include "signal/registry.h"

/* Where an event is encoded when it is sent to the bus; kept for its next sending. */
struct ebi_encoding {
    struct ebi_bytes payload, key, key_avro;
};

/* Belongs to one thread at a time. */
struct eb_event {
    const struct eb_signal *signal;
    struct ebi_data *data;
    struct eb_metadata meta;            /* its texts: the registry's, own_texts', or a message's that outlives the event */
    char id[EBI_UUID_ROOM];
    char *own_texts[3];                 /* source, sourcehost, sourcelib where they differ from the registry's */
    const struct eb_header *headers;    /* a dead letter's further headers, borrowed from its message */
    size_t n_headers;
    const char *key_field;              /* path of the field that meta.key was made of, borrowed; NULL: unknown */
    struct ebi_encoding *encoding;      /* the event's own */
};

/* As eb_event_reset, but for id and time, which are empty: for who sets both of them next. */
void ebi_event_clear(struct eb_event *);

/* A dead letter's headers that are shown with it: those whose names are "dlq_" and 1 to 100 more bytes, the first of each
 * name, at most EBI_DLQ_MOST. Returns how many; they are the event's. */
enum { EBI_DLQ_MOST = 64 };
size_t ebi_dead_letter_headers(const struct eb_event *, const struct eb_header *shown[EBI_DLQ_MOST]);

/* Adds the CloudEvents attribute's name of such a header: "dlqreason" for dlq_reason. A header may have any bytes as its
 * name, an attribute a-z and 0-9 only: of other names, and of those that begin with x, the part behind "dlq_" follows in
 * hex behind "dlqx", so that each has a name of its own. Returns false when there is no memory. */
bool ebi_dead_letter_name(struct ebi_bytes *, struct eb_text header_name);

/* Adds the event as one line of CloudEvents JSON, without the newline. What may not be shown (eventbus/printable.h) is
 * escaped in it. A key that is not UTF-8, or holds U+0000, stands as partitionkeybase64 instead of partitionkey; where its
 * field is known, partitionkeyfield is the path of that. */
enum eb_status ebi_event_to_cloudevent(const struct eb_event *, struct ebi_bytes *, struct eb_error *);

/* Where a line says that its event belongs: what is not of the event itself. All zero holds nothing. */
struct ebi_address {
    char *topic, *key_field;            /* NULL: it names none */
    char *key;                          /* key_len bytes and a NUL; NULL: none */
    size_t key_len;
};
void ebi_address_free(struct ebi_address *);

/* A new event from one line of CloudEvents JSON. expected NULL: the type decides. The event takes what it needs of the
 * metadata, the address topic and key (to be freed); position and attempt are of no use.
 * EB_PERMANENT, EB_KIND_DATA: what is wrong, by path. */
enum eb_status ebi_event_from_cloudevent(const struct ebi_signals *, const struct eb_signal *expected, const char *json,
                                         size_t len, struct eb_event **, struct ebi_address *, struct eb_error *);

#endif
