/* tests/abi/1.0/plugins/store.h - what the plugin of c11.c stores: topics, and what became of each message in each group. */
#ifndef STORE_H
#define STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEYS = 4096 };

/* ---- What is stored; under the lock ---- */

struct stored {
    struct eb_message message; /* a copy of all that it points to; no token */
    char position[24];
    size_t before; /* the place + 1 of the message before it with the same key; 0: none */
};

struct key { /* the last message of a key */
    struct key *next;
    struct eb_text text;
    size_t last; /* its place + 1 */
};

struct topic {
    struct topic *next;
    struct group *groups;
    struct stored **messages;
    size_t n, room;
    struct key *keys[KEYS];
    char name[];
};

enum state { WAITING, OUT, DONE };

/* What became of a message in a group. Its address is the token. */
struct entry {
    enum state state;
    bool moved; /* the group was moved away from it while it was out */
    const struct consumer *at;
    size_t bytes; /* of the payload */
    int64_t due_ms;
    uint32_t deliveries, failures;
};

struct group {
    struct group *next;
    struct topic *topic;
    struct entry **entries;
    size_t n, room, first; /* first: all before are done */
    bool strict;
    char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct topic *topics;
static struct consumer *consumers;

static int64_t now_ms(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

static int32_t fail(struct eb_error *err, int32_t status, int32_t kind, const char *what, const char *thing) {
    if (err) {
        *err = (struct eb_error){ .status = status, .kind = kind };
        snprintf(err->text, sizeof err->text, "%s %.200s", what, thing);
    }
    return status;
}

static void *need(void *memory) {
    if (!memory)
        abort(); /* a plugin of the tests */
    return memory;
}

/* Room for one more element of an array of pointers. */
static void *grown(void *array, size_t n, size_t *room) {
    if (n < *room)
        return array;
    *room = *room ? *room * 2 : 64;
    return need(realloc(array, *room * sizeof(void *)));
}

static struct eb_text copied(struct eb_text text) {
    char *copy;

    if (!text.data)
        return text;
    copy = need(malloc(text.len + 1));
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (struct eb_text){ copy, text.len };
}

static const struct eb_header *copied_headers(const struct eb_header *from, size_t n) {
    struct eb_header *to = need(calloc(n + 1, sizeof *to));

    for (size_t i = 0; i < n; i++)
        to[i] = (struct eb_header){ copied(from[i].name), copied(from[i].value) };
    return to;
}

static struct topic *find_topic(const char *name) {
    struct topic *topic = topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

static struct topic *make_topic(const char *name) {
    struct topic *topic = find_topic(name);

    if (topic)
        return topic;
    topic = need(calloc(1, sizeof *topic + strlen(name) + 1));
    strcpy(topic->name, name);
    topic->next = topics;
    return topics = topic;
}

/* Notes that the message at place i is the last of its key. Returns the place + 1 of the one before. */
static size_t note_key(struct topic *topic, struct eb_text text, size_t i) {
    uint32_t hash = 2166136261u;
    struct key *key;
    size_t before;

    if (!text.data)
        return 0;
    for (size_t k = 0; k < text.len; k++)
        hash = (hash ^ (unsigned char)text.data[k]) * 16777619u;
    for (key = topic->keys[hash % KEYS]; key; key = key->next)
        if (key->text.len == text.len && memcmp(key->text.data, text.data, text.len) == 0)
            break;
    if (!key) {
        key = need(calloc(1, sizeof *key));
        *key = (struct key){ .next = topic->keys[hash % KEYS], .text = text };
        topic->keys[hash % KEYS] = key;
    }
    before = key->last;
    key->last = i + 1;
    return before;
}

static const struct stored *store(const struct eb_message *from) {
    struct topic *topic = make_topic(from->topic.data);
    struct stored *stored = need(calloc(1, sizeof *stored));
    int64_t now = now_ms(CLOCK_REALTIME), last = topic->n ? topic->messages[topic->n - 1]->message.time_ms : 0;
    int len = snprintf(stored->position, sizeof stored->position, "%zu", topic->n);

    stored->message = (struct eb_message){ .size = sizeof stored->message,
                                           .time_ms = now > last ? now : last,
                                           .topic = copied(from->topic),
                                           .position = { stored->position, (size_t)len },
                                           .id = copied(from->id),
                                           .key = copied(from->key),
                                           .payload = copied(from->payload),
                                           .attrs = copied_headers(from->attrs, from->n_attrs),
                                           .n_attrs = from->n_attrs,
                                           .headers = copied_headers(from->headers, from->n_headers),
                                           .n_headers = from->n_headers };
    stored->before = note_key(topic, stored->message.key, topic->n);
    topic->messages = grown(topic->messages, topic->n, &topic->room);
    topic->messages[topic->n++] = stored;
    pthread_cond_broadcast(&changed);
    return stored;
}

/* The place where a point lies; beyond: it is a position behind the end. */
static size_t place_of(const struct topic *topic, const struct eb_point *point, bool *beyond) {
    size_t i = 0;

    *beyond = false;
    if (point->kind == EB_LATEST)
        return topic->n;
    if (point->kind == EB_POSITION) {
        i = (size_t)strtoull(point->position.data, NULL, 10);
        *beyond = i > topic->n;
        return *beyond ? topic->n : i;
    }
    while (point->kind == EB_TIME && i < topic->n && topic->messages[i]->message.time_ms < point->time_ms)
        i++;
    return i;
}

static bool is_number(const struct eb_point *point) {
    return point->kind != EB_POSITION || (point->position.len > 0 && point->position.len < 19 &&
                                          strspn(point->position.data, "0123456789") == point->position.len);
}

/* ---- Groups; under the lock ---- */

static struct group *find_group(const struct topic *topic, const char *name) {
    struct group *group = topic->groups;

    while (group && strcmp(group->name, name) != 0)
        group = group->next;
    return group;
}

static struct group *make_group(struct topic *topic, const char *name) {
    struct group *group = need(calloc(1, sizeof *group + strlen(name) + 1));

    strcpy(group->name, name);
    group->topic = topic;
    group->next = topic->groups;
    return topic->groups = group;
}

/* Makes an entry for each message that came since. */
static void follow(struct group *group) {
    while (group->n < group->topic->n) {
        group->entries = grown(group->entries, group->n, &group->room);
        group->entries[group->n++] = need(calloc(1, sizeof(struct entry)));
    }
    while (group->first < group->n && group->entries[group->first]->state == DONE)
        group->first++;
}

/* Moves a group to a place. What is out stays its member's, and is settled with EB_GONE. */
static void move_group(struct group *group, size_t to) {
    follow(group);
    for (size_t i = 0; i < group->n; i++) {
        if (group->entries[i]->state == OUT)
            group->entries[i]->moved = true;
        else
            free(group->entries[i]);
        group->entries[i] = need(calloc(1, sizeof(struct entry)));
        group->entries[i]->state = i < to ? DONE : WAITING;
    }
    group->first = 0;
    pthread_cond_broadcast(&changed);
}

/* ---- Waiting ---- */

static void wake_up(bool *woken) {
    pthread_mutex_lock(&lock);
    *woken = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_until(int64_t end_ms) {
    struct timespec end = { end_ms / 1000, end_ms % 1000 * 1000000 };

    pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &end);
}

#endif
