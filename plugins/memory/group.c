/* plugins/memory/group.c - who gets which message next. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/hash.h>

#include "broker.h"

/* ---- what is pending ---- */

/* Whether two messages of a group keep their order. */
static bool same_order(const struct group *group, const struct stored *a, const struct stored *b) {
    struct eb_text x = a->message.key, y = b->message.key;

    return group->strict || (x.data && y.data && x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
}

static struct pending **bucket_of(struct group *group, const struct stored *stored) {
    struct eb_text key = stored->message.key;
    uint64_t hash = ebp_fnv1a(EBP_FNV1A, key.data, group->strict ? 0 : key.len);

    return &group->newest[(hash ^ hash >> 32) % BUCKETS];
}

/* The nearest older one that it keeps its order with, or NULL. */
static const struct pending *predecessor(const struct pending *one) {
    const struct pending *older = one->older;

    while (older && !same_order(one->group, older->stored, one->stored))
        older = older->older;
    return older;
}

static bool may_deliver(const struct member *member, const struct pending *one, int64_t now) {
    if (one->holder || one->due > now)
        return false;
    const struct pending *older = predecessor(one);
    return !older || older->holder == member;
}

/* Makes the message at the cursor pending. False: there is none, too many wait, or no memory. */
static bool advance(struct group *group) {
    if (group->cursor == group->topic->end || group->n_pending - group->n_inflight >= MOST_WAITING ||
        !EBP_RESERVE(group->pending, group->room, group->n_pending + 1))
        return false;
    struct pending *one = calloc(1, sizeof *one);
    if (!one)
        return false;
    one->group = group;
    one->stored = group->topic->messages[group->cursor++ - group->topic->low];
    one->stored->refs++;
    one->bucket = bucket_of(group, one->stored);
    one->older = *one->bucket;
    if (one->older)
        one->older->newer = one;
    *one->bucket = one;
    group->pending[group->n_pending++] = one;
    return true;
}

static void free_pending(struct pending *one) {
    memory_release(one->stored);
    free(one);
}

static void unlink_pending(struct group *group, struct pending *one) {
    size_t low = 0, high = group->n_pending;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (group->pending[middle]->stored->seq <= one->stored->seq)
            low = middle;
        else
            high = middle;
    }
    memmove(group->pending + low, group->pending + low + 1, (--group->n_pending - low) * sizeof(struct pending *));
    if (one->older)
        one->older->newer = one->newer;
    if (one->newer)
        one->newer->older = one->older;
    else
        *one->bucket = one->older;
    group->n_inflight -= one->holder != NULL;
    one->group = NULL;
}

/* ---- groups ---- */

static int by_name(const struct group *a, const struct group *b) {
    return strcmp(a->name, b->name);
}

struct group *memory_group(const struct topic *topic, const char *name) {
    struct group *group = topic->groups;

    while (group && strcmp(group->name, name) != 0)
        group = group->next;
    return group;
}

struct group *memory_group_make(struct topic *topic, const char *name) {
    struct group *group = memory_group(topic, name);

    if (group || !(group = calloc(1, sizeof *group + strlen(name) + 1)))
        return group;
    strcpy(group->name, name);
    group->topic = topic;
    group->cursor = topic->end;
    LL_INSERT_INORDER(topic->groups, group, by_name);
    return group;
}

void memory_group_remove(struct group *group) {
    memory_group_forget(group, INT64_MAX);
    LL_DELETE(group->topic->groups, group);
    free(group->pending);
    free(group);
}

int64_t memory_group_floor(const struct group *group) {
    return group->n_pending ? group->pending[0]->stored->seq : group->cursor;
}

void memory_group_forget(struct group *group, int64_t before) {
    while (group->n_pending && group->pending[0]->stored->seq < before) {
        struct pending *one = group->pending[0];
        unlink_pending(group, one);
        if (!one->holder)
            free_pending(one);
    }
}

/* ---- members ---- */

bool memory_wants(const struct member *member, const struct topic *topic) {
    bool pattern = false;

    for (size_t i = 0; i < member->subscription->n_topics; i++) {
        if (strcmp(member->subscription->topics[i], topic->name) == 0)
            return true;
        pattern |= strchr(member->subscription->topics[i], '*') != NULL;
    }
    return pattern && member->host->matches(member->host, topic->name);
}

