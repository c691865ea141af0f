/* core/produce/event_message.c - see event_message.h. */
#include "produce/event_message.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "schema/key_field.h"

enum eb_status ebi_encode_event(struct ebi_encoded *encoded, const struct eb_event *event, struct eb_error *err) {
    encoded->bytes = event->encoding;
    ebi_attrs_of(event, &encoded->attrs);
    ebi_bytes_clear(&encoded->bytes->payload);
    ebi_bytes_clear(&encoded->bytes->key); /* of the event that was encoded before */
    ebi_bytes_clear(&encoded->bytes->key_avro);
    return ebi_data_to_avro(event->data, &encoded->bytes->payload, err);
}

enum eb_status ebi_encode_key(struct ebi_encoded *encoded, const struct eb_event *event, const struct ebi_target *target,
                              struct eb_error *err) {
    struct ebi_encoding *bytes = encoded->bytes;

    ebi_bytes_clear(&bytes->key);
    ebi_bytes_clear(&bytes->key_avro);
    if (target->key)
        return ebi_data_key(event->data, target->key, &bytes->key, &bytes->key_avro, err);
    if (target->key_text.data && !ebi_bytes_add(&bytes->key, target->key_text.data, target->key_text.len))
        return ebi_error_memory(err);
    return EB_OK;
}

static struct eb_text text_of(const struct ebi_bytes *bytes) {
    return (struct eb_text){ bytes->data ? bytes->data : "", bytes->len };
}

struct eb_message ebi_message_of(const struct ebi_encoded *encoded, const struct eb_event *event,
                                 const struct ebi_target *target) {
    struct eb_message message = {
        .size = sizeof message,
        .topic = { target->full_topic, strlen(target->full_topic) },
        .id = { event->meta.id, strlen(event->meta.id) },
        .payload = text_of(&encoded->bytes->payload),
        .schema = ebi_schema_public(event->signal->schema),
        .attrs = encoded->attrs.items,
        .n_attrs = EBI_N_ATTRS,
        .send_id = target->send_id,
    };

    if (target->key) {
        message.key = text_of(&encoded->bytes->key);
        message.key_avro = text_of(&encoded->bytes->key_avro);
        message.key_schema = ebi_key_field_schema(target->key);
    } else if (target->key_text.data) {
        message.key = text_of(&encoded->bytes->key); /* an event is sent again: its field, and so its schema, is not known */
    }
    return message;
}

void ebi_event_borrow_key(struct eb_event *event, const struct eb_message *message) {
    event->meta.key = message->key.data;
    event->meta.key_len = message->key.len;
}

enum eb_status ebi_event_of(const struct eb_signal *signal, const struct eb_message *message, struct eb_event **out,
                            struct eb_error *err) {
    struct eb_event *event;
    enum eb_status status = eb_event_new(signal, &event, err);

    if (status != EB_OK)
        return status;
    status = ebi_attrs_take(event, message, err);
    if (status == EB_OK)
        status = ebi_data_from_avro(event->data, message->payload.data, message->payload.len, err);
    ebi_event_borrow_key(event, message);
    if (status != EB_OK) {
        eb_event_free(event);
        return status;
    }
    *out = event;
    return EB_OK;
}
