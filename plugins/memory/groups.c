/* plugins/memory/groups.c - who gets which message next. */
#include <stdlib.h>
#include <string.h>
#include "broker.h"

/* ---- Works ---- */

/* Whether two messages of a group keep their order. */
static bool same_line(const struct group *group, const struct stored *a, const struct stored *b) {
    struct eb_text x = a->message.key, y = b->message.key;

    return group->strict || (x.data && y.data && x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
}

static struct work **bucket_of(struct group *group, const struct stored *stored) {
    struct eb_text key = stored->message.key;
    uint64_t hash = 14695981039346656037u;          /* FNV-1a */

    for (size_t i = 0; i < key.len && !group->strict; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
    return &group->newest[(hash ^ hash >> 32) % BUCKETS];
}

/* The nearest older open work of the same line, or NULL. */
static const struct work *in_front(const struct work *work) {
    const struct work *older = work->older;

    while (older && !same_line(work->group, older->stored, work->stored))
        older = older->older;
    return older;
}

static bool may_have(const struct member *member, const struct work *work, int64_t now) {
    if (work->holder || work->due > now)
        return false;
    const struct work *older = in_front(work);
    return !older || older->holder == member;
}

/* Makes a work of the message at the cursor. False: there is none, or no room for it now. */
static bool admit(struct group *group) {
    if (group->cursor == group->topic->end || group->n_open - group->n_out >= AHEAD)
        return false;
    if (group->n_open == group->room) {
        size_t room = group->room ? group->room * 2 : 64;
        struct work **open = realloc(group->open, room * sizeof *open);
        if (!open)
            return false;
        group->open = open;
        group->room = room;
    }
    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return false;
    work->group = group;
    work->stored = group->topic->row[group->cursor++ - group->topic->low];
    work->stored->refs++;
    work->bucket = bucket_of(group, work->stored);
    work->older = *work->bucket;
    if (work->older)
        work->older->newer = work;
    *work->bucket = work;
    group->open[group->n_open++] = work;
    return true;
}

static void free_work(struct work *work) {
    memory_release(work->stored);
    free(work);
}

/* Takes a work out of its group. */
static void take_out(struct group *group, struct work *work) {
    size_t low = 0, high = group->n_open;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (group->open[middle]->stored->seq <= work->stored->seq)
            low = middle;
        else
            high = middle;
    }
    memmove(group->open + low, group->open + low + 1, (--group->n_open - low) * sizeof(struct work *));
    if (work->older)
        work->older->newer = work->newer;
    if (work->newer)
        work->newer->older = work->older;
    else
        *work->bucket = work->older;
    group->n_out -= work->holder != NULL;
    work->group = NULL;
}

/* ---- Groups ---- */

struct group *memory_group(const struct topic *topic, const char *name) {
    struct group *group = topic->groups;

    while (group && strcmp(group->name, name) != 0)
        group = group->next;
    return group;
}

struct group *memory_group_make(struct topic *topic, const char *name) {
    struct group *group = memory_group(topic, name), **at = &topic->groups;

    if (group || !(group = calloc(1, sizeof *group + strlen(name) + 1)))
        return group;
    strcpy(group->name, name);
    group->topic = topic;
    group->cursor = topic->end;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    group->next = *at;
    return *at = group;
}

void memory_group_remove(struct group *group) {
    struct group **at = &group->topic->groups;

    memory_group_forget(group, INT64_MAX);
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    free(group->open);
    free(group);
}

int64_t memory_group_floor(const struct group *group) {
    return group->n_open ? group->open[0]->stored->seq : group->cursor;
}

void memory_group_forget(struct group *group, int64_t before) {
    while (group->n_open && group->open[0]->stored->seq < before) {
        struct work *work = group->open[0];
        take_out(group, work);
        if (!work->holder)
            free_work(work);
    }
}

/* ---- Members ---- */

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

int32_t memory_join(struct member *member, struct eb_error *err) {
    struct broker *broker = member->broker;

    member->last = broker->serial;
    for (struct topic *topic = broker->topics; topic; topic = topic->next)
        if (memory_wants(member, topic) && !memory_enter(member, topic))
            return memory_used_up(err);
    member->next = broker->members;
    broker->members = member;
    return EB_OK;
}

void memory_leave(struct member *member) {
    struct member **at = &member->broker->members;

    while (*at != member)
        at = &(*at)->next;
    *at = member->next;
    for (struct topic *topic = member->broker->topics; topic; topic = topic->next)
        for (struct group *group = topic->groups; group; group = group->next)
            for (size_t i = 0; i < group->n_open; i++)
                if (group->open[i]->holder == member) {
                    group->open[i]->holder = NULL;
                    group->n_out--;
                }
}

static bool has_room(const struct member *member) {
    const struct eb_subscription *most = member->subscription;

    return (!most->max_messages || member->n_out < most->max_messages) &&
           (!most->max_bytes || member->bytes_out < most->max_bytes);
}

/* What was passed before comes first, in its order, then what is new. */
static size_t claim_from(struct member *member, struct group *group, struct work **got, size_t max, int64_t now) {
    size_t n = 0;

    for (size_t i = 0; n < max && has_room(member) && (i < group->n_open || admit(group)); i++) {
        struct work *work = group->open[i];
        if (!may_have(member, work, now))
            continue;
        work->holder = member;
        work->deliveries++;
        group->n_out++;
        member->n_out++;
        member->bytes_out += work->stored->bytes;
        got[n++] = work;
    }
    return n;
}

size_t memory_claim(struct member *member, struct work **got, size_t max, int64_t now) {
    struct broker *broker = member->broker;
    struct topic *topic = broker->topics;
    size_t n = 0;

    for (size_t i = broker->n_topics ? member->turn++ % broker->n_topics : 0; i > 0; i--)
        topic = topic->next;                        /* another one first each time: none starves */
    for (size_t i = 0; i < broker->n_topics; i++) {
        struct group *group = memory_wants(member, topic) ? memory_enter(member, topic) : NULL;
        if (group)                                  /* entered again, should it have been removed */
            n += claim_from(member, group, got + n, max - n, now);
        topic = topic->next ? topic->next : broker->topics;
    }
    return n;
}

int32_t memory_settle(struct member *member, struct work *work, const struct eb_verdict *verdict, int64_t now) {
    struct group *group = work->group;

    member->n_out--;
    member->bytes_out -= work->stored->bytes;
    if (!group || verdict->kind == EB_ACK) {
        if (group)
            take_out(group, work);
        free_work(work);
        return group ? EB_OK : EB_GONE;
    }
    work->holder = NULL;
    group->n_out--;
    if (verdict->kind == EB_RETRY) {
        work->failures++;
        work->due = now + verdict->delay_ms;
    } else {
        work->deliveries--;                         /* given back untried: as if it had never been out */
    }
    return EB_OK;
}

static const struct group *group_of(const struct member *member, const struct topic *topic) {
    return memory_wants(member, topic) ? memory_group(topic, member->subscription->group) : NULL;
}

int64_t memory_next_due(const struct member *member, int64_t now) {
    int64_t soonest = INT64_MAX;

    for (struct topic *topic = member->broker->topics; topic; topic = topic->next) {
        const struct group *group = group_of(member, topic);
        for (size_t i = 0; group && i < group->n_open; i++) {
            const struct work *work = group->open[i];
            if (!work->holder && work->due > now && work->due < soonest)
                soonest = work->due;
        }
    }
    return soonest;
}

bool memory_at_end(const struct member *member) {
    for (struct topic *topic = member->broker->topics; topic; topic = topic->next) {
        const struct group *group = group_of(member, topic);
        if (!group)
            continue;
        if (group->cursor < topic->end && topic->row[group->cursor - topic->low]->serial <= member->last)
            return false;
        for (size_t i = 0; i < group->n_open && group->open[i]->stored->serial <= member->last; i++) {
            struct work *work = group->open[i];
            const struct work *older = work->holder ? NULL : in_front(work);
            work->elsewhere = work->holder ? work->holder != member : older && older->elsewhere;
            if (!work->elsewhere)
                return false;
        }
    }
    return true;
}
