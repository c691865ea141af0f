/* plugins/memory/broker.c - what is kept: brokers by name, their topics, copies of messages. */
#include "broker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_mutex_t memory_mutex = PTHREAD_MUTEX_INITIALIZER;

int32_t memory_fail(struct eb_error *err, int32_t status, int32_t kind, const char *format, ...) {
    va_list args;

    if (!err)
        return status;
    memset(err, 0, sizeof *err);
    err->status = status;
    err->kind = kind;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

int32_t memory_used_up(struct eb_error *err) {
    return memory_fail(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
}

static int64_t clock_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t memory_ticks(void) {
    return clock_ms(CLOCK_MONOTONIC);
}

void memory_wait(pthread_cond_t *cond, int64_t until) {
    struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

    pthread_cond_timedwait(cond, &memory_mutex, &at);
}

struct broker *memory_broker(const char *name) {
    static struct broker *all;
    struct broker *broker = all;
    pthread_condattr_t attr;

    while (broker && strcmp(broker->name, name) != 0)
        broker = broker->next;
    if (broker || !(broker = calloc(1, sizeof *broker + strlen(name) + 1)))
        return broker;
    strcpy(broker->name, name);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&broker->arrived, &attr);
    pthread_cond_init(&broker->called, &attr);
    pthread_condattr_destroy(&attr);
    broker->next = all;
    return all = broker;
}

/* ---- Copies ---- */

static size_t room_of(struct eb_text text) {
    return text.data ? text.len + 1 : 0;
}

/* Copies a text to *at, with a NUL behind it, and moves *at on; what is absent stays absent. */
static struct eb_text put(char **at, struct eb_text text) {
    char *copy = *at;

    if (!text.data)
        return (struct eb_text){0};
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *at += text.len + 1;
    return (struct eb_text){ copy, text.len };
}

static size_t room_of_headers(const struct eb_header *headers, size_t n) {
    size_t room = n * sizeof *headers;

    for (size_t i = 0; i < n; i++)
        room += room_of(headers[i].name) + room_of(headers[i].value);
    return room;
}

static void put_headers(char **at, struct eb_header *to, const struct eb_header *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ put(at, from[i].name), put(at, from[i].value) };
}

struct stored *memory_copy(const struct eb_message *from) {
    size_t bytes = sizeof(struct stored) + room_of(from->topic) + room_of(from->id) + room_of(from->key) +
                   room_of(from->key_avro) + room_of(from->payload) + room_of_headers(from->attrs, from->n_attrs) +
                   room_of_headers(from->headers, from->n_headers);
    struct stored *stored = calloc(1, bytes);

    if (!stored)
        return NULL;
    struct eb_header *others = stored->headers + from->n_attrs;
    char *at = (char *)(others + from->n_headers);
    stored->bytes = bytes;
    stored->refs = 1;
    stored->message = (struct eb_message){
        .size = sizeof stored->message, .topic = put(&at, from->topic), .id = put(&at, from->id),
        .key = put(&at, from->key), .key_avro = put(&at, from->key_avro), .payload = put(&at, from->payload),
        .attrs = stored->headers, .n_attrs = from->n_attrs, .headers = others, .n_headers = from->n_headers };
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

/* The broker's copy of a schema, known by its id: it must outlive the producer that brought it. */
static bool keep_schema(struct broker *broker, const struct eb_schema *given, const struct eb_schema **kept) {
    struct schema *schema = broker->schemas;

    *kept = NULL;
    if (!given)
        return true;
    while (schema && schema->schema.id != given->id)
        schema = schema->next;
    if (!schema) {
        schema = calloc(1, sizeof *schema + room_of(given->name) + room_of(given->json));
        if (!schema)
            return false;
        char *at = schema->room;
        schema->schema = (struct eb_schema){ .size = sizeof schema->schema, .id = given->id,
                                             .name = put(&at, given->name), .json = put(&at, given->json) };
        schema->next = broker->schemas;
        broker->schemas = schema;
    }
    *kept = &schema->schema;
    return true;
}

/* ---- Topics ---- */

struct topic *memory_topic(const struct broker *broker, const char *name) {
    struct topic *topic = broker->topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

struct topic *memory_topic_make(struct broker *broker, const char *name) {
    struct topic *topic = memory_topic(broker, name), **at = &broker->topics;

