/* stub_broker.c - the stub's broker: topics, groups, and who may have which message next. FILL IN: delete it; see stub.h. */
#include "stub_broker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_mutex_t stub_mutex = PTHREAD_MUTEX_INITIALIZER;

static int64_t ms_of(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t stub_now_ms(void) {
    return ms_of(CLOCK_MONOTONIC);
}

/* The list with room for one more item, moved if need be. NULL: no memory, and the list stays as it is. */
static void *grown(void *list, size_t *room, size_t n, size_t size) {
    size_t more = n < 16 ? 16 : n * 2;
    void *moved = n < *room ? list : realloc(list, more * size);

    if (moved && n >= *room)
        *room = more;
    return moved;
}

struct broker *stub_broker(const char *name) {
    static struct broker *all;
    pthread_condattr_t attr;
    struct broker *broker;

    pthread_mutex_lock(&stub_mutex);
    for (broker = all; broker && strcmp(broker->name, name) != 0; broker = broker->next)
        continue;
    if (!broker && (broker = calloc(1, sizeof *broker))) { /* it lives as long as the process */
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&broker->changed, &attr);
        pthread_condattr_destroy(&attr);
        strncpy(broker->name, name, sizeof broker->name - 1);
        broker->next = all;
        all = broker;
    }
    pthread_mutex_unlock(&stub_mutex);
    return broker;
}

/* ---- messages ---- */

struct stored *stub_store(const char *topic, const char *key, size_t key_len, const char *bytes, size_t len) {
    size_t topic_len = strlen(topic) + 1;
    struct stored *stored = calloc(1, sizeof *stored + topic_len + key_len + len);
    char *at = (char *)(stored + 1);

    if (!stored)
        return NULL;
    *stored = (struct stored){ .refs = 1, .topic = at, .key = at + topic_len, .key_len = key_len, .has_key = key != NULL };
    stored->bytes = stored->key + key_len;
    stored->len = len;
    stored->key_hash = UINT64_C(14695981039346656037);
    memcpy(at, topic, topic_len);
    for (size_t i = 0; i < key_len; i++)
        stored->key_hash = (stored->key_hash ^ (unsigned char)(at[topic_len + i] = key[i])) * UINT64_C(1099511628211);
    if (len)
        memcpy(at + topic_len + key_len, bytes, len);
    return stored;
}

void stub_release(struct stored *stored) {
    if (--stored->refs == 0)
        free(stored);
}

struct stub_message *stub_delivery(struct stored *stored) {
    struct stub_message *message = calloc(1, sizeof *message);

    if (!message)
        return NULL;
    stored->refs++;
    *message = (struct stub_message){ .stored = stored,
                                      .number = stored->number,
                                      .stored_ms = stored->stored_ms,
                                      .topic = stored->topic,
                                      .key = stored->has_key ? stored->key : NULL,
                                      .key_len = stored->key_len,
                                      .bytes = stored->bytes,
                                      .len = stored->len };
    return message;
}

void stub_message_free(struct stub_message *message) {
    pthread_mutex_lock(&stub_mutex);
    stub_release(message->stored);
    pthread_mutex_unlock(&stub_mutex);
    free(message);
}

enum stub_result stub_append(struct broker *broker, struct stored *stored) {
    struct topic *topic = strlen(stored->topic) < STUB_NAME_ROOM ? stub_make_topic(broker, stored->topic) : NULL;
    struct stored **list;
    int64_t last;

    if (strlen(stored->topic) >= STUB_NAME_ROOM)
        return STUB_REFUSED;
    list = topic && topic->n < MOST_STORED ? grown(topic->stored, &topic->room, topic->n, sizeof *topic->stored) : NULL;
    if (!list)
        return STUB_FULL;
    topic->stored = list;
    last = topic->n ? topic->stored[topic->n - 1]->stored_ms : 0;
    stored->stored_ms = ms_of(CLOCK_REALTIME);
    if (stored->stored_ms < last) /* a clock that was set back must not hide messages from a search by time */
        stored->stored_ms = last;
    stored->serial = ++broker->serial;
    stored->number = stub_end(topic);
    topic->stored[topic->n++] = stored;
    return STUB_OK;
}

