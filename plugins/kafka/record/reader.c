/* plugins/kafka/record/reader.c - see reader.h. */
#include "reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"

/* Sets the decode error, unless one was found before. */
static void __attribute__((format(printf, 2, 3))) set_decode_error(struct kf_reader *reader, const char *format, ...) {
    va_list args;

    if (reader->decode_error[0])
        return;
    va_start(args, format);
    vsnprintf(reader->decode_error, sizeof reader->decode_error, format, args);
    va_end(args);
}

static void check_headers(struct kf_reader *reader, const char *topic) {
    unsigned missing = reader->headers.missing, new;

    if (reader->headers.repeated)
        set_decode_error(reader, "it has the header %s more than once", reader->headers.repeated);
    if (missing & KF_NO_ID)
        set_decode_error(reader, "it has no header ce_id");
    new = missing & ~reader->warned & ~(unsigned)KF_NO_ID;
    reader->warned |= new;
    for (unsigned bit = 1; bit <= new; bit <<= 1)
        if (new &bit)
            ebp_log(reader->host, EBP_LOG_WARNING, "an event of topic %s has no header %s; said once", topic,
                    kf_headers_name(bit));
}

/* Sets the schema with that id. EB_OK: json is NULL if it is not known; EB_EMPTY: it is being asked for; EB_PERMANENT. */
static int32_t find_schema(struct kf_reader *reader, uint32_t id, struct eb_schema *schema, struct eb_error *err) {
    struct sr_schema found;
    int32_t status;

    schema->json.data = NULL;
    if (!reader->registry || id == 0)
        return EB_OK;
    status = sr_schema(reader->registry, id, &found, err);
    if (status == EB_RETRIABLE)
        return EB_EMPTY; /* the record waits for the registry; the link reports what is wrong */
    if (status == EB_OK)
        *schema = (struct eb_schema){
            .size = sizeof *schema, .id = id, .name = { found.name, found.name_len }, .json = { found.json, found.json_len }
        };
    return status;
}

/* Sets payload and schema. A value without a frame is a decode error. */
static int32_t read_value(struct kf_reader *reader, struct eb_text value, struct eb_message *message) {
    struct eb_error why;
    struct eb_text avro;
    uint32_t id;
    int32_t status;

    message->payload = value;
    if (!value.data) {
        set_decode_error(reader, "it has no value");
        return EB_OK;
    }
    if (!kf_frame_take(value, &id, &avro)) {
        set_decode_error(reader,
                         value.len < KF_FRAME ? "its value of %zu bytes is too short for the frame with a schema's id"
                                              : "its value of %zu bytes does not begin with the 0 of a frame",
                         value.len);
        return EB_OK;
    }
    status = find_schema(reader, id, &reader->schema, &why);
    if (status == EB_EMPTY)
        return EB_EMPTY;
    if (status != EB_OK) {
        set_decode_error(reader, "its value is framed with schema id %" PRIu32 ": %s", id, why.text);
        return EB_OK;
    }
    message->payload = avro;
    message->schema = reader->schema.json.data ? &reader->schema : NULL;
    return EB_OK;
}

/* Sets the key. One that has no frame, or is not what its schema says, is still a key: its bytes are taken, and sent on, as
 * they are. */
static int32_t read_key(struct kf_reader *reader, struct eb_text key, struct eb_message *message) {
    struct eb_text avro, type = { 0 };
    struct eb_error why;
    uint32_t id;

    message->key = key;
    if (!key.data || !kf_frame_take(key, &id, &avro))
        return EB_OK;
    int32_t status = find_schema(reader, id, &reader->key_schema, &why);
    if (status == EB_EMPTY)
        return EB_EMPTY;
    if (status != EB_OK)
        return EB_OK;
    if (reader->key_schema.json.data)
        type = reader->key_schema.name;
    if (!kf_key_text(type, avro, reader->key, &message->key))
        return EB_OK;
    message->key_avro = avro;
    message->key_schema = reader->key_schema.json.data ? &reader->key_schema : NULL;
    return EB_OK;
}

int32_t kf_reader_read(struct kf_reader *reader, const rd_kafka_message_t *from, const char *topic,
                       struct eb_message *message) {
    struct eb_text key = { from->key, from->key ? from->key_len : 0 };
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(from, &type);

    *message = (struct eb_message){ .size = sizeof *message, .topic = { topic, strlen(topic) } };
    reader->decode_error[0] = '\0';
    if (read_value(reader, (struct eb_text){ from->payload, from->payload ? from->len : 0 }, message) == EB_EMPTY ||
        read_key(reader, key, message) == EB_EMPTY)
        return EB_EMPTY;
    if (!kf_headers_read(&reader->headers, from))
        return EB_RETRIABLE;
    check_headers(reader, topic);
    message->time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? 0 : time_ms;
    message->position.len = kf_position_print(reader->position, from->partition, from->offset);
    message->position.data = reader->position;
    message->id = reader->headers.id;
    message->attrs = reader->headers.attrs;
    message->n_attrs = reader->headers.n_attrs;
    message->headers = reader->headers.headers;
    message->n_headers = reader->headers.n_headers;
    if (reader->decode_error[0]) { /* the message is then as the broker has it */
        message->decode_error = (struct eb_text){ reader->decode_error, strlen(reader->decode_error) };
        message->payload = (struct eb_text){ from->payload, from->payload ? from->len : 0 };
        message->schema = message->key_schema = NULL;
        message->key_avro = key;
    }
    return EB_OK;
}

void kf_reader_free(struct kf_reader *reader) {
    kf_headers_free(&reader->headers);
}
