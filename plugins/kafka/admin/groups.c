/* plugins/kafka/admin/groups.c - see groups.h. */
#include "groups.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/log.h>

enum { RETRY_MS = 100 };

void kf_groups_free(struct kf_groups *groups) {
    for (size_t i = 0; i < groups->n; i++) {
        free(groups->items[i].name);
        kf_topic_list_free(groups->items[i].committed);
        kf_topic_list_free(groups->items[i].assigned);
    }
    free(groups->items);
    *groups = (struct kf_groups){ 0 };
}

static bool add_group(struct kf_groups *groups, const char *name) {
    if (!EBP_RESERVE(groups->items, groups->room, groups->n + 1))
        return false;
    groups->items[groups->n] = (struct kf_group){ .name = strdup(name) };
    return groups->items[groups->n].name && ++groups->n;
}

/* Whether the broker that keeps a group is not available, or not yet. Other groups may be kept by other brokers. */
static bool is_coordinator_error(int64_t code) {
    return code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/* Leaves a group out of a list of all, so that it hides no other. For a group that was asked for by name, returns the
 * error. */
static int32_t leave_out(const struct kf_admin *a, struct kf_groups *groups, struct kf_group *group, const struct eb_error *why,
                         struct eb_error *err) {
    if (!groups->all || !group || (why->status != EB_PERMANENT && !is_coordinator_error(why->native))) {
        if (err)
            *err = *why;
        return why->status;
    }
    ebp_log(a->client.host, EBP_LOG_WARNING, "group %.255s is left out: %s", group->name, why->text);
    group->left_out = true;
    groups->left_out++;
    return EB_OK;
}

/* ---- Names ---- */

/* Adds the names of all groups to a zeroed *groups. */
static int32_t list_groups(struct kf_admin *a, int64_t until, struct kf_groups *groups, struct eb_error *err) {
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_ListConsumerGroups(a->client.rk, options, a->results);
    event = kf_request_result(a, until, "asking for groups", &status, err);
    if (!event)
        return status;
    const rd_kafka_ConsumerGroupListing_t **found = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(event), &n);
    for (size_t i = 0; i < n && status == EB_OK; i++)
        if (!add_group(groups, rd_kafka_ConsumerGroupListing_group_id(found[i])))
            status = ebp_no_memory(err);
    rd_kafka_event_destroy(event);
    return status;
}

/* ---- Committed offsets ---- */

/* The committed offsets of a group, to be destroyed. */
static int32_t query_committed(struct kf_admin *a, const char *group, int64_t until,
                               rd_kafka_topic_partition_list_t **committed, struct eb_error *err) {
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_ListConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "asking for a group's offsets", &status, err);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
    const rd_kafka_error_t *why = n ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *found = n ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);
    if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        status = kf_admin_failed(a, err, code, "asking for the offsets of group %s%s", group, kf_right_missing(code));
    else
        *committed = found ? rd_kafka_topic_partition_list_copy(found) : rd_kafka_topic_partition_list_new(1);
    rd_kafka_event_destroy(event);
    return status;
}

/* ---- Members ---- */

static void add_member_name(struct kf_group *group, const rd_kafka_MemberDescription_t *member) {
    const char *name = rd_kafka_MemberDescription_group_instance_id(member);
    const char *host = rd_kafka_MemberDescription_host(member);
    size_t len = strlen(group->member_names);

    if (!name || !*name)
        name = rd_kafka_MemberDescription_consumer_id(member);
    snprintf(group->member_names + len, sizeof group->member_names - len, "%s%s at %s", len ? ", " : "", name,
             host && *host == '/' ? host + 1
             : host               ? host
                                  : "?");
}

static void take_members(struct kf_group *group, const rd_kafka_ConsumerGroupDescription_t *about) {
    group->members = rd_kafka_ConsumerGroupDescription_member_count(about);
    group->state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(about));
    group->rebalancing = group->members > 0 &&
                         rd_kafka_ConsumerGroupDescription_state(about) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE;
    group->assigned = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < group->members; i++) {
        const rd_kafka_MemberDescription_t *member = rd_kafka_ConsumerGroupDescription_member(about, i);
        const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
        const rd_kafka_topic_partition_list_t *its = assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
        add_member_name(group, member);
        for (int k = 0; its && k < its->cnt; k++)
            rd_kafka_topic_partition_list_add(group->assigned, its->elems[k].topic, its->elems[k].partition);
    }
}

