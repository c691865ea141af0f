/* core/produce/outbound_message.c - see outbound_message.h. */
#include "produce/outbound_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plugin/message.h"

static size_t head_size(void) {
    return (sizeof(struct ebi_outbound_message) + 15) & ~(size_t)15;
}

size_t ebi_outbound_message_size(const struct eb_message *message, struct eb_error *err) {
    size_t room = ebi_message_room(message);

    if (!room) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "a message with more than 4096 headers cannot be sent");
        return 0;
    }
    return head_size() + room;
}

struct ebi_outbound_message *ebi_outbound_message_new(const struct eb_message *message, size_t size,
                                                      struct ebi_outbound_message *spare, struct eb_error *err) {
    struct ebi_outbound_message *out = spare ? spare : malloc(size < EBI_OUTBOUND_USUAL_SIZE ? EBI_OUTBOUND_USUAL_SIZE : size);

    if (!out) {
        ebi_error_memory(err);
        return NULL;
    }
    memset(&out->topic, 0,
           offsetof(struct ebi_outbound_message, position_buffer) - offsetof(struct ebi_outbound_message, topic));
    ebi_message_copy(&out->message, message, (char *)out + head_size());
    out->message.token = (uint64_t)(uintptr_t)out;
    out->bytes = size;
    return out;
}

void ebi_outbound_message_forget(struct ebi_outbound_message *out) {
    free(out->error);
    out->error = NULL;
    if (out->position != out->position_buffer)
        free(out->position);
    out->position = NULL;
}

void ebi_outbound_message_free(struct ebi_outbound_message *out) {
    if (!out)
        return;
    ebi_outbound_message_forget(out);
    free(out);
}

static void keep_position(struct ebi_outbound_message *out, struct eb_text position) {
    if (!position.data)
        return;
    out->position = position.len < sizeof out->position_buffer ? out->position_buffer : malloc(position.len + 1);
    if (!out->position)
        return; /* delivered all the same: its position is reported as unknown */
    memcpy(out->position, position.data, position.len);
    out->position[position.len] = '\0';
}

static enum eb_status known_status(int32_t status) {
    if (status >= EB_OK)
        return EB_OK;
    return status == EB_RETRIABLE || status == EB_PERMANENT ? (enum eb_status)status : EB_RETRIABLE;
}

void ebi_outbound_message_report(struct ebi_outbound_message *out, const struct eb_delivery *delivery) {
    ebi_outbound_message_forget(out);
    out->status = known_status(delivery->status);
    out->maybe_stored = delivery->maybe_stored != 0;
    if (out->status == EB_OK)
        keep_position(out, delivery->position);
    else
        out->error = malloc(sizeof *out->error);
    if (out->error && delivery->error) {
        const struct eb_error *why = delivery->error; /* the plugin's text may hold anything: callbacks get one clean line */
        ebi_error(out->error, (enum eb_status)why->status, (enum eb_kind)why->kind, "%.*s", EB_ERROR_ROOM - 1, why->text);
        out->error->native = why->native;
    } else if (out->error) {
        ebi_error(out->error, out->status, EB_KIND_BROKER, "the plugin gave no reason");
    }
}
