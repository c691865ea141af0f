/* plugins/memory/admin.c - looking after a broker in this process: topics, groups, browse, seek, trim.
 *
 * An instance is just the broker. The mutex is not held while `each` runs, which may well send or receive: a walk goes on
 * behind the last name, or number, that it told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broker.h"

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    pthread_mutex_lock(&memory_mutex);
    *self = memory_broker(((const struct settings *)settings)->name);
    pthread_mutex_unlock(&memory_mutex);
    if (!*self)
        return memory_used_up(err);
    host->link(host, 1, NULL);
    return EB_OK;
}

static void admin_close(void *self) {
    (void)self;
}

/* ---- Walks ---- */

/* The first topic behind a name; name NULL: the first of all. */
static struct topic *topic_behind(const struct broker *broker, const char *name) {
    struct topic *topic = broker->topics;

    while (topic && name && strcmp(topic->name, name) <= 0)
        topic = topic->next;
    return topic;
}

static int32_t admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *),
                            void *arg, struct eb_error *err) {
    char *name = NULL;
    bool more = true, used_up = false;

    (void)timeout_ms;
    while (more) {
        struct eb_topic_info info = { .size = sizeof info, .partitions = 1 };

        pthread_mutex_lock(&memory_mutex);
        const struct topic *topic = topic_behind(self, name);
        free(name);
        name = topic ? strdup(topic->name) : NULL;
        used_up = topic && !name;
        if (topic) {
            int64_t n = topic->end - topic->low;
            info.messages = n;
            info.bytes = (int64_t)topic->bytes;
            info.oldest_ms = n ? topic->row[0]->message.time_ms : -1;
            info.newest_ms = n ? topic->row[n - 1]->message.time_ms : -1;
        }
        pthread_mutex_unlock(&memory_mutex);
        info.name = name;
        more = name && each(arg, &info) == 0;
    }
    free(name);
    return used_up ? memory_used_up(err) : EB_OK;
}

/* What is told of a group, with the texts that it needs. */
struct row {
    struct row *next;
    struct eb_group_info info;
    char position[24], end[24], names[];
};

static struct row *describe(const struct broker *broker, const struct topic *topic, const struct group *group) {
    size_t topic_len = strlen(topic->name) + 1;
    struct row *row = calloc(1, sizeof *row + topic_len + strlen(group->name) + 1);

    if (!row)
        return NULL;
    strcpy(row->names, topic->name);
    strcpy(row->names + topic_len, group->name);
    snprintf(row->position, sizeof row->position, "%lld", (long long)memory_group_floor(group));
    snprintf(row->end, sizeof row->end, "%lld", (long long)topic->end);
    row->info = (struct eb_group_info){
        .size = sizeof row->info, .topic = row->names, .group = row->names + topic_len, .partition = "",
        .position = row->position, .end = row->end, .unsettled = (int64_t)group->n_out,
        .lag = topic->end - group->cursor + (int64_t)group->n_open };
    for (const struct member *m = broker->members; m; m = m->next)
        row->info.members += strcmp(m->subscription->group, group->name) == 0 && memory_wants(m, topic);
    return row;
}

static int32_t admin_groups(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    const struct broker *broker = self;
    struct row *rows = NULL, **at = &rows;
    bool used_up = false, more = true;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    for (const struct topic *topic = broker->topics; topic; topic = topic->next)
        for (const struct group *group = topic->groups; group && !used_up; group = group->next) {
            if ((topic_name && strcmp(topic_name, topic->name) != 0) ||
                (group_name && strcmp(group_name, group->name) != 0))
                continue;
            *at = describe(broker, topic, group);
            used_up = !*at;
            at = *at ? &(*at)->next : at;
        }
    pthread_mutex_unlock(&memory_mutex);
    while (rows) {
        struct row *row = rows;
        more = more && !used_up && each(arg, &row->info) == 0;
        rows = row->next;
        free(row);
    }
    return used_up ? memory_used_up(err) : EB_OK;
}

static int32_t admin_browse(void *self, const char *name, const struct eb_point *from, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    int32_t status = memory_check(from, err), stop = 0;

    (void)timeout_ms;
    if (status != EB_OK)
        return status;
    pthread_mutex_lock(&memory_mutex);
    struct topic *topic = memory_topic(self, name);
    int64_t at = topic ? memory_find(topic, from) : 0, end = topic ? topic->end : 0;
    status = topic ? EB_OK : EB_END;
    while (!stop && (topic = memory_topic(self, name)) && at < end) {
        at = at < topic->low ? topic->low : at;     /* what was dropped meanwhile is gone */
        if (at >= topic->end)
            break;
        struct stored *stored = topic->row[at++ - topic->low];
        stored->refs++;
        pthread_mutex_unlock(&memory_mutex);
        stop = each(arg, &stored->message);
        pthread_mutex_lock(&memory_mutex);
        memory_release(stored);
    }
    pthread_mutex_unlock(&memory_mutex);
    return status;
}

/* ---- Changes: live members stay; what they have out of a group that was moved answers EB_GONE ---- */

