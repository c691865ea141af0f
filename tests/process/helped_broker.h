/* tests/process/helped_broker.h - the broker of helped_plugin.c: topics in this process, whose messages are packed bytes, and
 * groups that lease them. What a member does not settle or extend in time goes to any other, and the member's verdict comes
 * too late. One mutex guards all of it; each function takes it. */
#ifndef HELPED_BROKER_H
#define HELPED_BROKER_H

#include <eventbus/plugin-help.h>

enum { NAME_ROOM = 300, MEMBERS_MAX = 64 };

struct stored {
    struct ebp_bytes bytes;
    int64_t time_ms;
};

struct topic {
    char name[NAME_ROOM];
    struct stored *stored; /* message number 1 first */
    size_t n, room;
};

/* A message in a group. */
struct share {
    const void *member; /* who has leased it; NULL: nobody */
    int64_t until_ms;   /* by the boot clock */
    uint32_t deliveries;
    bool done;
};

struct group {
    struct topic *topic;
    char name[NAME_ROOM];
    struct share *shares; /* one for each message of the topic, from the first on */
    size_t n, room;
};

struct leased {
    size_t number; /* from 1 on */
    struct eb_text bytes;
    int64_t time_ms;
    uint32_t deliveries;
};

static pthread_mutex_t broker_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct topic **topics;
static struct group **groups;
static size_t n_topics, topics_room, n_groups, groups_room;
static struct ebp_cond_wakeup *members[MEMBERS_MAX]; /* are signalled when there may be something for them */

static inline void broker_signal_members(void) {
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        if (members[i])
            ebp_cond_wakeup_signal(members[i]);
}

/* Puts `to` in the place of `from`, one of which is NULL. */
static inline bool broker_change_member(struct ebp_cond_wakeup *from, struct ebp_cond_wakeup *to) {
    size_t i = 0;

    pthread_mutex_lock(&broker_mutex);
    while (i < MEMBERS_MAX && members[i] != from)
        i++;
    if (i < MEMBERS_MAX)
        members[i] = to;
    pthread_mutex_unlock(&broker_mutex);
    return i < MEMBERS_MAX;
}

static inline struct topic *broker_find_topic(const char *name) {
    for (size_t i = 0; i < n_topics; i++)
        if (strcmp(topics[i]->name, name) == 0)
            return topics[i];
    return NULL;
}

static inline struct topic *broker_make_topic(const char *name) {
    struct topic *topic = broker_find_topic(name);

    if (topic || !EBP_RESERVE(topics, topics_room, n_topics + 1))
        return topic;
    topic = (struct topic *)calloc(1, sizeof *topic);
    if (!topic || !ebp_text_copy(ebp_text_of(name), topic->name, sizeof topic->name)) {
        free(topic);
        return NULL;
    }
    return topics[n_topics++] = topic;
}

/* Stores the bytes, which the broker owns from then on, and returns the message's number; 0: no memory. */
static inline size_t broker_store(const char *name, struct ebp_bytes bytes) {
    struct topic *topic;
    size_t number = 0;

    pthread_mutex_lock(&broker_mutex);
    topic = broker_make_topic(name);
    if (topic && EBP_RESERVE(topic->stored, topic->room, topic->n + 1)) {
        topic->stored[topic->n].bytes = bytes;
        topic->stored[topic->n].time_ms = ebp_wall_ms();
        number = ++topic->n;
        broker_signal_members();
    }
    pthread_mutex_unlock(&broker_mutex);
    return number;
}

/* How many messages of the topic are before the point. */
static inline size_t broker_before(const struct topic *topic, const struct eb_point *start) {
    size_t n = 0;

    if (start->kind == EB_LATEST)
        return topic->n;
    if (start->kind == EB_POSITION)
        n = (size_t)strtoull(start->position.data, NULL, 10);
    if (start->kind == EB_POSITION)
        return n == 0 ? 0 : n - 1 < topic->n ? n - 1 : topic->n;
    while (start->kind == EB_TIME && n < topic->n && topic->stored[n].time_ms < start->time_ms)
        n++;
    return n;
}

