/* admin.c - lists topics and groups, browses messages, moves groups, trims, creates and removes topics.
 *
 * FILL IN: the role is optional, and so is each op except open and close; delete what your broker cannot do. Each op asks the
 * broker and waits for its answer, timeout_ms at most. */
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct admin {
    const struct eb_host *host;
    struct address address;
    struct stub_client *client;
};

static void on_connection(void *arg, bool up, const char *why) {
    const struct admin *a = arg;

    acme_link(a->host, &a->address, up, why);
}

static int32_t admin_open(const struct eb_host *host, const void *given, void **self, struct eb_error *err) {
    static const struct stub_callbacks callbacks = { .connection = on_connection };
    const struct settings *settings = given;
    struct admin *a = calloc(1, sizeof *a);

    if (!a)
        return acme_no_memory(err);
    a->host = host;
    acme_address(settings->url, &a->address);
    a->client = stub_connect(a->address.host, a->address.name, settings->away_file, NULL, &callbacks, a);
    if (!a->client) {
        free(a);
        return acme_no_memory(err);
    }
    *self = a;
    return EB_OK;
}

static void admin_close(void *self) {
    struct admin *a = self;

    stub_close(a->client);
    free(a);
}

/* Waits for the connection. */
static int32_t reach(const struct admin *a, int32_t timeout_ms, struct eb_error *err) {
    if (stub_wait_connected(a->client, timeout_ms))
        return EB_OK;
    return ebp_error(err, EB_RETRIABLE, 0, "cannot reach the broker at %s in %d ms", a->address.host, timeout_ms);
}

static void print_number(char text[24], uint64_t number) {
    snprintf(text, 24, "%llu", (unsigned long long)number);
}

/* ---- lists ---- */

static int32_t admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                            struct eb_error *err) {
    const struct admin *a = self;
    struct stub_topic_info found = { .name = "" };
    int32_t status = reach(a, timeout_ms, err);

    while (status == EB_OK && stub_next_topic(a->client, &found)) {
        const struct eb_topic_info info = { .size = sizeof info,
                                            .name = found.name,
                                            .partitions = 1,
                                            .messages = (int64_t)(found.end - found.first),
                                            .bytes = (int64_t)found.bytes, /* FILL IN: -1 where the broker does not tell */
                                            .oldest_ms = found.oldest_ms,
                                            .newest_ms = found.newest_ms };
        if (each(arg, &info) != 0)
            break;
    }
    return status;
}

/* Returns whether to go on. */
static bool tell_group(const struct stub_topic_info *topic, const struct stub_group_info *group,
                       int32_t (*each)(void *, const struct eb_group_info *), void *arg) {
    char position[24], end[24];
    const struct eb_group_info info = { .size = sizeof info,
                                        .topic = topic->name,
                                        .group = group->name,
                                        .partition = "", /* FILL IN: one call for each partition */
                                        .position = position,
                                        .end = end,
                                        .lag = (int64_t)group->lag,
                                        .unsettled = (int64_t)group->in_flight,
                                        .members = (int64_t)group->members };

    print_number(position, group->position);
    print_number(end, topic->end);
    return each(arg, &info) == 0;
}

static int32_t admin_groups(void *self, const char *topic_name, const char *group_name, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    const struct admin *a = self;
    struct stub_topic_info topic = { .name = "" };
    int32_t status = reach(a, timeout_ms, err);
    bool more = status == EB_OK;

    while (more && stub_next_topic(a->client, &topic)) {
        struct stub_group_info group = { .name = "" };
        if (topic_name && strcmp(topic_name, topic.name) != 0)
            continue;
        while (more && stub_next_group(a->client, topic.name, &group))
            if (!group_name || strcmp(group_name, group.name) == 0)
                more = tell_group(&topic, &group, each, arg);
    }
    return status;
}

struct browsing {
    int32_t (*each)(void *, const struct eb_message *);
    void *arg;
    bool stopped;
};

static int32_t show(void *arg, const struct eb_message *message) {
    struct browsing *browsing = arg;

    browsing->stopped = browsing->each(browsing->arg, message) != 0;
    return EB_OK;
}