/* ---- topics and groups ---- */

uint64_t stub_end(const struct topic *topic) {
    return topic->first + topic->n;
}

struct topic *stub_topic_of(const struct broker *broker, const char *name) {
    struct topic *topic = broker->topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

struct topic *stub_make_topic(struct broker *broker, const char *name) {
    struct topic *topic = stub_topic_of(broker, name), **at = &broker->topics;

    if (topic || strlen(name) >= STUB_NAME_ROOM || !(topic = calloc(1, sizeof *topic)))
        return topic;
    strcpy(topic->name, name);
    topic->first = 1;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    topic->next = *at;
    *at = topic;
    return topic;
}

struct group *stub_group_of(const struct topic *topic, const char *name) {
    struct group *group = topic->groups;

    while (group && strcmp(group->name, name) != 0)
        group = group->next;
    return group;
}

struct group *stub_make_group(struct topic *topic, const char *name, uint64_t cursor) {
    struct group *group = stub_group_of(topic, name), **at = &topic->groups;

    if (group || strlen(name) >= STUB_NAME_ROOM || !(group = calloc(1, sizeof *group)))
        return group;
    strcpy(group->name, name);
    group->cursor = cursor;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    group->next = *at;
    *at = group;
    return group;
}

uint64_t stub_floor(const struct group *group) {
    return group->n ? group->pending[0].stored->number : group->cursor;
}

uint64_t stub_at(const struct topic *topic, const struct stub_point *point) {
    uint64_t end = stub_end(topic), number = topic->first;

    if (point->where == STUB_LAST)
        return end;
    if (point->where == STUB_AT_NUMBER)
        number = (uint64_t)point->value;
    while (point->where == STUB_AT_TIME && number < end && topic->stored[number - topic->first]->stored_ms < point->value)
        number++;
    return number < topic->first ? topic->first : number > end ? end : number;
}

static void remove_pending(struct group *group, size_t i) {
    stub_release(group->pending[i].stored);
    memmove(group->pending + i, group->pending + i + 1, (--group->n - i) * sizeof *group->pending);
}

void stub_forget(struct group *group, uint64_t before) {
    while (group->n && group->pending[0].stored->number < before)
        remove_pending(group, 0);
}

void stub_free_group(struct group *group) {
    stub_forget(group, UINT64_MAX);
    free(group->pending);
    free(group);
}

void stub_drop(struct topic *topic, uint64_t before) {
    size_t n = before > topic->first ? (size_t)(before - topic->first) : 0;

    for (size_t i = 0; i < n; i++)
        stub_release(topic->stored[i]);
    if (n)
        memmove(topic->stored, topic->stored + n, (topic->n - n) * sizeof(struct stored *));
    topic->n -= n;
    topic->first += n;
}

/* ---- members ---- */

static struct group *group_for(const struct member *member, struct topic *topic) {
    const struct stub_subscription *wanted = member->subscription;
    struct group *group = stub_group_of(topic, wanted->group);

