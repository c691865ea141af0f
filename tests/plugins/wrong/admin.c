/* tests/plugins/wrong/admin.c - the admin: lists, reads, moves, trims, makes and removes. */
#include "wrong.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct admin {
    const struct eb_host *host;
};

int32_t wrong_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct admin *admin;
    int32_t status = wrong_open(settings, err);

    if (status != EB_OK)
        return status;
    if (!(admin = calloc(1, sizeof *admin)))
        abort();
    admin->host = host;
    *self = admin;
    return EB_OK;
}

void wrong_admin_close(void *self) {
    free(self);
}

/* ---- lists ---- */

int32_t wrong_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                           struct eb_error *err) {
    int32_t stop = 0;

    (void)self, (void)timeout_ms, (void)err;
    wrong_lock();
    for (struct topic *topic = broker->topics; topic && !stop; topic = topic->next) {
        struct eb_topic_info info = { .size = sizeof info,
                                      .name = topic->name,
                                      .partitions = 1,
                                      .messages = (int64_t)(topic->n - topic->first),
                                      .bytes = -1,
                                      .oldest_ms = -1,
                                      .newest_ms = -1 };
        stop = each(arg, &info) && !is("walks-on");
    }
    wrong_unlock();
    return EB_OK;
}

static size_t first_left(const struct group *group) {
    size_t i = group->low;

    while (i < group->n && group->entries[i].state == DONE)
        i++;
    return i;
}

static struct member *live_member(const struct group *group) {
    for (struct member *member = broker->members; member; member = member->next)
        for (size_t g = 0; !member->gone && g < member->n_groups; g++)
            if (member->groups[g] == group)
                return member;
    return NULL;
}

static int64_t count_members(const struct group *group) {
    int64_t n = 0;

    for (const struct member *member = broker->members; member; member = member->next)
        for (size_t g = 0; !member->gone && g < member->n_groups; g++)
            n += member->groups[g] == group;
    return n;
}

static size_t behind_the_last(const struct group *group) {
    size_t n = group->n;

    while (n > 0 && group->entries[n - 1].state != OUT && group->entries[n - 1].state != DONE)
        n--;
    return n;
}

static int32_t list_group(struct group *group, int32_t (*each)(void *, const struct eb_group_info *), void *arg) {
    char position[24], end[24];
    struct eb_group_info info = { .size = sizeof info,
                                  .topic = group->topic->name,
                                  .group = group->name,
                                  .partition = "",
                                  .position = position,
                                  .end = end };

    wrong_follow(group);
    for (size_t i = 0; i < group->n; i++) {
        const struct entry *entry = &group->entries[i];
        info.unsettled += entry->state == OUT;
        info.lag += entry->state != DONE && !(is("leaves-out-what-was-returned") && entry->returned);
    }
    if (is("takes-what-is-out-for-settled"))
        info.lag -= info.unsettled;
    info.members = count_members(group);
    snprintf(position, sizeof position, "%zu", is("goes-on-behind-the-last") ? behind_the_last(group) : first_left(group));
    snprintf(end, sizeof end, "%zu", group->topic->n);
    return each(arg, &info);
}

int32_t wrong_admin_groups(void *self, const char *topic, const char *name, int32_t timeout_ms,
                           int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    int32_t stop = 0;

    (void)self, (void)timeout_ms, (void)err;
    wrong_lock();
    wrong_bury_the_dead();
    for (struct group *group = broker->groups; group && !stop; group = group->next)
        if ((!topic || strcmp(topic, group->topic->name) == 0) && (!name || strcmp(name, group->name) == 0))
            stop = list_group(group, each, arg);
    wrong_unlock();
    return EB_OK;
}

/* ---- browse ---- */

/* Faults: what a browse leaves behind. */
static void leave_traces(const struct topic *topic) {
    for (struct group *group = broker->groups; group; group = group->next) {
        if (group->topic != topic)
            continue;
        for (size_t i = 0; i < group->n && is("browse-acknowledges"); i++)
            group->entries[i].state = DONE;
        if (is("browse-takes-from-the-living") && live_member(group))
            group->start = topic->n + 3; /* the group misses the next ones */
    }
}

int32_t wrong_admin_browse(void *self, const char *name, const struct eb_point *from, int32_t timeout_ms,
                           int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct topic *topic;
    int32_t status = wrong_point_check(from, err), stop = 0;
    int64_t end_ms = wrong_now_ms(CLOCK_MONOTONIC) + timeout_ms;
    size_t first, n;

    (void)self;
    if (status != EB_OK)
        return status;
    wrong_lock();
    topic = wrong_topic(name);
    status = topic ? wrong_point_first(topic, from, &first, err) : EB_END;
    n = topic ? topic->n : 0;
    if (status == EB_OK && from->kind == EB_TIME && is("browses-times-from-the-start"))
        first = topic->first;
    for (size_t i = first; status == EB_OK && i < n && !stop; i++) {
        stop = each(arg, &topic->messages[i]->message);
        if (is("counts-the-time-of-each") && wrong_now_ms(CLOCK_MONOTONIC) > end_ms)
            status = wrong_error(err, EB_RETRIABLE, "browsing topic %s took too long", name);
    }
    if (status == EB_OK)
        leave_traces(topic);
    wrong_unlock();
    return status;
}

/* ---- seek and trim ---- */

static int32_t gone(struct eb_error *err, const char *what, const char *name) {
    return wrong_error(err, EB_GONE, "%s %s does not exist", what, name);
}