    if (topic || !(topic = calloc(1, sizeof *topic + strlen(name) + 1)))
        return topic;
    strcpy(topic->name, name);
    topic->low = topic->end = 1;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    topic->next = *at;
    *at = topic;
    broker->n_topics++;
    for (struct member *m = broker->members; m; m = m->next)
        if (memory_wants(m, topic) && !memory_enter(m, topic)) {
            memory_topic_remove(broker, topic);
            return NULL;
        }
    return topic;
}

void memory_topic_drop(struct topic *topic, int64_t before) {
    size_t n = (size_t)(before - topic->low), left = (size_t)(topic->end - before);

    for (size_t i = 0; i < n; i++) {
        topic->bytes -= topic->row[i]->bytes;
        memory_release(topic->row[i]);
    }
    if (n)
        memmove(topic->row, topic->row + n, left * sizeof(struct stored *));
    topic->low = before;
}

void memory_topic_remove(struct broker *broker, struct topic *topic) {
    struct topic **at = &broker->topics;

    while (*at != topic)
        at = &(*at)->next;
    *at = topic->next;
    broker->n_topics--;
    while (topic->groups)
        memory_group_remove(topic->groups);
    memory_topic_drop(topic, topic->end);
    free(topic->row);
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
        return memory_fail(err, EB_PERMANENT, EB_KIND_CONFIG, "\"%.60s\" is no position: in a memory broker it is a "
                           "number, and a topic's first is 1", point->position.data);
    return EB_OK;
}

int64_t memory_find(const struct topic *topic, const struct eb_point *point) {
    int64_t seq = topic->low;

    if (point && point->kind == EB_LATEST)
        return topic->end;
    if (point && point->kind == EB_POSITION)
        seq = memory_number(point->position.data);
    while (point && point->kind == EB_TIME && seq < topic->end &&
           topic->row[seq - topic->low]->message.time_ms < point->time_ms)
        seq++;
    return seq < topic->low ? topic->low : seq > topic->end ? topic->end : seq;
}

/* The message that fills a topic up may be longer than what was left: so none behind it in the same batch, however
 * short, can overtake one that was refused. */
static bool full(const struct topic *topic, const struct settings *settings) {
    return topic->end - topic->low >= settings->max_messages || (int64_t)topic->bytes >= settings->max_bytes;
}

/* Drops up to an eighth of a full topic from its start: what every group, and there is one, has settled. False: nothing. */
static bool make_room(struct topic *topic) {
    int64_t before = topic->low + 1 + (topic->end - topic->low) / 8;

    for (const struct group *group = topic->groups; group; group = group->next) {
        int64_t floor = memory_group_floor(group);
        before = floor < before ? floor : before;
    }
    if (!topic->groups || before == topic->low)
        return false;
    memory_topic_drop(topic, before);
    return true;
}

static bool extend_row(struct topic *topic) {
    size_t room = topic->room ? topic->room * 2 : 64;

    if ((size_t)(topic->end - topic->low) < topic->room)
        return true;
    struct stored **row = realloc(topic->row, room * sizeof(struct stored *));
    if (!row)
        return false;
    topic->row = row;
    topic->room = room;
    return true;
}

int32_t memory_append(struct broker *broker, struct stored *stored, const struct eb_message *from,
                      const struct settings *settings) {
    struct eb_message *m = &stored->message;
    struct topic *topic = memory_topic_make(broker, m->topic.data);
    int64_t now = clock_ms(CLOCK_REALTIME);

    if (!topic || !extend_row(topic) || !keep_schema(broker, from->schema, &m->schema) ||
        !keep_schema(broker, from->key_schema, &m->key_schema))
        return EB_RETRIABLE;
    while (full(topic, settings) && make_room(topic))
        ;
    if (full(topic, settings))
        return EB_FULL;
    size_t at = (size_t)(topic->end - topic->low);
    int64_t last = at ? topic->row[at - 1]->message.time_ms : 0;
    m->time_ms = now > last ? now : last;           /* so that a search by time works, though the clock be set back */
    stored->serial = ++broker->serial;
    stored->seq = topic->end++;
    int len = snprintf(stored->position, sizeof stored->position, "%lld", (long long)stored->seq);
    m->position = (struct eb_text){ stored->position, (size_t)len };
    topic->row[at] = stored;
    topic->bytes += stored->bytes;
    return EB_OK;
}
