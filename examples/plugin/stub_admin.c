/* stub_admin.c - the stub's requests for administration. FILL IN: delete it; see stub.h. */
#include "stub_broker.h"

#include <stdlib.h>
#include <string.h>

/* Each request is one section under the mutex; begin finds the topic. */
static struct topic *begin(struct stub_client *client, const char *name) {
    pthread_mutex_lock(&stub_mutex);
    return stub_topic_of(stub_broker_of(client), name);
}

static void end(void) {
    pthread_mutex_unlock(&stub_mutex);
}

static void end_change(struct stub_client *client) {
    pthread_cond_broadcast(&stub_broker_of(client)->changed);
    pthread_mutex_unlock(&stub_mutex);
}

static void tell_topic(const struct topic *topic, struct stub_topic_info *info) {
    size_t n = topic->n;

    *info = (struct stub_topic_info){ .first = topic->first,
                                      .end = stub_end(topic),
                                      .oldest_ms = n ? topic->stored[0]->stored_ms : -1,
                                      .newest_ms = n ? topic->stored[n - 1]->stored_ms : -1 };
    strcpy(info->name, topic->name);
    for (size_t i = 0; i < n; i++)
        info->bytes += topic->stored[i]->len;
}

static void tell_group(const struct broker *broker, const struct topic *topic, const struct group *group,
                       struct stub_group_info *info) {
    *info = (struct stub_group_info){ .position = stub_floor(group), .lag = stub_end(topic) - group->cursor + group->n };
    strcpy(info->name, group->name);
    for (size_t i = 0; i < group->n; i++)
        info->in_flight += group->pending[i].holder != NULL;
    for (const struct member *member = broker->members; member; member = member->next)
        if (strcmp(member->subscription->group, group->name) == 0 && member->wants(member->arg, topic->name)) {
            strncpy(info->member, member->subscription->member, sizeof info->member - 1);
            info->members++;
        }
}

bool stub_topic(struct stub_client *client, const char *name, struct stub_topic_info *info) {
    const struct topic *topic = begin(client, name);

    if (topic)
        tell_topic(topic, info);
    end();
    return topic;
}

bool stub_next_topic(struct stub_client *client, struct stub_topic_info *info) {
    const struct topic *topic;

    begin(client, "");
    topic = stub_broker_of(client)->topics;
    while (topic && strcmp(topic->name, info->name) <= 0)
        topic = topic->next;
    if (topic)
        tell_topic(topic, info);
    end();
    return topic;
}

bool stub_group(struct stub_client *client, const char *topic_name, const char *name, struct stub_group_info *info) {
    const struct topic *topic = begin(client, topic_name);
    const struct group *group = topic ? stub_group_of(topic, name) : NULL;

    if (group)
        tell_group(stub_broker_of(client), topic, group, info);
    end();
    return group;
}

bool stub_next_group(struct stub_client *client, const char *topic_name, struct stub_group_info *info) {
    const struct topic *topic = begin(client, topic_name);
    const struct group *group = topic ? topic->groups : NULL;

    while (group && strcmp(group->name, info->name) <= 0)
        group = group->next;
    if (group)
        tell_group(stub_broker_of(client), topic, group, info);
    end();
    return group;
}

uint64_t stub_find(struct stub_client *client, const char *name, const struct stub_point *point) {
    const struct topic *topic = begin(client, name);
    uint64_t number = topic ? stub_at(topic, point) : 0;

    end();
    return number;
}

bool stub_read(struct stub_client *client, const char *name, uint64_t number, struct stub_message **message) {
    const struct topic *topic = begin(client, name);
    bool found = topic && number < stub_end(topic);

    *message = NULL;
    if (found)
        *message = stub_delivery(topic->stored[number < topic->first ? 0 : number - topic->first]);
    end();
    return !found || *message;
}

bool stub_create_topic(struct stub_client *client, const char *name) {
    begin(client, name);
    bool made = stub_make_topic(stub_broker_of(client), name);
    end_change(client);
    return made;
}

bool stub_remove_topic(struct stub_client *client, const char *name) {
    struct topic *topic = begin(client, name), **at = &stub_broker_of(client)->topics;

    while (topic && *at != topic)
        at = &(*at)->next;
    if (topic) {
        *at = topic->next;
        while (topic->groups) {
            struct group *group = topic->groups;
            topic->groups = group->next;
            stub_free_group(group);
        }
        stub_drop(topic, stub_end(topic));
        free(topic->stored);
        free(topic);
    }
    end_change(client);
    return topic;
}

bool stub_remove_group(struct stub_client *client, const char *topic_name, const char *name) {
    struct topic *topic = begin(client, topic_name);
    struct group *group = topic ? stub_group_of(topic, name) : NULL, **at = topic ? &topic->groups : NULL;

    while (group && *at != group)
        at = &(*at)->next;
    if (group) {
        *at = group->next;
        stub_free_group(group);
    }
    end_change(client);
    return group;
}

bool stub_move_group(struct stub_client *client, const char *topic_name, const char *name, uint64_t number) {
    struct topic *topic;
    struct group *group;

    begin(client, topic_name);
    topic = stub_make_topic(stub_broker_of(client), topic_name);
    group = topic ? stub_make_group(topic, name, number) : NULL;
    if (group) {
        stub_forget(group, UINT64_MAX);
        group->cursor = number < topic->first ? topic->first : number; /* trimmed since the number was found */
    }
    end_change(client);
    return group;
}

bool stub_trim(struct stub_client *client, const char *name, uint64_t before, bool unread_too) {
    struct topic *topic = begin(client, name);

    for (struct group *group = topic ? topic->groups : NULL; group; group = group->next)
        if (!unread_too) {
            before = before < stub_floor(group) ? before : stub_floor(group);
        } else {
            stub_forget(group, before);
            group->cursor = group->cursor < before ? before : group->cursor;
        }
    if (topic)
        stub_drop(topic, before);
    end_change(client);
    return topic;
}