static void move(struct group *group, size_t first) {
    wrong_follow(group);
    for (size_t i = 0; i < group->n; i++)
        group->entries[i] = (struct entry){ .state = i < first || i < group->topic->first ? DONE : WAITING };
    group->low = 0;
    group->start = first;
    wrong_notify();
}

static int32_t find_move(const struct topic *topic, const struct group *group, const struct eb_point *to, size_t *first,
                         struct eb_error *err) {
    struct member *member = group ? live_member(group) : NULL;
    int32_t status = wrong_point_first(topic, to, first, err);

    if (status == EB_END && is("seeks-behind-the-end")) {
        *first = topic->n;
        status = EB_OK;
    }
    if (status == EB_OK && to->kind == EB_TIME && is("seeks-times-to-the-end"))
        *first = topic->n;
    if (status == EB_OK && member && !is("moves-no-live-group"))
        return wrong_error(err, EB_PERMANENT, "the group has a live member, %s", member->name);
    return status;
}

static int32_t seek_locked(const char *name, const char *group_name, const struct eb_point *to, uint32_t flags,
                           int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *err) {
    struct topic *topic = wrong_topic(name);
    struct group *group = topic ? wrong_group(topic, group_name) : NULL;
    char before[24], after[24];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .before = group ? before : NULL, .after = after };
    size_t first = 0;
    int32_t status;

    if (!(flags & EB_CREATE) && !group)
        return topic ? gone(err, "group", group_name) : gone(err, "topic", name);
    wrong_bury_the_dead();
    status = find_move(topic, group, to, &first, err);
    if (status != EB_OK)
        return status;
    if (group) {
        wrong_follow(group);
        snprintf(before, sizeof before, "%zu", first_left(group));
    }
    snprintf(after, sizeof after, "%zu", first);
    if (!(flags & EB_DRY_RUN) && !is("seeks-nothing") && !(group && live_member(group)))
        move(wrong_make_group(wrong_make_topic(name), group_name, first), first);
    each(arg, &info);
    return EB_OK;
}

int32_t wrong_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                         int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                         struct eb_error *err) {
    int32_t status = wrong_point_check(to, err);

    (void)self, (void)timeout_ms;
    if (status != EB_OK)
        return status;
    wrong_lock();
    status = seek_locked(topic, group, to, flags, each, arg, err);
    wrong_unlock();
    return status;
}

static int32_t trim_locked(const char *name, const struct eb_point *before, int32_t unread_too, struct eb_error *err) {
    struct topic *topic = wrong_topic(name);
    size_t first;
    int32_t status = topic ? wrong_point_first(topic, before, &first, err) : gone(err, "topic", name);

    if (status == EB_END && is("trims-to-a-point-behind-the-end")) {
        first = topic->n;
        status = EB_OK;
    }
    if (status != EB_OK || (before->kind == EB_TIME && is("trims-by-no-time")))
        return status;
    for (struct group *group = broker->groups; group && !unread_too && !is("trims-what-is-unread"); group = group->next)
        if (group->topic == topic) {
            wrong_follow(group);
            if (is("trims-under-a-new-group") && first_left(group) == group->start)
                continue;
            if (first_left(group) < first)
                first = first_left(group);
        }
    for (struct group *group = broker->groups; group; group = group->next)
        for (size_t i = 0; group->topic == topic && i < group->n && i < first; i++)
            group->entries[i].state = DONE;
    if (first > topic->first)
        topic->first = first;
    return EB_OK;
}

int32_t wrong_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                         struct eb_error *err) {
    int32_t status = wrong_point_check(before, err);

    (void)self, (void)timeout_ms;
    if (status != EB_OK)
        return status;
    wrong_lock();
    status = trim_locked(topic, before, unread_too, err);
    wrong_unlock();
    return status;
}

/* ---- create and remove ---- */

int32_t wrong_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                           struct eb_error *err) {
    (void)self, (void)timeout_ms;
    if (partitions > 1)
        return wrong_error(err, EB_PERMANENT, "topic %s cannot have %u partitions: a topic has one here", topic, partitions);
    wrong_lock();
    if (!(flags & EB_DRY_RUN) || is("makes-topics-at-a-dry-run"))
        wrong_make_topic(topic);
    wrong_notify();
    wrong_unlock();
    return EB_OK;
}

static int32_t remove_groups(const struct topic *topic, const char *name, struct eb_error *err) {
    struct group **at = &broker->groups;
    int32_t status = EB_GONE;

    while (*at) {
        struct member *member = name ? live_member(*at) : NULL;
        if ((*at)->topic != topic || (name && strcmp((*at)->name, name) != 0)) {
            at = &(*at)->next;
            continue;
        }
        if (member && !is("removes-live-groups"))
            return wrong_error(err, EB_PERMANENT, "the group has a live member, %s", member->name);
        status = EB_OK;
        if (is("removes-no-group"))
            return status;
        *at = (*at)->next;
    }
    return status;
}

static int32_t remove_topic(struct topic *topic) {
    struct topic **at = &broker->topics;

    while (*at != topic)
        at = &(*at)->next;
    *at = topic->next;
    return EB_OK;
}

int32_t wrong_admin_remove(void *self, const char *name, const char *group, int32_t timeout_ms, struct eb_error *err) {
    struct topic *topic;
    int32_t status = EB_GONE;

    (void)self, (void)timeout_ms;
    wrong_lock();
    wrong_bury_the_dead();
    topic = wrong_topic(name);
    if (topic)
        status = remove_groups(topic, group, err);
    if (topic && !group)
        status = remove_topic(topic);
    if (status == EB_GONE)
        gone(err, topic ? "group" : "topic", topic ? group : name);
    wrong_unlock();
    return status;
}