struct group *memory_enter(const struct member *member, struct topic *topic) {
    const struct eb_subscription *subscription = member->subscription;
    struct group *group = memory_group(topic, subscription->group);

    if (!group) {
        group = memory_group_make(topic, subscription->group);
        if (!group)
            return NULL;
        group->cursor = memory_find(topic, subscription->start);
    }
    group->strict = subscription->order == EB_ORDER_STRICT;
    return group;
}

bool memory_join(struct member *member) {
    struct broker *broker = member->broker;

    member->last = broker->serial;
    for (struct topic *topic = broker->topics; topic; topic = topic->next)
        if (memory_wants(member, topic) && !memory_enter(member, topic))
            return false;
    LL_PREPEND(broker->members, member);
    return true;
}

void memory_leave(struct member *member) {
    LL_DELETE(member->broker->members, member);
    for (struct topic *topic = member->broker->topics; topic; topic = topic->next)
        for (struct group *group = topic->groups; group; group = group->next)
            for (size_t i = 0; i < group->n_pending; i++)
                if (group->pending[i]->holder == member) {
                    group->pending[i]->holder = NULL;
                    group->n_inflight--;
                }
}

static bool has_capacity(const struct member *member) {
    const struct eb_subscription *most = member->subscription;

    return (!most->max_messages || member->n_inflight < most->max_messages) &&
           (!most->max_bytes || member->bytes_inflight < most->max_bytes);
}

/* What is pending comes first, in its order, then what is new. */
static size_t claim_from(struct member *member, struct group *group, struct pending **got, size_t max, int64_t now) {
    size_t n = 0;

    for (size_t i = 0; n < max && has_capacity(member) && (i < group->n_pending || advance(group)); i++) {
        struct pending *one = group->pending[i];
        if (!one->holder && one->due > now)
            member->next_due = ebp_earlier(member->next_due, one->due);
        if (!may_deliver(member, one, now))
            continue;
        one->holder = member;
        one->deliveries++;
        group->n_inflight++;
        member->n_inflight++;
        member->bytes_inflight += one->stored->bytes;
        got[n++] = one;
    }
    return n;
}

size_t memory_claim(struct member *member, struct pending **got, size_t max, int64_t now) {
    struct broker *broker = member->broker;
    struct topic *topic = broker->topics;
    size_t n = 0;

    member->next_due = INT64_MAX;
    for (size_t i = broker->n_topics ? member->turn++ % broker->n_topics : 0; i > 0; i--)
        topic = topic->next; /* another one first each time: none starves */
    for (size_t i = 0; i < broker->n_topics; i++) {
        struct group *group = memory_wants(member, topic) ? memory_enter(member, topic) : NULL;
        if (group) /* created again if it was removed */
            n += claim_from(member, group, got + n, max - n, now);
        topic = topic->next ? topic->next : broker->topics;
    }
    return n;
}

int32_t memory_settle(struct member *member, struct pending *one, const struct eb_verdict *verdict, int64_t now) {
    struct group *group = one->group;

    member->n_inflight--;
    member->bytes_inflight -= one->stored->bytes;
    if (!group || verdict->kind == EB_ACK) {
        if (group)
            unlink_pending(group, one);
        free_pending(one);
        return group ? EB_OK : EB_GONE;
    }
    one->holder = NULL;
    group->n_inflight--;
    if (verdict->kind == EB_RETRY) {
        one->failures++;
        one->due = now + verdict->delay_ms;
    } else {
        one->deliveries--; /* returned untried: as if it had never been delivered */
    }
    return EB_OK;
}

bool memory_at_end(const struct member *member) {
    for (struct topic *topic = member->broker->topics; topic; topic = topic->next) {
        const struct group *group = memory_wants(member, topic) ? memory_group(topic, member->subscription->group) : NULL;
        if (!group)
            continue;
        if (group->cursor < topic->end && topic->messages[group->cursor - topic->low]->serial <= member->last)
            return false;
        for (size_t i = 0; i < group->n_pending && group->pending[i]->stored->serial <= member->last; i++) {
            struct pending *one = group->pending[i];
            const struct pending *older = one->holder ? NULL : predecessor(one);
            one->elsewhere = one->holder ? one->holder != member : older && older->elsewhere;
            if (!one->elsewhere)
                return false;
        }
    }
    return true;
}