static struct kf_group *named(struct kf_groups *groups, const char *name) {
    for (size_t i = 0; i < groups->n; i++)
        if (strcmp(groups->items[i].name, name) == 0)
            return &groups->items[i];
    return NULL;
}

static int32_t describe_groups(struct kf_admin *a, int64_t until, struct kf_groups *groups, struct eb_error *err) {
    const char **names = calloc(groups->n + 1, sizeof *names);
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;
    struct eb_error why;
    int32_t status = EB_OK;
    size_t n = 0;

    if (!names)
        return ebp_no_memory(err);
    for (size_t i = 0; i < groups->n; i++)
        names[i] = groups->items[i].name;
    if (groups->n == 0)
        goto done;
    options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, until);
    rd_kafka_DescribeConsumerGroups(a->client.rk, names, groups->n, options, a->results);
    event = kf_request_result(a, until, "asking who is in a group", &status, err);
    if (!event)
        goto done;
    const rd_kafka_ConsumerGroupDescription_t **found = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        struct kf_group *group = named(groups, rd_kafka_ConsumerGroupDescription_group_id(found[i]));
        rd_kafka_resp_err_t code = rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(found[i]));
        if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
            kf_admin_failed(a, &why, code, "asking who is in group %s%s", group ? group->name : "?", kf_right_missing(code));
            status = leave_out(a, groups, group, &why, err);
        } else if (group && !code) {
            take_members(group, found[i]);
        }
    }
    rd_kafka_event_destroy(event);
done:
    free(names);
    return status;
}

static int32_t query_all_committed(struct kf_admin *a, int64_t until, struct kf_groups *groups, struct eb_error *err) {
    struct eb_error why;
    int32_t status = EB_OK;

    for (size_t i = 0; i < groups->n && status == EB_OK; i++) {
        struct kf_group *group = &groups->items[i];
        if (!group->left_out && query_committed(a, group->name, until, &group->committed, &why) != EB_OK)
            status = leave_out(a, groups, group, &why, err);
    }
    return status;
}

static int32_t query_groups_once(struct kf_admin *a, const char *name, int64_t until, struct kf_groups *groups,
                                 struct eb_error *err) {
    int32_t status = EB_OK;

    *groups = (struct kf_groups){ .all = name == NULL };
    if (!name)
        status = list_groups(a, until, groups, err);
    else if (!add_group(groups, name))
        status = ebp_no_memory(err);
    if (status == EB_OK)
        status = describe_groups(a, until, groups, err);
    if (status == EB_OK)
        status = query_all_committed(a, until, groups, err);
    if (status != EB_OK)
        kf_groups_free(groups);
    return status;
}

/* A cluster that is new, or has just moved a group to another broker, answers a moment later. */
int32_t kf_query_groups(struct kf_admin *a, const char *name, int64_t until, struct kf_groups *groups, struct eb_error *err) {
    struct eb_error why = { 0 };
    int32_t status;

    while ((status = query_groups_once(a, name, until, groups, &why)) != EB_OK && is_coordinator_error(why.native) &&
           ebp_monotonic_ms() + RETRY_MS < until)
        poll(NULL, 0, RETRY_MS);
    if (status != EB_OK && err)
        *err = why;
    return status;
}

int32_t kf_query_stopped_group(struct kf_admin *a, const char *name, const char *verb, int64_t until, struct kf_groups *groups,
                               struct eb_error *err) {
    int32_t status = kf_query_groups(a, name, until, groups, err);

    if (status != EB_OK || groups->items[0].members == 0)
        return status;
    status = ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                               "group %s cannot be %s while %zu member(s) live: %s; stop them first", name, verb,
                               groups->items[0].members, groups->items[0].member_names);
    kf_groups_free(groups);
    return status;
}

rd_kafka_resp_err_t kf_group_result_error(const rd_kafka_group_result_t **groups, size_t n) {
    const rd_kafka_topic_partition_list_t *list = n ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    rd_kafka_resp_err_t code = n ? rd_kafka_error_code(rd_kafka_group_result_error(groups[0])) : RD_KAFKA_RESP_ERR__FAIL;

    for (int i = 0; list && i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}
