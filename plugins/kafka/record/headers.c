/* plugins/kafka/record/headers.c - see headers.h. */
#include "headers.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>

#define TEXT(literal)                                                                                                          \
    { literal, sizeof literal - 1 }

/* The headers of an event, in the order of the Python producer: first those that are the same in each event and are not
 * delivered to the host, then the attributes. */
static const struct known {
    struct eb_text wire, plain, fixed; /* plain: the attribute's name; fixed: the value */
} known[] = {
    { .wire = TEXT("ce_specversion"), .fixed = TEXT("1.0") },
    { .wire = TEXT("content-type"), .fixed = TEXT("application/avro") },
    { .wire = TEXT("ce_datacontenttype"), .fixed = TEXT("application/avro") },
    { .wire = TEXT("ce_type"), .plain = TEXT("type") },
    { .wire = TEXT("ce_id"), .plain = TEXT("id") },
    { .wire = TEXT("ce_source"), .plain = TEXT("source") },
    { .wire = TEXT("ce_time"), .plain = TEXT("time") },
    { .wire = TEXT("ce_minorversion"), .plain = TEXT("minorversion") },
    { .wire = TEXT("sourcehost"), .plain = TEXT("sourcehost") },
    { .wire = TEXT("sourcelib"), .plain = TEXT("sourcelib") },
};
enum { KNOWN = sizeof known / sizeof *known, FIXED = KNOWN - KF_ATTRS };

static bool same(struct eb_text a, struct eb_text b) {
    return a.data && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* ---- Sending ---- */

/* Adds one header to a list. Returns false if it could not. */
typedef bool put_header(void *to, struct eb_text name, struct eb_text value);

/* A fixed header that was received with another value is sent on with that value, since a dead letter is the original. */
static bool has_header(const struct eb_message *message, struct eb_text name) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (same(message->headers[i].name, name))
            return true;
    return false;
}

/* Attributes mostly come in the order of `known`: `next` is where the search begins. */
static struct eb_text wire_name(struct eb_text plain, size_t *next) {
    size_t i = *next;

    if (i == KNOWN || !same(plain, known[i].plain))
        for (i = FIXED; i < KNOWN && !same(plain, known[i].plain);)
            i++;
    *next = i < KNOWN ? i + 1 : KNOWN;
    return i < KNOWN ? known[i].wire : plain;
}

static bool put_attrs(const struct eb_message *message, put_header *put, void *to) {
    size_t next = FIXED;
    bool good = true;

    for (size_t i = 0; good && i < message->n_attrs; i++)
        good = put(to, wire_name(message->attrs[i].name, &next), message->attrs[i].value);
    return good;
}

static bool put_all(const struct eb_message *message, put_header *put, void *to) {
    bool good = true;

    for (size_t i = 0; good && i < FIXED; i++)
        if (!message->n_headers || !has_header(message, known[i].wire))
            good = put(to, known[i].wire, known[i].fixed);
    good = good && put_attrs(message, put, to);
    for (size_t i = 0; good && i < message->n_headers; i++)
        good = put(to, message->headers[i].name, message->headers[i].value);
    return good;
}

