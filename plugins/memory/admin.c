/* plugins/memory/admin.c - lists topics and groups, browses messages, moves groups, trims, creates and removes topics.
 *
 * An instance is just the broker. The mutex is not held while `each` runs, which may send or receive: what is listed is
 * copied before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "broker.h"

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    *self = memory_broker(((const struct settings *)settings)->name);
    if (!*self)
        return memory_exhausted(err);
    host->link(host, 1, NULL);
    return EB_OK;
}

static void admin_close(void *self) {
    (void)self;
}

/* ---- lists ---- */

/* What is reported of a topic, or of a group in it, with the texts that it needs. */
struct row {
    struct row *next;
    struct eb_topic_info topic;
    struct eb_group_info group;
    char position[24], end[24], names[];
};

/* Appends a row of a topic, and of a group in it unless that is NULL. False: no memory. */
static bool add_row(struct row **rows, const struct broker *broker, const struct topic *topic, const struct group *group) {
    size_t topic_room = strlen(topic->name) + 1;
    int64_t n = topic->end - topic->low;
    struct row *row = calloc(1, sizeof *row + topic_room + (group ? strlen(group->name) + 1 : 0));

    if (!row)
        return false;
    LL_APPEND(*rows, row);
    strcpy(row->names, topic->name);
    row->topic = (struct eb_topic_info){ .size = sizeof row->topic,
                                         .name = row->names,
                                         .partitions = 1,
                                         .messages = n,
                                         .bytes = (int64_t)topic->bytes,
                                         .oldest_ms = n ? topic->messages[0]->message.time_ms : -1,
                                         .newest_ms = n ? topic->messages[n - 1]->message.time_ms : -1 };
    if (!group)
        return true;
    snprintf(row->position, sizeof row->position, "%lld", (long long)memory_group_floor(group));
    snprintf(row->end, sizeof row->end, "%lld", (long long)topic->end);
    row->group = (struct eb_group_info){ .size = sizeof row->group,
                                         .topic = row->names,
                                         .group = strcpy(row->names + topic_room, group->name),
                                         .partition = "",
                                         .position = row->position,
                                         .end = row->end,
                                         .unsettled = (int64_t)group->n_inflight,
                                         .lag = topic->end - group->cursor + (int64_t)group->n_pending };
    for (const struct member *member = broker->members; member; member = member->next)
        row->group.members += strcmp(member->subscription->group, group->name) == 0 && memory_wants(member, topic);
    return true;
}

/* Without memory for all rows, none is reported. */
static int32_t report_rows(struct row *rows, bool whole, int32_t (*each_topic)(void *, const struct eb_topic_info *),
                           int32_t (*each_group)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct row *row, *next;
    bool more = whole;

    LL_FOREACH_SAFE(rows, row, next) {
        more = more && (each_topic ? each_topic(arg, &row->topic) : each_group(arg, &row->group)) == 0;
        free(row);
    }
    return whole ? EB_OK : memory_exhausted(err);
}

static int32_t admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                            struct eb_error *err) {
    const struct broker *broker = self;
    struct row *rows = NULL;
    bool whole = true;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    for (const struct topic *topic = broker->topics; topic && whole; topic = topic->next)
        whole = add_row(&rows, broker, topic, NULL);
    pthread_mutex_unlock(&memory_mutex);
    return report_rows(rows, whole, each, NULL, arg, err);
}

static int32_t admin_groups(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    const struct broker *broker = self;
    struct row *rows = NULL;
    bool whole = true;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    for (const struct topic *topic = broker->topics; topic; topic = topic->next)
        for (const struct group *group = topic->groups; group && whole; group = group->next)
            if ((!topic_name || strcmp(topic_name, topic->name) == 0) && (!group_name || strcmp(group_name, group->name) == 0))
                whole = add_row(&rows, broker, topic, group);
    pthread_mutex_unlock(&memory_mutex);
    return report_rows(rows, whole, NULL, each, arg, err);
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
        at = at < topic->low ? topic->low : at; /* dropped since: passed over */
        if (at >= topic->end)
            break;
        struct stored *stored = topic->messages[at++ - topic->low];
        stored->refs++;
        pthread_mutex_unlock(&memory_mutex);
        stop = each(arg, &stored->message);
        pthread_mutex_lock(&memory_mutex);
        memory_release(stored);
    }
    pthread_mutex_unlock(&memory_mutex);
    return status;
}

/* ---- changes: members stay; what they have in flight of a group that was moved is settled with EB_GONE ---- */

static int32_t no_topic(const char *name, struct eb_error *err) {
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %s does not exist", name);
}

