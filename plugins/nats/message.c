/* message.c - a message as NATS carries it. See message.h. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

void ebn_reading_free(struct ebn_reading *reading) {
    free(reading->list);
    ebp_text_headers_free(&reading->headers);
    memset(reading, 0, sizeof *reading);
}

natsMsg *ebn_message_make(struct ebp_text_headers *headers, const struct eb_message *message, const char *subject,
                          const char *reply) {
    char send_id[80];
    natsMsg *made = NULL;
    natsStatus status;

    if (message->payload.len > INT32_MAX || !ebp_text_headers_write(headers, message))
        return NULL;
    status = natsMsg_Create(&made, subject, reply, message->payload.data, (int)message->payload.len);
    for (size_t i = 0; i < headers->n && status == NATS_OK; i++)
        status = natsMsgHeader_Add(made, headers->list[i].name.data, headers->list[i].value.data);
    if (status == NATS_OK && message->send_id.len > 0 && ebp_text_copy(message->send_id, send_id, sizeof send_id))
        status = natsMsgHeader_Add(made, "Nats-Msg-Id", send_id);
    if (status == NATS_OK)
        return made;
    natsMsg_Destroy(made);
    return NULL;
}

enum { HEADERS_MAX = 1 << 20 };

static const char blanks[] = " \t\r\n\v\f";

enum { ACK_TOKENS = 9, ACK_TOKENS_LONG = 11, ACK_TOKENS_MAX = 12 };

/* $JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.CONSUMER-SEQUENCE.TIME.PENDING, with DOMAIN.ACCOUNT before STREAM and more
 * behind PENDING where the server has domains. */
bool ebn_delivered_read(const natsMsg *message, struct ebn_delivered *out) {
    const char *at = natsMsg_GetReply(message), *tokens[ACK_TOKENS_MAX];
    size_t n = 0, stream;

    if (!at || strncmp(at, "$JS.ACK.", 8) != 0)
        return false;
    for (tokens[n++] = at; n < ACK_TOKENS_MAX && (at = strchr(at, '.')); n++)
        tokens[n] = ++at;
    if (n != ACK_TOKENS && n < ACK_TOKENS_LONG)
        return false;
    stream = n == ACK_TOKENS ? 2 : 4;
    out->stream = ebp_text(tokens[stream], (size_t)(tokens[stream + 1] - tokens[stream] - 1));
    out->deliveries = strtoull(tokens[stream + 2], NULL, 10);
    out->sequence = strtoull(tokens[stream + 3], NULL, 10);
    out->time_ms = (int64_t)(strtoull(tokens[stream + 5], NULL, 10) / 1000000);
    out->pending = strtoull(tokens[stream + 6], NULL, 10);
    return out->sequence > 0;
}

/* ---- Headers ---- */

struct eb_text ebn_header_lines(const char *subject, const char *reply, const char *data) {
    static const char first[] = "NATS/1.0\r\n";
    const char *at;

    if (!reply || reply != subject + strlen(subject) + 1)
        return ebp_text(NULL, 0);
    at = reply + strlen(reply) + 1;
    if ((uintptr_t)data <= (uintptr_t)at + sizeof first + 2 || (uintptr_t)data - (uintptr_t)at > HEADERS_MAX ||
        strncmp(at, first, sizeof first - 1) != 0 || memcmp(data - 5, "\r\n\r\n", 5) != 0)
        return ebp_text(NULL, 0);
    at += sizeof first - 1;
    return ebp_text(at, (size_t)(data - at) - 3);
}

static bool is_of_nats(const char *name, size_t len) {
    return len > 5 && strncasecmp(name, "Nats-", 5) == 0;
}

static bool add_header(struct ebn_reading *r, struct eb_text name, struct eb_text value) {
    if (!EBP_RESERVE(r->list, r->room, r->n + 1))
        return false;
    r->list[r->n++] = (struct eb_header){ name, value };
    return true;
}

bool ebn_headers_split(struct ebn_reading *r, struct eb_text lines) {
    const char *at = lines.data, *end = at + lines.len, *colon, *line_end, *value;

    r->n = 0;
    if (memchr(lines.data, 0, lines.len))
        return false;
    for (; at < end; at = line_end + 2) {
        line_end = memchr(at, '\r', (size_t)(end - at));
        colon = memchr(at, ':', (size_t)(end - at));
        if (!line_end || line_end[1] != '\n' || !colon || colon > line_end - 3 || colon == at || colon[1] != ' ' ||
            strchr(blanks, at[0]) || strchr(blanks, colon[2]) || strchr(blanks, line_end[-1]))
            return false;
        value = colon + 2;
        if (!is_of_nats(at, (size_t)(colon - at)) &&
            !add_header(r, ebp_text(at, (size_t)(colon - at)), ebp_text(value, (size_t)(line_end - value))))
            return false;
    }
    return true;
}

static bool list_headers_by_libnats(struct ebn_reading *r, natsMsg *from, bool *broken) {
    const char **names = NULL, **values;
    int n_names = 0, n_values;
    natsStatus status = natsMsgHeader_Keys(from, &names, &n_names);
    bool listed = status != NATS_NO_MEMORY;

    *broken = listed && status != NATS_OK && status != NATS_NOT_FOUND;
    r->n = 0;
    for (int i = 0; listed && i < n_names; i++) {
        values = NULL;
        n_values = 0;
        if (is_of_nats(names[i], strlen(names[i])))
            continue;
        status = natsMsgHeader_Values(from, names[i], &values, &n_values);
        listed = status != NATS_NO_MEMORY;
        *broken = *broken || (listed && status != NATS_OK);
        for (int k = 0; status == NATS_OK && listed && k < n_values; k++)
            listed = add_header(r, ebp_text_of(names[i]), ebp_text_of(values[k] ? values[k] : ""));
        free(values);
    }
    free(names);
    return listed;
}

/* Lists the headers, without those of the server and of its clients; none where libnats cannot read them. Returns false without
 * memory.
 *
 * libnats makes a table of the headers first, with two allocations for each of them, which another thread frees: for a small event
 * that is half of all that receiving costs. So they are read where they lie, if they are plain and lie where they are expected. */
static bool list_headers(struct ebn_reading *r, natsMsg *from, bool *broken) {
    struct eb_text lines = ebn_header_lines(natsMsg_GetSubject(from), natsMsg_GetReply(from), natsMsg_GetData(from));

    *broken = false;
    return (lines.data && ebn_headers_split(r, lines)) || list_headers_by_libnats(r, from, broken);
}

int32_t ebn_message_read(struct ebn_reading *r, natsMsg *from, const char *topic, const struct ebn_delivered *delivered,
                         struct eb_message *to, struct eb_error *err) {
    const char *data = natsMsg_GetData(from);
    bool broken;

    if (!list_headers(r, from, &broken))
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for the headers of a message");
    ebn_position_text(delivered->sequence, r->position);
    *to = (struct eb_message){ .size = sizeof *to };
    to->topic = ebp_text_of(topic);
    to->position = ebp_text_of(r->position);
    to->time_ms = delivered->time_ms;
    to->deliveries = delivered->deliveries < UINT32_MAX ? (uint32_t)delivered->deliveries : UINT32_MAX;
    to->payload = ebp_text(data ? data : "", (size_t)natsMsg_GetDataLength(from));
    int32_t status = ebp_text_headers_read(&r->headers, r->list, r->n, to, err);
    if (status == EB_OK && broken)
        to->decode_error = ebp_text_of("its headers cannot be read: each line needs a name, a colon and a value");
    return status;
}
