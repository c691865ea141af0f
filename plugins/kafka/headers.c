/* plugins/kafka/headers.c - see headers.h. */
#include "headers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The attributes in wire order; a name's place is its bit in `missing`. */
static const struct attr {
    const char *plain, *wire;
} attrs[KF_ATTRS] = {
    { "type", "ce_type" },
    { "id", "ce_id" },
    { "source", "ce_source" },
    { "time", "ce_time" },
    { "minorversion", "ce_minorversion" },
    { "sourcehost", "sourcehost" },
    { "sourcelib", "sourcelib" },
};

/* The same in every event; they say nothing of it, so they are not handed over. */
static const struct fixed {
    const char *name, *value;
} fixed[] = {
    { "ce_specversion", "1.0" },
    { "content-type", "application/avro" },
    { "ce_datacontenttype", "application/avro" },
};
enum { FIXED = sizeof fixed / sizeof *fixed };

static bool same(struct eb_text text, const char *as) {
    size_t len = strlen(as);

    return text.data && text.len == len && memcmp(text.data, as, len) == 0;
}

/* ---- Out ---- */

static bool add(rd_kafka_headers_t *to, const char *name, size_t name_len, struct eb_text value) {
    return rd_kafka_header_add(to, name, (ssize_t)name_len, value.data, (ssize_t)value.len) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What was read with another value than ours goes on with that value: a dead letter is the original. */
static bool has_header(const struct eb_message *message, const char *name) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (same(message->headers[i].name, name))
            return true;
    return false;
}

static bool add_attr(rd_kafka_headers_t *to, const struct eb_header *attr) {
    for (size_t i = 0; i < KF_ATTRS; i++)
        if (same(attr->name, attrs[i].plain))
            return add(to, attrs[i].wire, strlen(attrs[i].wire), attr->value);
    return add(to, attr->name.data, attr->name.len, attr->value);
}

rd_kafka_headers_t *kf_headers_new(const struct eb_message *message) {
    rd_kafka_headers_t *to = rd_kafka_headers_new(FIXED + message->n_attrs + message->n_headers);
    bool good = to != NULL;

    for (size_t i = 0; good && i < FIXED; i++)
        if (!message->n_headers || !has_header(message, fixed[i].name))
            good = add(to, fixed[i].name, strlen(fixed[i].name),
                       (struct eb_text){ fixed[i].value, strlen(fixed[i].value) });
    for (size_t i = 0; good && i < message->n_attrs; i++)
        good = add_attr(to, &message->attrs[i]);
    for (size_t i = 0; good && i < message->n_headers; i++)
        good = add(to, message->headers[i].name.data, message->headers[i].name.len, message->headers[i].value);
    if (good || !to)
        return to;
    rd_kafka_headers_destroy(to);
    return NULL;
}

/* ---- In ---- */

static bool keep(struct kf_headers *read, const char *name, struct eb_text value) {
    if (read->n_headers == read->room) {
        size_t room = read->room ? 2 * read->room : 16;
        struct eb_header *more = realloc(read->headers, room * sizeof *more);
        if (!more)
            return false;
        read->headers = more;
        read->room = room;
    }
    read->headers[read->n_headers++] = (struct eb_header){ { name, strlen(name) }, value };
    return true;
}

/* The place among attrs of a name on the wire; KF_ATTRS: it is none. They mostly come in their order: `next`. */
static size_t attr_of(const char *name, size_t next) {
    if (next < KF_ATTRS && strcmp(name, attrs[next].wire) == 0)
        return next;
    for (size_t i = 0; i < KF_ATTRS; i++)
        if (strcmp(name, attrs[i].wire) == 0)
            return i;
    return KF_ATTRS;
}

static size_t fixed_of(const char *name) {
    size_t i = 0;

    while (i < FIXED && strcmp(name, fixed[i].name) != 0)
        i++;
    return i;
}

/* seen: bits of the attributes, and above them of the fixed ones. */
static bool read_one(struct kf_headers *read, const char *name, struct eb_text value, size_t *next, unsigned *seen) {
    size_t attr = attr_of(name, *next), place = attr < KF_ATTRS ? attr : KF_ATTRS + fixed_of(name);
    bool known = place < KF_ATTRS + FIXED;

    if (known && *seen & 1u << place) {
        read->repeated = name;
        return keep(read, name, value);
    }
    if (known)
        *seen |= 1u << place;
    if (attr == KF_ATTRS)
        return (known && same(value, fixed[place - KF_ATTRS].value)) || keep(read, name, value);
    *next = attr + 1;
    read->attrs[read->n_attrs++] = (struct eb_header){ { attrs[attr].plain, strlen(attrs[attr].plain) }, value };
    if (1u << attr == KF_NO_ID)
        read->id = value;
    return true;
}

int kf_headers_read(struct kf_headers *read, const rd_kafka_message_t *message) {
    rd_kafka_headers_t *from = NULL;
    const char *name;
    const void *data;
    size_t len, next = 0;
    unsigned seen = 0;

    read->n_attrs = read->n_headers = 0;
    read->id = (struct eb_text){0};
    read->repeated = NULL;
    if (rd_kafka_message_headers(message, &from) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; rd_kafka_header_get_all(from, i, &name, &data, &len) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            if (!read_one(read, name, (struct eb_text){ data, data ? len : 0 }, &next, &seen))
                return 0;
    read->missing = ~seen & ((1u << KF_ATTRS) - 1);
    return 1;
}

void kf_headers_free(struct kf_headers *read) {
    free(read->headers);
    *read = (struct kf_headers){0};
}

const char *kf_headers_name(unsigned bit) {
    for (size_t i = 0; i < KF_ATTRS; i++)
        if (bit == 1u << i)
            return attrs[i].wire;
    return "";
}
