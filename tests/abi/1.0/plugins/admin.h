/* tests/abi/1.0/plugins/admin.h - the admin role of the plugin of c11.c. */
#ifndef ADMIN_H
#define ADMIN_H

#include "store.h"

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)settings, (void)err;
    host->link(host, 1, NULL);
    *self = (void *)(uintptr_t)host;
    return EB_OK;
}

static void admin_close(void *self) {
    (void)self;
}

/* The lock is not held while `each` runs, which may send; topics and groups are never removed. */
static int32_t admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                            struct eb_error *err) {
    bool more = true;

    (void)self, (void)timeout_ms, (void)err;
    pthread_mutex_lock(&lock);
    for (const struct topic *topic = topics; topic && more; topic = topic->next) {
        struct eb_topic_info info = { .size = sizeof info,
                                      .name = topic->name,
                                      .partitions = 1,
                                      .messages = (int64_t)topic->n,
                                      .bytes = -1,
                                      .oldest_ms = topic->n ? topic->messages[0]->message.time_ms : -1,
                                      .newest_ms = topic->n ? topic->messages[topic->n - 1]->message.time_ms : -1 };

        GIVE(struct eb_topic_info, info, messages);
        pthread_mutex_unlock(&lock);
        more = each(arg, &info) == 0;
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return EB_OK;
}

static void count(const struct group *group, struct eb_group_info *info) {
    info->lag = (int64_t)(group->topic->n - group->n);
    for (size_t i = group->first; i < group->n; i++) {
        info->lag += group->entries[i]->state != DONE;
        info->unsettled += group->entries[i]->state == OUT;
    }
    for (const struct consumer *c = consumers; c; c = c->next)
        for (size_t i = 0; i < c->sub->n_topics; i++)
            info->members += c->readings[i].group == group;
}

static int32_t admin_groups(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    bool more = true;

    (void)self, (void)timeout_ms, (void)err;
    pthread_mutex_lock(&lock);
    for (const struct topic *topic = topics; topic && more; topic = topic->next)
        for (struct group *group = topic->groups; group && more; group = group->next) {
            char position[24], end[24];
            struct eb_group_info info = { .size = sizeof info, .topic = topic->name, .group = group->name, .partition = "" };

            if ((topic_name && strcmp(topic_name, topic->name) != 0) || (group_name && strcmp(group_name, group->name) != 0))
                continue;
            follow(group);
            count(group, &info);
            snprintf(position, sizeof position, "%zu", group->first);
            snprintf(end, sizeof end, "%zu", topic->n);
            info.position = position;
            info.end = end;
            GIVE(struct eb_group_info, info, members);
            pthread_mutex_unlock(&lock);
            more = each(arg, &info) == 0;
            pthread_mutex_lock(&lock);
        }
    pthread_mutex_unlock(&lock);
    return EB_OK;
}

static int32_t admin_browse(void *self, const char *name, const struct eb_point *from, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    bool more = true, beyond;
    size_t end;

    (void)self, (void)timeout_ms;
    if (!is_number(from))
        return fail(err, EB_PERMANENT, EB_KIND_CONFIG, "a position is a number, and not", from->position.data);
    pthread_mutex_lock(&lock);
    const struct topic *topic = find_topic(name);
    end = topic ? topic->n : 0;
    for (size_t i = topic ? place_of(topic, from, &beyond) : 0; i < end && more; i++) {
        struct eb_message message = topic->messages[i]->message;

        GIVE(struct eb_message, message, n_headers);
        pthread_mutex_unlock(&lock);
        more = each(arg, &message) == 0;
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return topic ? EB_OK : EB_END;
}

/* Under the lock. */
static int32_t seek(const char *topic_name, const char *group_name, const struct eb_point *to, uint32_t flags, size_t *before,
                    size_t *after, struct eb_error *err) {
    struct topic *topic = find_topic(topic_name);
    struct group *group = topic ? find_group(topic, group_name) : NULL;
    bool beyond = to->kind == EB_POSITION && strcmp(to->position.data, "0") != 0;

    *before = SIZE_MAX;
    *after = 0;
    if (!group && !(flags & EB_CREATE)) {
        fail(err, EB_PERMANENT, EB_KIND_CONFIG, topic ? "the topic has no group" : "there is no topic",
             topic ? group_name : topic_name);
        return EB_GONE;
    }
    if (topic)
        *after = place_of(topic, to, &beyond);
    if (beyond) {
        fail(err, EB_PERMANENT, EB_KIND_CONFIG, "behind the end is position", to->position.data);
        return EB_END;
    }
    if (group) {
        follow(group);
        *before = group->first;
    }
    if (flags & EB_DRY_RUN)
        return EB_OK;
    topic = make_topic(topic_name);
    move_group(group ? group : make_group(topic, group_name), *after);
    return EB_OK;
}

static int32_t admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                          int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                          struct eb_error *err) {
    char before[24], after[24];
    size_t from, place;
    int32_t status;

    (void)self, (void)timeout_ms;
    if (!is_number(to))
        return fail(err, EB_PERMANENT, EB_KIND_CONFIG, "a position is a number, and not", to->position.data);
    pthread_mutex_lock(&lock);
    status = seek(topic, group, to, flags, &from, &place, err);
    pthread_mutex_unlock(&lock);
    if (status != EB_OK)
        return status;
    snprintf(before, sizeof before, "%zu", from);
    snprintf(after, sizeof after, "%zu", place);
    struct eb_seek_info info = {
        .size = sizeof info, .partition = "", .before = from == SIZE_MAX ? NULL : before, .after = after
    };
    each(arg, &info);
    return EB_OK;
}

static int32_t admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    int32_t status = EB_OK;

    (void)self, (void)timeout_ms;
    pthread_mutex_lock(&lock);
    if (partitions > 1 && !find_topic(topic))
        status = fail(err, EB_PERMANENT, EB_KIND_CONFIG, "one partition is all that there is for topic", topic);
    else if (!(flags & EB_DRY_RUN))
        make_topic(topic);
    pthread_mutex_unlock(&lock);
    return status;
}

#endif