/* With the mutex. EB_END: the point is a position behind the end; topic NULL: one that is yet to be made. */
static int32_t check_reach(const struct topic *topic, const char *name, const struct eb_point *point, struct eb_error *err) {
    int64_t end = topic ? topic->end : 1;

    if (point->kind != EB_POSITION || memory_number(point->position.data) <= end)
        return EB_OK;
    return ebp_error_of_kind(err, EB_END, EB_KIND_CONFIG, 0, "position %.40s is behind the end of topic %s, which is %lld",
                             point->position.data, name, (long long)end);
}

/* With the mutex. EB_GONE: the topic or the group does not exist; EB_END: the position is behind the end. */
static int32_t check_seek(const struct topic *topic, const char *topic_name, const struct group *group, const char *group_name,
                          const struct eb_point *to, uint32_t flags, struct eb_error *err) {
    if (!topic && !(flags & EB_CREATE))
        return no_topic(topic_name, err);
    if (!group && !(flags & EB_CREATE))
        return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %s has no group %s", topic_name, group_name);
    return check_reach(topic, topic_name, to, err);
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

static int32_t admin_seek(void *self, const char *topic_name, const char *group_name, const struct eb_point *to, uint32_t flags,
                          int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                          struct eb_error *err) {
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
    status = check_seek(topic, topic_name, group, group_name, to, flags, err);
    if (status == EB_OK && group) {
        snprintf(before, sizeof before, "%lld", (long long)memory_group_floor(group));
        info.before = before;
    }
    if (status == EB_OK && !(flags & EB_DRY_RUN) && !move_group(self, topic_name, group_name, at))
        status = memory_exhausted(err);
    pthread_mutex_unlock(&memory_mutex);
    snprintf(after, sizeof after, "%lld", (long long)at);
    info.after = after;
    if (status == EB_OK)
        each(arg, &info);
    return status;
}

/* With the mutex. */
static void trim(struct topic *topic, int64_t before, bool unread_too) {
    for (struct group *group = topic->groups; group; group = group->next)
        if (!unread_too) {
            before = ebp_earlier(before, memory_group_floor(group));
        } else {
            memory_group_forget(group, before);
            group->cursor = group->cursor < before ? before : group->cursor;
        }
    memory_topic_drop(topic, before);
}

static int32_t admin_trim(void *self, const char *name, const struct eb_point *point, int32_t unread_too, int32_t timeout_ms,
                          struct eb_error *err) {
    struct broker *broker = self;
    int32_t status = memory_check(point, err);

    (void)timeout_ms;
    if (status != EB_OK)
        return status;
    pthread_mutex_lock(&memory_mutex);
    struct topic *topic = memory_topic(broker, name);
    status = topic ? check_reach(topic, name, point, err) : no_topic(name, err);
    if (status == EB_OK)
        trim(topic, memory_find(topic, point), unread_too);
    pthread_cond_broadcast(&broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    return status;
}

static int32_t admin_create(void *self, const char *name, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    (void)timeout_ms;
    if (partitions > 1)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic %s with %u partitions: a memory broker has one a topic", name, partitions);
    if (flags & EB_DRY_RUN)
        return EB_OK;
    pthread_mutex_lock(&memory_mutex);
    bool made = memory_topic_make(self, name) != NULL;
    pthread_mutex_unlock(&memory_mutex);
    return made ? EB_OK : memory_exhausted(err);
}

/* With the mutex. EB_PERMANENT: the group has live members, which would make it anew and get everything again. */
static int32_t check_stopped(const struct broker *broker, const struct topic *topic, const char *group, struct eb_error *err) {
    char names[EB_ERROR_ROOM / 2] = "";
    size_t n = 0;

    for (const struct member *member = broker->members; member; member = member->next) {
        size_t len = strlen(names);
        if (strcmp(member->subscription->group, group) != 0 || !memory_wants(member, topic))
            continue;
        snprintf(names + len, sizeof names - len, "%s%s", n++ ? ", " : "", member->subscription->consumer);
    }
    if (n == 0)
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "group %s of topic %s cannot be removed while %zu member(s) live: %s; stop them first", group,
                             topic->name, n, names);
}

static int32_t admin_remove(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            struct eb_error *err) {
    struct broker *broker = self;

    (void)timeout_ms;
    pthread_mutex_lock(&memory_mutex);
    struct topic *topic = memory_topic(broker, topic_name);
    struct group *group = topic && group_name ? memory_group(topic, group_name) : NULL;
    int32_t status = (group_name ? group != NULL : topic != NULL) ? EB_OK : EB_GONE;
    if (group)
        status = check_stopped(broker, topic, group_name, err);
    if (group && status == EB_OK)
        memory_group_remove(group);
    else if (!group_name && topic)
        memory_topic_remove(broker, topic);
    pthread_cond_broadcast(&broker->arrived);
    pthread_mutex_unlock(&memory_mutex);
    return status;
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
