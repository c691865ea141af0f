/* plugins/kafka/record/reader.h - turns a record of Kafka into a message: without the frame, with attributes, its key as
 * text. */
#ifndef KF_READER_H
#define KF_READER_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "common/registry/registry.h"
#include "frame.h"
#include "headers.h"
#include "position.h"

/* Used again for each record. What the message points to is in here, or is the record's. */
struct kf_reader {
    const struct eb_host *host;
    struct sr_registry *registry; /* NULL: messages have no writer schema */
    unsigned warned;              /* a bit for each missing header that was warned of */
    struct kf_headers headers;
    struct eb_schema schema, key_schema;
    char position[KF_POSITION_ROOM], decode_error[512], key[KF_KEY_ROOM];
};

/* Sets *message, without token and partition; if the record cannot be read, with a decode_error. Returns EB_OK; EB_EMPTY: it
 * waits for a schema from the registry; EB_RETRIABLE: no memory. */
int32_t kf_reader_read(struct kf_reader *, const rd_kafka_message_t *, const char *topic, struct eb_message *message);

void kf_reader_free(struct kf_reader *);

#endif
