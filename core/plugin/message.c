/* core/plugin/message.c - see message.h. */
#include "plugin/message.h"

#include <stdint.h>
#include <string.h>

/* More than any message has; sums of a few thousand such sizes do not overflow. */
static const size_t most_bytes = (size_t)1 << 40;

void ebi_sized_copy(void *to, size_t size, const void *from) {
    size_t theirs;

    memcpy(&theirs, from, sizeof theirs);
    memset(to, 0, size);
    memcpy(to, from, theirs < size ? theirs : size);
    memcpy(to, &size, sizeof size);
}

static size_t text_room(struct eb_text text) {
    return text.data ? text.len + 1 : 0;
}

static size_t headers_room(const struct eb_header *headers, size_t n) {
    size_t room = n * sizeof *headers;

    for (size_t i = 0; i < n; i++) {
        if (headers[i].name.len > most_bytes || headers[i].value.len > most_bytes)
            return 0;
        room += text_room(headers[i].name) + text_room(headers[i].value);
    }
    return room;
}

size_t ebi_message_room(const struct eb_message *from) {
    const struct eb_text *const texts[] = { &from->topic,    &from->position, &from->id,           &from->key,
                                            &from->key_avro, &from->payload,  &from->decode_error, &from->send_id };
    size_t room = 16; /* never 0, and aligned ends */

    if (from->n_attrs > EBI_MOST_HEADERS || from->n_headers > EBI_MOST_HEADERS)
        return 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]->len > most_bytes)
            return 0;
        room += text_room(*texts[i]);
    }
    size_t attrs = headers_room(from->attrs, from->n_attrs), headers = headers_room(from->headers, from->n_headers);
    if ((from->n_attrs && !attrs) || (from->n_headers && !headers))
        return 0;
    return (room + attrs + headers) & ~(size_t)15;
}

static struct eb_text put_text(struct eb_text text, char **room) {
    if (!text.data)
        return (struct eb_text){ 0 };
    char *to = *room;
    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    *room = to + text.len + 1;
    return (struct eb_text){ to, text.len };
}

static const struct eb_header *put_headers(const struct eb_header *headers, size_t n, struct eb_header *to, char **room) {
    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ put_text(headers[i].name, room), put_text(headers[i].value, room) };
    return n ? to : NULL;
}

void ebi_message_copy(struct eb_message *to, const struct eb_message *from, char *room) {
    *to = *from;
    struct eb_header *attrs = (struct eb_header *)(void *)room, *headers = attrs + to->n_attrs;

    room = (char *)(headers + to->n_headers);
    to->attrs = put_headers(to->attrs, to->n_attrs, attrs, &room);
    to->headers = put_headers(to->headers, to->n_headers, headers, &room);
    to->topic = put_text(to->topic, &room);
    to->position = put_text(to->position, &room);
    to->id = put_text(to->id, &room);
    to->key = put_text(to->key, &room);
    to->key_avro = put_text(to->key_avro, &room);
    to->payload = put_text(to->payload, &room);
    to->decode_error = put_text(to->decode_error, &room);
    to->send_id = put_text(to->send_id, &room);
}