static int32_t admin_browse(void *self, const char *name, const struct eb_point *from, int32_t timeout_ms,
                            int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    const struct admin *a = self;
    struct browsing browsing = { .each = each, .arg = arg };
    struct stub_topic_info topic;
    struct stub_message *message;
    struct stub_point point;
    int32_t status = acme_point(from, &point, err);

    if (status == EB_OK)
        status = reach(a, timeout_ms, err);
    if (status != EB_OK)
        return status;
    if (!stub_topic(a->client, name, &topic)) /* its end, once: what comes meanwhile is not read */
        return EB_END;
    uint64_t at = stub_find(a->client, name, &point);
    while (status == EB_OK && !browsing.stopped && at < topic.end) {
        if (!stub_read(a->client, name, at, &message))
            return acme_no_memory(err);
        if (!message)
            break;
        at = message->number + 1;
        if (at <= topic.end)
            status = acme_give(message, 0, show, &browsing, err);
        stub_message_free(message);
    }
    return status;
}

/* ---- changes ---- */

static int32_t no_topic(const char *name, struct eb_error *err) {
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %s does not exist", name);
}

/* EB_END: the position is after the end. */
static int32_t check_reach(const char *name, uint64_t end, const struct stub_point *point, struct eb_error *err) {
    if (point->where != STUB_AT_NUMBER || (uint64_t)point->value <= end)
        return EB_OK;
    return ebp_error_of_kind(err, EB_END, EB_KIND_CONFIG, 0, "position %lld is after the end of topic %s, which is %llu",
                             (long long)point->value, name, (unsigned long long)end);
}

static int32_t admin_seek(void *self, const char *topic_name, const char *group_name, const struct eb_point *to, uint32_t flags,
                          int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                          struct eb_error *err) {
    const struct admin *a = self;
    struct stub_topic_info topic;
    struct stub_group_info group;
    struct stub_point point;
    char before[24], after[24];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .after = after };
    int32_t status = acme_point(to, &point, err);

    if (status == EB_OK)
        status = reach(a, timeout_ms, err);
    if (status != EB_OK)
        return status;
    bool has_topic = stub_topic(a->client, topic_name, &topic),
         has_group = stub_group(a->client, topic_name, group_name, &group);
    if (!has_topic && !(flags & EB_CREATE))
        return no_topic(topic_name, err);
    if (!has_group && !(flags & EB_CREATE))
        return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %s has no group %s", topic_name, group_name);
    status = acme_name("topic", topic_name, err);
    if (status == EB_OK)
        status = acme_name("group", group_name, err);
    if (status == EB_OK)
        status = check_reach(topic_name, has_topic ? topic.end : 1, &point, err);
    if (status != EB_OK)
        return status;
    uint64_t number = has_topic ? stub_find(a->client, topic_name, &point) : 1;
    if (!(flags & EB_DRY_RUN) && !stub_move_group(a->client, topic_name, group_name, number))
        return acme_no_memory(err);
    if (has_group) {
        print_number(before, group.position);
        info.before = before;
    }
    print_number(after, number);
    each(arg, &info);
    return EB_OK;
}

static int32_t admin_trim(void *self, const char *name, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                          struct eb_error *err) {
    const struct admin *a = self;
    struct stub_topic_info topic;
    struct stub_point point;
    int32_t status = acme_point(before, &point, err);

    if (status == EB_OK)
        status = reach(a, timeout_ms, err);
    if (status == EB_OK)
        status = stub_topic(a->client, name, &topic) ? check_reach(name, topic.end, &point, err) : no_topic(name, err);
    if (status == EB_OK && !stub_trim(a->client, name, stub_find(a->client, name, &point), unread_too != 0))
        status = no_topic(name, err); /* removed meanwhile */
    return status;
}

static int32_t admin_create(void *self, const char *name, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    const struct admin *a = self;
    int32_t status = reach(a, timeout_ms, err);

    if (status != EB_OK)
        return status;
    if (partitions > 1)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic %s with %u partitions: this broker has no partitions", name, partitions);
    if (acme_name("topic", name, err) != EB_OK)
        return EB_PERMANENT;
    return (flags & EB_DRY_RUN) || stub_create_topic(a->client, name) ? EB_OK : acme_no_memory(err);
}

static int32_t admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    const struct admin *a = self;
    struct stub_group_info info;
    int32_t status = reach(a, timeout_ms, err);

    if (status != EB_OK)
        return status;
    if (!group)
        return stub_remove_topic(a->client, topic) ? EB_OK : EB_GONE;
    /* Live members would make the group anew, and get everything again. */
    if (stub_group(a->client, topic, group, &info) && info.members > 0)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "group %s of topic %s cannot be removed while members live: %s (%llu in all); stop them first",
                                 group, topic, info.member, (unsigned long long)info.members);
    return stub_remove_group(a->client, topic, group) ? EB_OK : EB_GONE;
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