    if (!member->wants(member->arg, topic->name))
        return NULL;
    if (!group)
        group = stub_make_group(topic, wanted->group, member->joined ? topic->first : stub_at(topic, &wanted->start));
    if (group)
        group->strict = wanted->strict;
    return group;
}

void stub_join(struct broker *broker, struct member *member) {
    if (member->joined)
        return;
    for (struct topic *topic = broker->topics; topic; topic = topic->next)
        group_for(member, topic);
    member->last = broker->serial;
    member->joined = true;
}

static bool keep_order(const struct group *group, const struct stored *a, const struct stored *b) {
    return group->strict || (a->has_key && b->has_key && a->key_hash == b->key_hash && a->key_len == b->key_len &&
                             memcmp(a->key, b->key, a->key_len) == 0);
}

/* The nearest older message that this one keeps its order with; NULL: none is pending. */
static const struct pending *older(const struct group *group, size_t i) {
    for (size_t j = i; j-- > 0;)
        if (keep_order(group, group->pending[j].stored, group->pending[i].stored))
            return &group->pending[j];
    return NULL;
}

/* Whether a message has to wait for an older one of its key, which is not at this client. */
static bool is_kept_back(const struct group *group, size_t i, const struct stub_client *client) {
    for (size_t j = 0; j < i; j++)
        if (group->pending[j].holder != client && keep_order(group, group->pending[j].stored, group->pending[i].stored))
            return true;
    return false;
}

/* Makes the message at the cursor pending. */
static bool advance(const struct topic *topic, struct group *group) {
    struct pending *list;

    if (group->cursor >= stub_end(topic) || group->n >= MOST_WAITING)
        return false;
    list = grown(group->pending, &group->room, group->n, sizeof *list);
    if (!list)
        return false;
    group->pending = list;
    struct stored *stored = topic->stored[group->cursor++ - topic->first];
    stored->refs++;
    group->pending[group->n++] = (struct pending){ .stored = stored };
    return true;
}

size_t stub_claim(struct broker *broker, struct member *member, size_t n, uint64_t bytes, struct stub_message **to,
                  int64_t *due) {
    size_t claimed = 0, topics = 0, k = 0;
    struct topic *topic = broker->topics;
    int64_t now = stub_now_ms();
    uint64_t size = 0;

    for (const struct topic *each = topic; each; each = each->next)
        topics++;
    for (size_t skip = topics ? member->turn++ % topics : 0; skip > 0; skip--) /* each topic is the first in its turn */
        topic = topic->next;
    for (; k < topics; k++, topic = topic->next ? topic->next : broker->topics) {
        struct group *group = group_for(member, topic);
        for (size_t i = 0; group && claimed < n && size < bytes && (i < group->n || advance(topic, group)); i++) {
            struct pending *one = &group->pending[i];
            if (!one->holder && one->due > now && one->due < *due)
                *due = one->due;
            if (one->holder || one->due > now || is_kept_back(group, i, member->client))
                continue;
            if (!(*to = stub_delivery(one->stored)))
                return claimed;
            one->holder = member->client;
            one->tag = (*to)->tag = ++member->tags;
            (*to)->deliveries = ++one->deliveries;
            (*to)->retries = one->retries;
            size += (*to)->len;
            to = &(*to)->next;
            claimed++;
        }
    }
    return claimed;
}

bool stub_decide(struct broker *broker, const struct member *member, uint64_t tag, enum stub_verdict verdict,
                 uint32_t delay_ms) {
    for (struct topic *topic = broker->topics; topic; topic = topic->next) {
        struct group *group = stub_group_of(topic, member->subscription->group);
        for (size_t i = 0; group && i < group->n; i++) {
            struct pending *one = &group->pending[i];
            if (one->holder != member->client || one->tag != tag)
                continue;
            one->holder = NULL;
            if (verdict == STUB_ACK) {
                remove_pending(group, i);
            } else if (verdict == STUB_RETRY) {
                one->retries++;
                one->due = stub_now_ms() + delay_ms;
            } else {
                one->deliveries--; /* a message that was not tried does not count as delivered */
            }
            return true;
        }
    }
    return false;
}

void stub_give_up(struct broker *broker, const struct stub_client *client, bool uncounted) {
    for (struct topic *topic = broker->topics; topic; topic = topic->next)
        for (struct group *group = topic->groups; group; group = group->next)
            for (size_t i = 0; i < group->n; i++)
                if (group->pending[i].holder == client) {
                    group->pending[i].holder = NULL;
                    group->pending[i].deliveries -= uncounted;
                }
}

bool stub_at_end(const struct broker *broker, const struct member *member) {
    for (struct topic *topic = broker->topics; topic; topic = topic->next) {
        const struct group *group = member->wants(member->arg, topic->name) ? stub_group_of(topic, member->subscription->group)
                                                                            : NULL;
        if (group && group->cursor < stub_end(topic) && topic->stored[group->cursor - topic->first]->serial <= member->last)
            return false;
        for (size_t i = 0; group && i < group->n && group->pending[i].stored->serial <= member->last; i++) {
            struct pending *one = &group->pending[i];
            const struct pending *before = one->holder ? NULL : older(group, i);
            one->elsewhere = one->holder ? one->holder != member->client : before && before->elsewhere;
            if (!one->elsewhere)
                return false;
        }
    }
    return true;
}