/* The topic, with the mutex locked; NULL, and not locked: there is none, or the point is no position. */
static struct topic *lock_topic(const struct broker *broker, const char *name, const struct eb_point *point,
                                int32_t *status, struct eb_error *err) {
    *status = memory_check(point, err);
    if (*status != EB_OK)
        return NULL;
    pthread_mutex_lock(&memory_mutex);
    struct topic *topic = memory_topic(broker, name);
    if (!topic) {
        pthread_mutex_unlock(&memory_mutex);
        *status = memory_fail(err, EB_PERMANENT, EB_KIND_BROKER, "there is no topic %s in memory broker %s", name,
                              broker->name);
    }
    return topic;
}

/* What of a seek is told, or why there is none. With the mutex. */
static int32_t look_before_seek(const struct topic *topic, const char *topic_name, const struct group *group,
                                const char *group_name, const struct eb_point *to, uint32_t flags, struct eb_error *err) {
    if (!topic && !(flags & EB_CREATE)) {
        memory_fail(err, EB_PERMANENT, EB_KIND_CONFIG, "topic %s does not exist", topic_name);
        return EB_GONE;
    }
    if (!group && !(flags & EB_CREATE)) {
        memory_fail(err, EB_PERMANENT, EB_KIND_CONFIG, "topic %s has no group %s", topic_name, group_name);
        return EB_GONE;
    }
    int64_t end = topic ? topic->end : 1;
    if (to->kind == EB_POSITION && memory_number(to->position.data) > end) {
        memory_fail(err, EB_PERMANENT, EB_KIND_CONFIG, "position %.40s is behind the end of topic %s, which is %lld",
                    to->position.data, topic_name, (long long)end);
        return EB_END;
    }
    return EB_OK;
}

/* With the mutex. False: no memory. */
static bool move_group(struct broker *broker, const char *topic_name, const char *group_name, int64_t to) {
    struct topic *topic = memory_topic_make(broker, topic_name);
    struct group *group = topic ? memory_group_make(topic, group_name) : NULL;

    if (!group)
        return false;
    memory_group_forget(group, INT64_MAX);
    group->cursor = to;
    pthread_cond_broadcast(&broker->arrived);
    return true;
}

static int32_t admin_seek(void *self, const char *topic_name, const char *group_name, const struct eb_point *to,
                          uint32_t flags, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *),
                          void *arg, struct eb_error *err) {
    struct eb_seek_info info = { .size = sizeof info, .partition = "" };
    char before[24], after[24];
    int32_t status = memory_check(to, err);

    (void)timeout_ms;
    if (status != EB_OK)
        return status;
    pthread_mutex_lock(&memory_mutex);
    const struct topic *topic = memory_topic(self, topic_name);
    const struct group *group = topic ? memory_group(topic, group_name) : NULL;
    int64_t at = topic ? memory_find(topic, to) : 1;
    status = look_before_seek(topic, topic_name, group, group_name, to, flags, err);
    if (status == EB_OK && group) {
        snprintf(before, sizeof before, "%lld", (long long)memory_group_floor(group));
        info.before = before;
    }
    if (status == EB_OK && !(flags & EB_DRY_RUN) && !move_group(self, topic_name, group_name, at))
        status = memory_used_up(err);
    pthread_mutex_unlock(&memory_mutex);
    snprintf(after, sizeof after, "%lld", (long long)at);
    info.after = after;
    if (status == EB_OK)
        each(arg, &info);
    return status;
}

static int32_t admin_trim(void *self, const char *name, const struct eb_point *point, int32_t unread_too,
                          int32_t timeout_ms, struct eb_error *err) {
    struct broker *broker = self;
    int32_t status;
    struct topic *topic = lock_topic(broker, name, point, &status, err);

    (void)timeout_ms;
    if (!topic)
        return status;
    int64_t before = memory_find(topic, point);
    for (struct group *group = topic->groups; group; group = group->next) {
        int64_t floor = memory_group_floor(group);
        if (unread_too) {
            memory_group_forget(group, before);
            group->cursor = group->cursor < before ? before : group->cursor;
        } else if (floor < before) {
            before = floor;
        }
    }
    memory_topic_drop(topic, before);
    pthread_cond_broadcast(&broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    return EB_OK;
}

static int32_t admin_create(void *self, const char *name, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    (void)timeout_ms;
    if (partitions > 1)
        return memory_fail(err, EB_PERMANENT, EB_KIND_BROKER, "topic %s with %u partitions: a memory broker has one a "
                           "topic", name, partitions);
    if (flags & EB_DRY_RUN)
        return EB_OK;
    pthread_mutex_lock(&memory_mutex);
    bool made = memory_topic_make(self, name) != NULL;
    pthread_mutex_unlock(&memory_mutex);
    return made ? EB_OK : memory_used_up(err);
}

static int32_t admin_remove(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            struct eb_error *err) {
    struct broker *broker = self;

    (void)timeout_ms;
    (void)err;
    pthread_mutex_lock(&memory_mutex);
    struct topic *topic = memory_topic(broker, topic_name);
    struct group *group = topic && group_name ? memory_group(topic, group_name) : NULL;
    bool found = group_name ? group != NULL : topic != NULL;
    if (group)
        memory_group_remove(group);
    else if (found)
        memory_topic_remove(broker, topic);
    pthread_cond_broadcast(&broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    return found ? EB_OK : EB_GONE;
}

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .open = admin_open,
    .topics = admin_topics,
    .groups = admin_groups,
    .browse = admin_browse,
    .seek = admin_seek,
    .trim = admin_trim,
    .create = admin_create,
    .remove = admin_remove,
    .close = admin_close,
};
