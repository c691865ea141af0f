/* client/message.h - a message of the event bus as a message of Pulsar, and back.
 *
 *     payload       the event's data, Avro
 *     key           the partition key, which decides about the partition and, with Key_Shared, the member
 *     event time    the attribute time
 *     properties    ce-type, ce-id and so on: the attributes, as CloudEvents' binary mode has them; content-type; and eb-...,
 *                   as eventbus/plugin-help/text_headers.h says
 *
 * So other clients read and write such messages; one that came without eb-pack is from elsewhere. */
#ifndef PL_MESSAGE_H
#define PL_MESSAGE_H

#include "client/libpulsar.h"
#include "client/position.h"

#include <eventbus/plugin-help.h>

/* ---- Writing ---- */

/* Makes a message, to be freed by pulsar_message_free when it was given to send_async. It points to the payload of `from`, and
 * to nothing else of it. `text` is scratch, used for one message after the other by one thread. Returns EB_OK; EB_PERMANENT:
 * Pulsar cannot carry this one; EB_RETRIABLE: no memory. */
int32_t pl_message_make(struct ebp_text_headers *text, const struct eb_message *from, pulsar_message_t **out,
                        struct eb_error *err);

/* The ms since 1970 of a time as the event bus writes it, 2026-11-23T20:00:00.123456+00:00. False: it is none. */
bool pl_event_time(struct eb_text text, int64_t *ms);

/* ---- Reading ---- */

/* Scratch of one thread, for one message after the other. Zeroed: empty. */
struct pl_message_reading {
    struct ebp_text_headers text;
    struct eb_header *list;
    size_t room;
    pulsar_string_map_t *properties;
    struct ebp_pairs pairs;
    char position[PL_POSITION_ROOM];
    char why[160];
};

/* Fills `to` in with all but its token. Pulsar counts negative acknowledgements, and no deliveries that ended with a consumer:
 * the deliveries are unknown until there is one. `position` is what
 * pl_position_of_id says of the message's id, and `topic` the event bus's name. What `to` points to is valid until the next use
 * of `r`, and while `from` lives. Whatever is wrong with a message is said in its decode_error. Returns EB_OK, or EB_RETRIABLE
 * without memory. */
int32_t pl_message_read(struct pl_message_reading *r, pulsar_message_t *from, const struct pl_position *position,
                        const char *topic, struct eb_message *to, struct eb_error *err);

/* A received message in bytes of the plugin's own. Zeroed: none. One of libpulsar's is some seventy pieces of memory: to free it at once, while
 * the CPU has it at hand, and to copy what may come again is cheaper than to keep it. */
struct pl_message_copy {
    struct ebp_bytes bytes;
    int64_t time_ms;
    uint32_t deliveries;
};

/* Copies what pl_message_read has filled in. False: it is larger than is worth a copy, or cannot be read, or there is no memory. */
bool pl_message_copy_of(struct pl_message_copy *, const struct eb_message *);

/* As pl_message_read, from a copy. */
int32_t pl_message_read_copy(struct pl_message_reading *, const struct pl_message_copy *, const struct pl_position *,
                             const char *topic, struct eb_message *to, struct eb_error *);

void pl_message_reading_free(struct pl_message_reading *);

#endif