/* Makes room for the messages that came since the last look; false: no memory. */
static inline bool broker_grow_group(struct group *group) {
    if (!EBP_RESERVE(group->shares, group->room, group->topic->n))
        return false;
    for (; group->n < group->topic->n; group->n++)
        memset(&group->shares[group->n], 0, sizeof *group->shares);
    return true;
}

/* The group, made where `start` says if there is none; NULL: the topic does not exist, or no memory. *end: how many messages
 * the topic has. */
static inline struct group *broker_group(const char *topic_name, const char *name, const struct eb_point *start, size_t *end) {
    struct group *group = NULL, *made;
    struct topic *topic;

    pthread_mutex_lock(&broker_mutex);
    topic = broker_find_topic(topic_name);
    *end = topic ? topic->n : 0;
    for (size_t i = 0; topic && i < n_groups; i++)
        if (groups[i]->topic == topic && strcmp(groups[i]->name, name) == 0)
            group = groups[i];
    made = topic && !group && EBP_RESERVE(groups, groups_room, n_groups + 1) ? (struct group *)calloc(1, sizeof *made) : NULL;
    if (made) {
        made->topic = topic;
        if (ebp_text_copy(ebp_text_of(name), made->name, sizeof made->name) && broker_grow_group(made)) {
            for (size_t i = broker_before(topic, start); i > 0; i--)
                made->shares[i - 1].done = true;
            group = groups[n_groups++] = made;
        } else {
            free(made);
        }
    }
    pthread_mutex_unlock(&broker_mutex);
    return group;
}

/* Leases the first message that nobody has. Returns false if there is none. */
static inline bool broker_lease(struct group *group, const void *member, int64_t until_ms, struct leased *got) {
    int64_t now_ms = ebp_boottime_ms();
    struct share *share = NULL;
    size_t i = 0;

    pthread_mutex_lock(&broker_mutex);
    if (broker_grow_group(group))
        while (i < group->n && (group->shares[i].done || (group->shares[i].member && now_ms < group->shares[i].until_ms)))
            i++;
    if (i < group->n) {
        share = &group->shares[i];
        share->member = member;
        share->until_ms = until_ms;
        got->number = i + 1;
        got->bytes = ebp_text((const char *)group->topic->stored[i].bytes.data, group->topic->stored[i].bytes.len);
        got->time_ms = group->topic->stored[i].time_ms;
        got->deliveries = ++share->deliveries;
    }
    pthread_mutex_unlock(&broker_mutex);
    return share != NULL;
}

/* Whether the member still has the message. It is settled for good (done), given to any other member, or kept until until_ms
 * if that is not 0. */
static inline bool broker_settle(struct group *group, const struct leased *one, const void *member, bool done,
                                 int64_t until_ms) {
    bool held;

    pthread_mutex_lock(&broker_mutex);
    struct share *share = &group->shares[one->number - 1];
    held = share->member == member && share->deliveries == one->deliveries && ebp_boottime_ms() < share->until_ms;
    if (held) {
        share->done = done;
        share->until_ms = until_ms;
        share->member = until_ms ? member : NULL;
        broker_signal_members();
    }
    pthread_mutex_unlock(&broker_mutex);
    return held;
}

/* Whether the group is done with the first `end` messages, but for those that other members hold. */
static inline bool broker_at_end(const struct group *group, size_t end, const void *member) {
    int64_t now_ms = ebp_boottime_ms();
    bool at_end = true;

    pthread_mutex_lock(&broker_mutex);
    for (size_t i = 0; i < end && at_end; i++)
        at_end = i < group->n && (group->shares[i].done || (group->shares[i].member && group->shares[i].member != member &&
                                                            now_ms < group->shares[i].until_ms));
    pthread_mutex_unlock(&broker_mutex);
    return at_end;
}

#endif
