/* tests/plugins/wrong/store.c - the broker's topics, messages and groups, and the points in a topic. */
#include "wrong.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- copies ---- */

static char *copied_bytes(const char *from, size_t len) {
    char *to = wrong_alloc(len + 1);

    memcpy(to, from, len);
    to[len] = '\0';
    return to;
}

static struct eb_text copied(struct eb_text text) {
    return text.data ? (struct eb_text){ copied_bytes(text.data, text.len), text.len } : text;
}

/* A payload. A large one that is the same as one of the last is stored once. */
static struct eb_text copied_payload(struct eb_text text) {
    enum { KEPT = 4, LARGE = 4096 };
    static struct eb_text last[KEPT];
    static size_t turn;

    if (text.len < LARGE)
        return copied(text);
    for (size_t i = 0; i < KEPT; i++)
        if (last[i].len == text.len && memcmp(last[i].data, text.data, text.len) == 0)
            return last[i];
    turn = (turn + 1) % KEPT;
    return last[turn] = copied(text);
}

static const struct eb_header *copied_headers(const struct eb_header *from, size_t n) {
    struct eb_header *to = wrong_alloc((n + 1) * sizeof *to);

    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ copied(from[i].name), copied(from[i].value) };
    return to;
}

static bool same_text(struct eb_text a, struct eb_text b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Returns the broker's own schema of that text. */
static struct schema_entry *schema_of(const struct eb_schema *from, struct topic *topic) {
    struct schema_entry *entry = broker->schemas;

    while (entry && !same_text(entry->schema.json, from->json))
        entry = entry->next;
    if (entry)
        return entry;
    entry = wrong_alloc(sizeof *entry);
    entry->topic = topic;
    entry->schema = (struct eb_schema){
        .size = sizeof entry->schema, .id = ++broker->n_schemas, .name = copied(from->name), .json = copied(from->json)
    };
    entry->next = broker->schemas;
    return broker->schemas = entry;
}

/* ---- topics ---- */

struct topic *wrong_topic(const char *name) {
    struct topic *topic = broker->topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

struct topic *wrong_make_topic(const char *name) {
    struct topic *topic = wrong_topic(name);

    if (topic)
        return topic;
    topic = wrong_alloc(sizeof *topic);
    topic->name = copied_bytes(name, strlen(name));
    topic->next = broker->topics;
    broker->topics = topic;
    broker->n_made++;
    return topic;
}

/* Lists have room for 1, 3, 7, ... items. */
static void add_message(struct topic *topic, struct stored *stored) {
    struct stored **more = topic->messages;

    if ((topic->n & (topic->n + 1)) == 0) {
        more = wrong_alloc((2 * topic->n + 1) * sizeof *more);
        if (topic->n > 0)
            memcpy(more, topic->messages, topic->n * sizeof *more);
    }
    more[topic->n] = stored;
    topic->messages = more;
    topic->n++;
}

static void spoil(struct topic *topic, struct eb_message *to) {
    if (is("forgets-header") && to->n_headers > 1 && to->n_headers < 100)
        to->n_headers--;
    if (is("keeps-a-hundred-headers") && to->n_headers > 100)
        to->n_headers = 100;
    if (is("trims-attributes"))
        to->n_attrs--;
    if (is("cuts-at-nul") && to->payload.data)
        to->payload.len = strnlen(to->payload.data, to->payload.len);
    if (is("cuts-long-keys") && to->key.len > 255)
        to->key.len = 255;
    if (is("keeps-a-schema-a-topic") && to->schema)
        to->schema = topic->first_schema;
}

static bool has_id(const struct topic *topic, struct eb_text id) {
    for (size_t i = 0; i < topic->n; i++)
        if (same_text(topic->messages[i]->message.id, id))
            return true;
    return false;
}

void wrong_store(const struct eb_message *from, char position[24]) {
    struct topic *topic = wrong_make_topic(from->topic.data);
    struct schema_entry *schema = from->schema ? schema_of(from->schema, topic) : NULL;
    struct stored *stored = wrong_alloc(sizeof *stored);
    struct eb_message *to = &stored->message;

    if (is("keeps-a-topic-a-schema") && schema && strstr(schema->schema.name.data, "versions"))
        topic = schema->topic;
    if (!topic->first_schema && schema)
        topic->first_schema = &schema->schema;
    snprintf(stored->position, sizeof stored->position, "%zu", topic->n);
    snprintf(position, 24, "%zu", topic->n + is("misnames-position"));
    *to = (struct eb_message){ .size = sizeof *to,
                               .time_ms = wrong_now_ms(CLOCK_REALTIME),
                               .topic = { topic->name, strlen(topic->name) },
                               .position = { stored->position, strlen(stored->position) },
                               .id = copied(from->id),
                               .key = copied(from->key),
                               .payload = copied_payload(from->payload),
                               .schema = schema ? &schema->schema : NULL,
                               .attrs = copied_headers(from->attrs, from->n_attrs),
                               .n_attrs = from->n_attrs,
                               .headers = copied_headers(from->headers, from->n_headers),
                               .n_headers = from->n_headers };
    spoil(topic, to);
    if ((is("loses-some") && topic->n % 50 == 40) || (is("deduplicates-by-id") && has_id(topic, from->id)))
        return;
    add_message(topic, stored);
    if (!is("misses-arrivals"))
        wrong_notify();
}

/* ---- groups ---- */

struct group *wrong_group(const struct topic *topic, const char *name) {
    struct group *group = broker->groups;

    while (group && (group->topic != topic || (strcmp(group->name, name) != 0 && !is("mixes-groups"))))
        group = group->next;
    return group;
}

struct group *wrong_make_group(struct topic *topic, const char *name, size_t start) {
    struct group *group = wrong_group(topic, name);

    if (group && is("moves-groups"))
        group->start = start;
    if (group)
        return group;
    group = wrong_alloc(sizeof *group);
    group->topic = topic;
    group->name = copied_bytes(name, strlen(name));
    group->start = start;
    group->next = broker->groups;
    return broker->groups = group;
}

void wrong_follow(struct group *group) {
    struct topic *topic = group->topic;

    if (group->room < topic->n) {
        struct entry *more = wrong_alloc(2 * topic->n * sizeof *more);
        if (group->n > 0)
            memcpy(more, group->entries, group->n * sizeof *more);
        group->entries = more;
        group->room = 2 * topic->n;
    }
    for (; group->n < topic->n; group->n++)
        group->entries[group->n] = (struct entry){ .state = group->n < group->start || group->n < topic->first ? DONE
                                                                                                               : WAITING };
    while (group->low < group->n && group->entries[group->low].state == DONE)
        group->low++;
}

void wrong_bury_the_dead(void) {
    for (struct member *member = broker->members; member; member = member->next)
        if (!member->gone && kill(member->pid, 0) < 0 && errno == ESRCH)
            member->gone = true;
}

void wrong_take_back(struct group *group, int64_t now_ms) {
    for (size_t i = group->low; i < group->n; i++) {
        struct entry *entry = &group->entries[i];

        bool late = entry->state == OUT && now_ms >= entry->until_ms && (entry->at->pid != getpid() || is("lets-leases-end")) &&
                    !is("takes-over-at-open");

        if (entry->state != OUT || (!entry->at->gone && !late) || is("forgets-the-dead"))
            continue;
        entry->state = WAITING;
        entry->due_ms = 0;
        entry->deliveries++;
    }
}

bool wrong_same_key(const struct eb_message *a, const struct eb_message *b) {
    return a->key.data && b->key.data && a->key.len == b->key.len && memcmp(a->key.data, b->key.data, a->key.len) == 0;
}

/* ---- points ---- */

/* Reads a position: a number of up to 18 digits. */
static bool parse(struct eb_text text, size_t *number) {
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 18)
            return false;
        *number = *number * 10 + (size_t)(text.data[i] - '0');
    }
    return text.len > 0;
}

int32_t wrong_point_check(const struct eb_point *point, struct eb_error *err) {
    size_t number;

    if (point->kind != EB_POSITION || is("reads-any-position") || (point->position.data && parse(point->position, &number)))
        return EB_OK;
    return wrong_error(err, EB_PERMANENT, "that is not a position: here it is a number from 0");
}

int32_t wrong_point_first(const struct topic *topic, const struct eb_point *point, size_t *first, struct eb_error *err) {
    size_t i = topic ? topic->first : 0, number;

    *first = i;
    if (!topic || point->kind == EB_EARLIEST)
        return EB_OK;
    if (point->kind == EB_LATEST)
        *first = topic->n;
    if (point->kind == EB_TIME) {
        while (i < topic->n && topic->messages[i]->message.time_ms < point->time_ms)
            i++;
        *first = i;
    }
    if (point->kind != EB_POSITION)
        return EB_OK;
    parse(point->position, &number);
    if (number > topic->n)
        return wrong_error(err, EB_END, "position %zu is behind the end of topic %s, %zu", number, topic->name, topic->n);
    *first = number > i ? number : i;
    return EB_OK;
}