static bool put_new(void *to, struct eb_text name, struct eb_text value) {
    return rd_kafka_header_add(to, name.data, (ssize_t)name.len, value.data, (ssize_t)value.len) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct reuse {
    const rd_kafka_headers_t *list;
    size_t at;
};

/* Overwrites the value of the list's next header, if that has the same name and is as long. Nobody else uses the list. */
static bool put_over(void *to, struct eb_text name, struct eb_text value) {
    struct reuse *reuse = to;
    const char *old_name;
    const void *old;
    size_t len;

    if (rd_kafka_header_get_all(reuse->list, reuse->at++, &old_name, &old, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        strlen(old_name) != name.len || memcmp(old_name, name.data, name.len) != 0 || !old != !value.data ||
        (old && len != value.len))
        return false;
    if (old && memcmp(old, value.data, len) != 0)
        memcpy((void *)(uintptr_t)old, value.data, len);
    return true;
}

/* Each list that was kept begins with the fixed headers. */
static bool reuse_list(const rd_kafka_headers_t *list, const struct eb_message *message) {
    struct reuse reuse = { list, FIXED };

    return put_attrs(message, put_over, &reuse) && rd_kafka_header_cnt(list) == reuse.at;
}

size_t kf_unfit_header(const struct eb_message *message) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (message->headers[i].name.len > 0 && memchr(message->headers[i].name.data, '\0', message->headers[i].name.len))
            return i + 1;
    return 0;
}

rd_kafka_headers_t *kf_headers_new(struct kf_header_pool *pool, const struct eb_message *message) {
    rd_kafka_headers_t *to = pool->n && message->n_headers == 0 ? pool->spare[--pool->n] : NULL;

    if (to && reuse_list(to, message))
        return to;
    if (to)
        rd_kafka_headers_destroy(to);
    to = rd_kafka_headers_new(FIXED + message->n_attrs + message->n_headers);
    if (to && !put_all(message, put_new, to)) {
        rd_kafka_headers_destroy(to);
        to = NULL;
    }
    return to;
}

/* librdkafka's report gives a const record, and its function to take the list out wants another. */
void kf_header_pool_keep(struct kf_header_pool *pool, const struct eb_message *message, const rd_kafka_message_t *reported) {
    rd_kafka_message_t *record = (rd_kafka_message_t *)(uintptr_t)reported;

    if (message->n_headers == 0 && pool->n < KF_SPARE_LISTS &&
        rd_kafka_message_detach_headers(record, &pool->spare[pool->n]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        pool->n++;
}

void kf_header_pool_free(struct kf_header_pool *pool) {
    while (pool->n > 0)
        rd_kafka_headers_destroy(pool->spare[--pool->n]);
}

/* ---- Receiving ---- */

static bool add_header(struct kf_headers *read, const char *name, struct eb_text value) {
    if (!EBP_RESERVE(read->headers, read->room, read->n_headers + 1))
        return false;
    read->headers[read->n_headers++] = (struct eb_header){ { name, strlen(name) }, value };
    return true;
}

/* The index in `known` of a name on the wire; KNOWN: it is not there. Headers mostly come in that order: `next`. */
static size_t known_index(const char *name, size_t next) {
    size_t index = 0;

    if (next < KNOWN && strcmp(name, known[next].wire.data) == 0)
        return next;
    while (index < KNOWN && strcmp(name, known[index].wire.data) != 0)
        index++;
    return index;
}

/* Takes one header. `seen` has a bit for each known header that was there. */
static bool read_one(struct kf_headers *read, const char *name, struct eb_text value, size_t *next, unsigned *seen) {
    size_t index = known_index(name, *next);

    if (index == KNOWN)
        return add_header(read, name, value);
    if (*seen & 1u << index) {
        read->repeated = name;
        return add_header(read, name, value);
    }
    *seen |= 1u << index;
    *next = index + 1;
    if (index < FIXED)
        return same(value, known[index].fixed) || add_header(read, name, value);
    read->attrs[read->n_attrs++] = (struct eb_header){ known[index].plain, value };
    if (1u << (index - FIXED) == KF_NO_ID)
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
    read->id = (struct eb_text){ 0 };
    read->repeated = NULL;
    if (rd_kafka_message_headers(message, &from) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; rd_kafka_header_get_all(from, i, &name, &data, &len) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            if (!read_one(read, name, (struct eb_text){ data, data ? len : 0 }, &next, &seen))
                return 0;
    read->missing = ~(seen >> FIXED) & ((1u << KF_ATTRS) - 1);
    return 1;
}

void kf_headers_free(struct kf_headers *read) {
    free(read->headers);
    *read = (struct kf_headers){ 0 };
}

const char *kf_headers_name(unsigned bit) {
    for (size_t i = 0; i < KF_ATTRS; i++)
        if (bit == 1u << i)
            return known[FIXED + i].wire.data;
    return "";
}
