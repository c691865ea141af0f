/* message.c - how a message travels: attributes, headers, id, keys and payload in one run of bytes.
 *
 * FILL IN: where your broker has keys and headers, give it those, so that other clients can read them. Whatever the form, each
 * value must come back as it went: absent is not the same as empty, and headers keep their order and repeats. */
#include "acme.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- packing ---- */

static bool put_bytes(struct packed *to, const void *bytes, size_t len) {
    if (to->room - to->len < len) {
        size_t room = (to->len + len) * 2;
        char *more = realloc(to->data, room);
        if (!more)
            return false;
        to->data = more;
        to->room = room;
    }
    if (len)
        memcpy(to->data + to->len, bytes, len);
    to->len += len;
    return true;
}

/* Eight bytes, the least significant first. */
static bool put_number(struct packed *to, uint64_t number) {
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    return put_bytes(to, bytes, sizeof bytes);
}

/* The length plus 1, then the bytes; 0 stands for an absent text. */
static bool put_text(struct packed *to, struct eb_text text) {
    return put_number(to, text.data ? (uint64_t)text.len + 1 : 0) && (!text.data || put_bytes(to, text.data, text.len));
}

static bool put_headers(struct packed *to, const struct eb_header *headers, size_t n) {
    bool fits = put_number(to, n);

    for (size_t i = 0; i < n && fits; i++)
        fits = put_text(to, headers[i].name) && put_text(to, headers[i].value);
    return fits;
}

bool acme_pack(struct packed *to, const struct eb_message *message) {
    to->len = 0;
    return put_text(to, message->id) && put_text(to, message->key) && put_text(to, message->key_avro) &&
           put_headers(to, message->attrs, message->n_attrs) && put_headers(to, message->headers, message->n_headers) &&
           put_text(to, message->payload);
}

/* ---- unpacking: what comes from a broker is checked before it is believed ---- */

struct reader {
    const char *at, *end;
    bool bad, no_memory;
};

static uint64_t get_number(struct reader *r) {
    uint64_t number = 0;

    r->bad = r->bad || r->end - r->at < 8;
    for (int i = 0; i < 8 && !r->bad; i++)
        number |= (uint64_t)(unsigned char)*r->at++ << 8 * i;
    return number;
}

static struct eb_text get_text(struct reader *r) {
    uint64_t len = get_number(r);
    struct eb_text text = { r->at, (size_t)len - 1 };

    r->bad = r->bad || (len > 0 && len - 1 > (uint64_t)(r->end - r->at));
    if (r->bad || len == 0)
        return (struct eb_text){ 0 };
    r->at += text.len;
    return text;
}

/* The caller frees the list. */
static struct eb_header *get_headers(struct reader *r, size_t *n) {
    uint64_t found = get_number(r);
    struct eb_header *headers;

    r->bad = r->bad || found > (uint64_t)(r->end - r->at) / 16; /* a header has two numbers at least */
    *n = r->bad ? 0 : (size_t)found;
    headers = calloc(*n + 1, sizeof *headers);
    r->no_memory = r->no_memory || !headers;
    for (size_t i = 0; i < *n && headers; i++) {
        headers[i].name = get_text(r);
        headers[i].value = get_text(r);
    }
    return headers;
}

int32_t acme_give(const struct stub_message *from, uint64_t token, int32_t (*take)(void *, const struct eb_message *),
                  void *arg) {
    static const char decode_error[] = "these bytes are not a message of the plugin acme";
    struct reader r = { .at = from->bytes, .end = from->bytes + from->len };
    struct eb_header *attrs, *headers;
    struct eb_message message = { .size = sizeof message, .token = token }, bare;
    char position[24];
    int32_t status;

    message.time_ms = from->stored_ms;
    message.deliveries = from->deliveries; /* FILL IN: 0 where the broker does not count */
    message.failures = from->retries;      /* FILL IN: 0 without EB_T_DELAY */
    message.lease_ms = 0;                  /* FILL IN: the time after which the broker gives the message to another member */
    message.topic = (struct eb_text){ from->topic, strlen(from->topic) };
    message.position = (struct eb_text){ position, (size_t)snprintf(position, sizeof position, "%llu",
                                                                    (unsigned long long)from->number) };
    bare = message;
    bare.payload = (struct eb_text){ from->bytes, from->len };
    bare.decode_error = (struct eb_text){ decode_error, sizeof decode_error - 1 };
    message.id = get_text(&r);
    message.key = get_text(&r);
    message.key_avro = get_text(&r);
    message.attrs = attrs = get_headers(&r, &message.n_attrs);
    message.headers = headers = get_headers(&r, &message.n_headers);
    message.payload = get_text(&r);
    status = r.no_memory ? EB_RETRIABLE : take(arg, r.bad || r.at != r.end ? &bare : &message);
    free(attrs);
    free(headers);
    return status;
}
