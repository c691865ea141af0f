/* plugins/memory/broker.c - what is kept: brokers by name, their topics, copies of messages. */
#include "broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/wakeup.h>

pthread_mutex_t memory_mutex = PTHREAD_MUTEX_INITIALIZER;

int32_t memory_exhausted(struct eb_error *err) {
    return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
}

void memory_wait(pthread_cond_t *cond, int64_t until) {
    struct timespec at = ebp_timespec(until);

    pthread_cond_timedwait(cond, &memory_mutex, &at);
}

static struct broker *make_broker(const char *name) {
    struct broker *broker = calloc(1, sizeof *broker + strlen(name) + 1);

    if (!broker || ebp_cond_init(&broker->arrived) != 0 || ebp_cond_init(&broker->called) != 0) {
        free(broker);
        return NULL;
    }
    strcpy(broker->name, name);
    return broker;
}

struct broker *memory_broker(const char *name) {
    static struct broker *all;
    struct broker *broker;

    pthread_mutex_lock(&memory_mutex);
    for (broker = all; broker && strcmp(broker->name, name) != 0; broker = broker->next)
        continue;
    if (!broker && (broker = make_broker(name)))
        LL_PREPEND(all, broker);
    pthread_mutex_unlock(&memory_mutex);
    return broker;
}

/* ---- copies ---- */

static size_t text_room(struct eb_text text) {
    return text.data ? text.len + 1 : 0;
}

/* Copies a text to *at, with a NUL behind it, and moves *at on; what is absent stays absent. */
static struct eb_text put(char **at, struct eb_text text) {
    char *copy = *at;

    if (!text.data)
        return (struct eb_text){ 0 };
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *at += text.len + 1;
    return (struct eb_text){ copy, text.len };
}

static size_t headers_room(const struct eb_header *headers, size_t n) {
    size_t room = n * sizeof *headers;

    for (size_t i = 0; i < n; i++)
        room += text_room(headers[i].name) + text_room(headers[i].value);
    return room;
}

static void put_headers(char **at, struct eb_header *to, const struct eb_header *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ put(at, from[i].name), put(at, from[i].value) };
}

struct stored *memory_copy(const struct eb_message *from) {
    size_t bytes = sizeof(struct stored) + text_room(from->topic) + text_room(from->id) + text_room(from->key) +
                   text_room(from->key_avro) + text_room(from->payload) + headers_room(from->attrs, from->n_attrs) +
                   headers_room(from->headers, from->n_headers);
    struct stored *stored = calloc(1, bytes);

    if (!stored)
        return NULL;
    struct eb_header *others = stored->headers + from->n_attrs;
    char *at = (char *)(others + from->n_headers);
    stored->bytes = bytes;
    stored->refs = 1;
    stored->message = (struct eb_message){ .size = sizeof stored->message,
                                           .topic = put(&at, from->topic),
                                           .id = put(&at, from->id),
                                           .key = put(&at, from->key),
                                           .key_avro = put(&at, from->key_avro),
                                           .payload = put(&at, from->payload),
                                           .attrs = stored->headers,
                                           .n_attrs = from->n_attrs,
                                           .headers = others,
                                           .n_headers = from->n_headers };
    put_headers(&at, stored->headers, from->attrs, from->n_attrs);
    put_headers(&at, others, from->headers, from->n_headers);
    return stored;
}

void memory_release(struct stored *stored) {
    if (--stored->refs == 0)
        free(stored);
}

struct schema {
    struct schema *next;
    struct eb_schema schema;
    char room[];
};

/* Finds or makes the broker's copy of a schema, which must outlive the producer that brought it. False: no memory. */
static bool keep_schema(struct broker *broker, const struct eb_schema *given, const struct eb_schema **kept) {
    struct schema *schema = broker->schemas;

    *kept = NULL;
    if (!given)
        return true;
    while (schema && schema->schema.id != given->id)
        schema = schema->next;
    if (!schema) {
        schema = calloc(1, sizeof *schema + text_room(given->name) + text_room(given->json));
        if (!schema)
            return false;
        char *at = schema->room;
        schema->schema = (struct eb_schema){
            .size = sizeof schema->schema, .id = given->id, .name = put(&at, given->name), .json = put(&at, given->json)
        };
        LL_PREPEND(broker->schemas, schema);
    }
    *kept = &schema->schema;
    return true;
}

/* ---- topics ---- */

static int by_name(const struct topic *a, const struct topic *b) {
    return strcmp(a->name, b->name);
}

