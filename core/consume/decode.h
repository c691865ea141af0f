/* core/consume/decode.h - from a message to an event. */
#ifndef EBI_DECODE_H
#define EBI_DECODE_H

#include <eventbus/event.h>
#include <eventbus/plugin.h>
#include "receiver/receiver.h"
#include "avro/event_data.h"
#include "signal/registry.h"

/* What running the receivers of one message led to. */
enum ebi_outcome {
    EBI_SUCCEEDED,
    EBI_FAILED,      /* a receiver failed: retriable or permanent, see run.status */
    EBI_UNUSABLE,    /* it can never be run: it cannot be decoded */
    EBI_UNKNOWN,     /* no signal has its type */
    EBI_NO_RECEIVER, /* the program has no receiver for it, and that is not allowed */
    EBI_CANCELLED
};

/* Decodes bodies for one thread. It keeps a resolver for each pair of writer and reader schema, or the reason why the pair cannot
 * be resolved: at most 1000 of them, for 2 MiB of writers' schemas. */
struct ebi_decoder;

struct ebi_decoder *ebi_decoder_new(void);
void ebi_decoder_free(struct ebi_decoder *);

/* Reads a body into the data of a signal's event by the writer's schema, which is one of ebi_writer_schemas_take.
 *
 * writer NULL: the broker carries no schema. The body is then read by the signal's schema, else by the newest earlier version
 * that fits to the last byte. Where none fits, bytes behind what the signal's schema knows are left out, as Python's reader
 * does; that is logged once for each signal. */
enum eb_status ebi_decoder_read(struct ebi_decoder *, const struct eb_signal *, struct ebi_data *,
                                const struct eb_schema *writer, struct eb_text body, struct eb_error *);

/* Decodes a message into an event. Returns EBI_SUCCEEDED; else EBI_UNUSABLE, EBI_UNKNOWN or, without memory, EBI_FAILED, with
 * run->error. The message's schema is one of ebi_writer_schemas_take. *event: an event to be used again, or NULL; after a
 * failure it may be either. */
enum ebi_outcome ebi_decode_message(const struct ebi_signals *, struct ebi_decoder *, const struct eb_message *,
                                    struct eb_event **event, struct ebi_run *);

/* Notes in an event where it came from; the texts stay the message's. prefix: the configured one, taken off the topic. */
void ebi_event_set_origin(struct eb_event *, const struct eb_message *, const char *prefix, uint32_t failures);

#endif
