/* plugins/kafka/record/reader.h - a record of Kafka as an event: the frame taken off, the headers taken apart, the key as text. */
#ifndef KF_READER_H
#define KF_READER_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "common/registry/registry.h"
#include "frame.h"
#include "headers.h"
#include "position.h"

/* Used again for each record; what the message points to is here or the record's. Zeroed at first. */
struct kf_reader {
    const struct eb_host *host;
    struct sr_registry *registry;       /* NULL: writers' schemas are not told */
    unsigned warned;                    /* bits of missing headers that were warned of */
    struct kf_headers headers;
    struct eb_schema schema, key_schema;
    char position[KF_POSITION_ROOM], decode_error[512], key[KF_KEY_ROOM];
};

/* EB_OK: it is in *message, but for token and partition; a decode_error is there where it cannot be read. EB_EMPTY: it waits for a
 * schema that the registry is asked for. EB_RETRIABLE: no memory. */
int32_t kf_reader_read(struct kf_reader *, const rd_kafka_message_t *, const char *topic, struct eb_message *message);

void kf_reader_free(struct kf_reader *);

#endif