struct topic *memory_topic(const struct broker *broker, const char *name) {
    struct topic *topic = broker->topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

struct topic *memory_topic_make(struct broker *broker, const char *name) {
    struct topic *topic = memory_topic(broker, name);

    if (topic || !(topic = calloc(1, sizeof *topic + strlen(name) + 1)))
        return topic;
    strcpy(topic->name, name);
    topic->low = topic->end = 1;
    LL_INSERT_INORDER(broker->topics, topic, by_name);
    broker->n_topics++;
    for (struct member *member = broker->members; member; member = member->next)
        if (memory_wants(member, topic) && !memory_enter(member, topic)) {
            memory_topic_remove(broker, topic);
            return NULL;
        }
    return topic;
}

void memory_topic_drop(struct topic *topic, int64_t before) {
    size_t n = (size_t)(before - topic->low), left = (size_t)(topic->end - before);

    for (size_t i = 0; i < n; i++) {
        topic->bytes -= topic->messages[i]->bytes;
        memory_release(topic->messages[i]);
    }
    if (n)
        memmove(topic->messages, topic->messages + n, left * sizeof(struct stored *));
    topic->low = before;
}

void memory_topic_remove(struct broker *broker, struct topic *topic) {
    LL_DELETE(broker->topics, topic);
    broker->n_topics--;
    while (topic->groups)
        memory_group_remove(topic->groups);
    memory_topic_drop(topic, topic->end);
    free(topic->messages);
    free(topic);
}

int64_t memory_number(const char *position) {
    char *rest;

    errno = 0;
    int64_t seq = strtoll(position, &rest, 10);
    return rest == position || *rest || errno || seq < 0 ? -1 : seq;
}

int32_t memory_check(const struct eb_point *point, struct eb_error *err) {
    if (point && point->kind == EB_POSITION && memory_number(point->position.data) < 0)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "\"%.60s\" is not a position: in a memory broker it is a number, and a topic's first is 1",
                                 point->position.data);
    return EB_OK;
}

int64_t memory_find(const struct topic *topic, const struct eb_point *point) {
    int64_t seq = topic->low;

    if (point && point->kind == EB_LATEST)
        return topic->end;
    if (point && point->kind == EB_POSITION)
        seq = memory_number(point->position.data);
    while (point && point->kind == EB_TIME && seq < topic->end &&
           topic->messages[seq - topic->low]->message.time_ms < point->time_ms)
        seq++;
    return seq < topic->low ? topic->low : seq > topic->end ? topic->end : seq;
}

/* The message that fills a topic up may be longer than what was left, so that no message behind it in the same batch,
 * however short, overtakes one that was refused. */
static bool is_full(const struct topic *topic, const struct settings *settings) {
    return topic->end - topic->low >= settings->max_messages || (int64_t)topic->bytes >= settings->max_bytes;
}

/* Drops up to an eighth of a full topic from its start: what every group has settled. False: nothing, or no group. */
static bool make_room(struct topic *topic) {
    int64_t before = topic->low + 1 + (topic->end - topic->low) / 8;

    for (const struct group *group = topic->groups; group; group = group->next)
        before = ebp_earlier(before, memory_group_floor(group));
    if (!topic->groups || before == topic->low)
        return false;
    memory_topic_drop(topic, before);
    return true;
}

int32_t memory_append(struct broker *broker, struct stored *stored, const struct eb_message *from,
                      const struct settings *settings) {
    struct eb_message *m = &stored->message;
    struct topic *topic = memory_topic_make(broker, m->topic.data);
    size_t n = topic ? (size_t)(topic->end - topic->low) : 0;
    int64_t now = ebp_wall_ms();

    if (!topic || !EBP_RESERVE(topic->messages, topic->room, n + 1) || !keep_schema(broker, from->schema, &m->schema) ||
        !keep_schema(broker, from->key_schema, &m->key_schema))
        return EB_RETRIABLE;
    while (is_full(topic, settings) && make_room(topic))
        continue;
    if (is_full(topic, settings))
        return EB_FULL;
    n = (size_t)(topic->end - topic->low);
    int64_t last = n ? topic->messages[n - 1]->message.time_ms : 0;
    m->time_ms = now > last ? now : last; /* never back, so that a search by time works */
    stored->serial = ++broker->serial;
    stored->seq = topic->end++;
    int len = snprintf(stored->position, sizeof stored->position, "%lld", (long long)stored->seq);
    m->position = (struct eb_text){ stored->position, (size_t)len };
    topic->messages[n] = stored;
    topic->bytes += stored->bytes;
    return EB_OK;
}
