/* plugins/kafka/admin/groups.c - groups: where they stand, who is in them, moving and removing them; see admin.h. */
#include "admin.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "error.h"
#include "position.h"

enum { RETRY_MS = 100 };

/* What the cluster tells of one group. */
struct group {
    char *name;
    size_t members;
    const char *state;                          /* a word of librdkafka's; NULL: there is no such group */
    rd_kafka_topic_partition_list_t *committed;    /* where it stands */
    rd_kafka_topic_partition_list_t *assigned;  /* what its members have */
    char member_names[400];                              /* their names */
    bool left_out;                              /* nothing is known of it: it was told why */
};

struct groups {
    struct group *items;
    size_t n, room, left_out;
    bool all;                                   /* none was asked for by its name */
};

static void groups_free(struct groups *groups) {
    for (size_t i = 0; i < groups->n; i++) {
        free(groups->items[i].name);
        if (groups->items[i].committed)
            rd_kafka_topic_partition_list_destroy(groups->items[i].committed);
        if (groups->items[i].assigned)
            rd_kafka_topic_partition_list_destroy(groups->items[i].assigned);
    }
    free(groups->items);
    *groups = (struct groups){0};
}

static bool add_group(struct groups *groups, const char *name) {
    if (!EBP_RESERVE(groups->items, groups->room, groups->n + 1))
        return false;
    groups->items[groups->n] = (struct group){ .name = strdup(name) };
    return groups->items[groups->n].name && ++groups->n;
}

/* The part of the cluster that keeps a group is not there, or not yet: other groups may be kept elsewhere. */
static bool is_coordinator_error(int64_t code) {
    return code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/* Of all, one that cannot be told of hides no other; where it was asked for by name, that is the answer. */
static int32_t leave_out(const struct kf_admin *a, struct groups *groups, struct group *group, const struct eb_error *why,
                          struct eb_error *err) {
    const struct eb_host *host = a->client.host;
    char line[sizeof why->text + 300];

    if (!groups->all || !group || (why->status != EB_PERMANENT && !is_coordinator_error(why->native))) {
        if (err)
            *err = *why;
        return why->status;
    }
    snprintf(line, sizeof line, "group %.255s is left out: %s", group->name, why->text);
    host->log(host, 4, line);
    group->left_out = true;
    groups->left_out++;
    return EB_OK;
}

/* ---- Which there are ---- */

static int32_t list_groups(struct kf_admin *a, int64_t until, struct groups *groups, struct eb_error *err) {
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_ListConsumerGroups(a->client.rk, options, a->results);
    event = kf_request_result(a, until, "asking for groups", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    if (!event)
        return status;
    const rd_kafka_ConsumerGroupListing_t **found =
        rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(event), &n);
    for (size_t i = 0; i < n && status == EB_OK; i++)
        if (!add_group(groups, rd_kafka_ConsumerGroupListing_group_id(found[i])))
            status = ebp_no_memory(err);
    rd_kafka_event_destroy(event);
    return status;
}

/* ---- Who is in them ---- */

static void add_member_name(struct group *group, const rd_kafka_MemberDescription_t *member) {
    const char *name = rd_kafka_MemberDescription_group_instance_id(member);
    const char *host = rd_kafka_MemberDescription_host(member);
    size_t len = strlen(group->member_names);

    if (!name || !*name)
        name = rd_kafka_MemberDescription_consumer_id(member);
    snprintf(group->member_names + len, sizeof group->member_names - len, "%s%s at %s", len ? ", " : "", name,
             host && *host == '/' ? host + 1 : host ? host : "?");
}

static void take_members(struct group *group, const rd_kafka_ConsumerGroupDescription_t *about) {
    group->members = rd_kafka_ConsumerGroupDescription_member_count(about);
    group->state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(about));
    group->assigned = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < group->members; i++) {
        const rd_kafka_MemberDescription_t *member = rd_kafka_ConsumerGroupDescription_member(about, i);
        const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
        const rd_kafka_topic_partition_list_t *its =
            assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
        add_member_name(group, member);
        for (int k = 0; its && k < its->cnt; k++)
            rd_kafka_topic_partition_list_add(group->assigned, its->elems[k].topic, its->elems[k].partition);
    }
}

static struct group *named(struct groups *groups, const char *name) {
    for (size_t i = 0; i < groups->n; i++)
        if (strcmp(groups->items[i].name, name) == 0)
            return &groups->items[i];
    return NULL;
}

static int32_t describe_groups(struct kf_admin *a, int64_t until, struct groups *groups, struct eb_error *err) {
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
    options = kf_request_options(a, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, until);
    rd_kafka_DescribeConsumerGroups(a->client.rk, names, groups->n, options, a->results);
    event = kf_request_result(a, until, "asking who is in a group", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    if (!event)
        goto done;
    const rd_kafka_ConsumerGroupDescription_t **found =
        rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        struct group *group = named(groups, rd_kafka_ConsumerGroupDescription_group_id(found[i]));
        rd_kafka_resp_err_t code = rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(found[i]));
        if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
            kf_admin_failed(a, &why, code, "asking who is in group %s%s", group ? group->name : "?",
                            kf_right_missing(code));
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

static int32_t query_all_committed(struct kf_admin *a, int64_t until, struct groups *groups, struct eb_error *err) {
    struct eb_error why;
    int32_t status = EB_OK;

    for (size_t i = 0; i < groups->n && status == EB_OK; i++) {
        struct group *group = &groups->items[i];
        if (!group->left_out && kf_query_committed(a, group->name, until, &group->committed, &why) != EB_OK)
            status = leave_out(a, groups, group, &why, err);
    }
    return status;
}

static int32_t query_groups_once(struct kf_admin *a, const char *name, int64_t until, struct groups *groups, struct eb_error *err) {
    int32_t status = EB_OK;

    *groups = (struct groups){ .all = name == NULL };
    if (!name)
        status = list_groups(a, until, groups, err);
    else if (!add_group(groups, name))
        status = ebp_no_memory(err);
    if (status == EB_OK)
        status = describe_groups(a, until, groups, err);
    if (status == EB_OK)
        status = query_all_committed(a, until, groups, err);
    if (status != EB_OK)
        groups_free(groups);
    return status;
}

/* One group (name), or all, with everything about them. A cluster that is new, or has just moved what it keeps of a group,
 * answers a moment later. */
static int32_t query_groups(struct kf_admin *a, const char *name, int64_t until, struct groups *groups, struct eb_error *err) {
    struct eb_error why = {0};
    int32_t status;

    while ((status = query_groups_once(a, name, until, groups, &why)) != EB_OK && is_coordinator_error(why.native) &&
           ebp_monotonic_ms() + RETRY_MS < until)
        poll(NULL, 0, RETRY_MS);
    if (status != EB_OK && err)
        *err = why;
    return status;
}

/* ---- groups ---- */

/* The ends of the partitions that any group has to do with. */
struct bounds {
    rd_kafka_topic_partition_list_t *lows, *highs;
    size_t unknown;                             /* topics of which some partition's ends are not known */
};

static void add_bounds(struct bounds *bounds, const rd_kafka_topic_partition_list_t *list, const char *topic,
                 const rd_kafka_topic_partition_list_t *there) {
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if ((topic && strcmp(topic, one->topic) != 0) ||
            !rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)there, one->topic, one->partition) ||
            rd_kafka_topic_partition_list_find(bounds->lows, one->topic, one->partition))
            continue;
        rd_kafka_topic_partition_list_add(bounds->lows, one->topic, one->partition);
        rd_kafka_topic_partition_list_add(bounds->highs, one->topic, one->partition);
    }
}

static void bounds_free(struct bounds *bounds) {
    if (bounds->lows)
        rd_kafka_topic_partition_list_destroy(bounds->lows);
    if (bounds->highs)
        rd_kafka_topic_partition_list_destroy(bounds->highs);
    *bounds = (struct bounds){0};
}

static int32_t find_bounds_once(struct kf_admin *a, const struct groups *groups, const char *topic, int64_t until,
                              struct bounds *bounds, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *there = NULL;
    int32_t status = kf_query_partitions(a, NULL, until, &there, err);

    if (status != EB_OK)
        return status;
    *bounds = (struct bounds){ rd_kafka_topic_partition_list_new(16), rd_kafka_topic_partition_list_new(16), 0 };
    for (size_t i = 0; i < groups->n; i++) {
        add_bounds(bounds, groups->items[i].committed, topic, there);
        add_bounds(bounds, groups->items[i].assigned, topic, there);
    }
    rd_kafka_topic_partition_list_destroy(there);
    rd_kafka_topic_partition_list_sort(bounds->lows, NULL, NULL);
    rd_kafka_topic_partition_list_sort(bounds->highs, NULL, NULL);
    return kf_query_bounds(a, bounds->lows, bounds->highs, until, &bounds->unknown, err);
}

static int32_t find_bounds(struct kf_admin *a, const struct groups *groups, const char *topic, int64_t until,
                         struct bounds *bounds, struct eb_error *err) {
    struct eb_error why;
    int32_t status;

    do {
        bounds_free(bounds);
        why = (struct eb_error){0};
        status = find_bounds_once(a, groups, topic, until, bounds, &why);
    } while (status != EB_OK && kf_query_should_retry(&why, until));
    if (status != EB_OK && err)
        *err = why;
    return status;
}

/* One row. A group whose members have settled nothing yet stands at the beginning. False: it has nothing to do with it. */
static bool fill_row(const struct group *group, const struct bounds *bounds, int i, struct eb_group_info *info,
                     char texts[3][40]) {
    const rd_kafka_topic_partition_t *low = &bounds->lows->elems[i], *high = &bounds->highs->elems[i];
    int64_t place = kf_offset_in(group->committed, low->topic, low->partition);

    if (place < 0 && !(group->assigned && rd_kafka_topic_partition_list_find(group->assigned, low->topic, low->partition)))
        return false;
    if (place < 0)
        place = low->offset;
    bool known = !low->err;
    snprintf(texts[0], 40, "%" PRId32, low->partition);
    snprintf(texts[1], 40, "%" PRId32 ":%" PRId64, low->partition, place);
    snprintf(texts[2], 40, "%" PRId32 ":%" PRId64, low->partition, high->offset);
    *info = (struct eb_group_info){ .size = sizeof *info, .topic = low->topic, .group = group->name, .partition = texts[0],
                                    .position = place >= 0 ? texts[1] : NULL, .end = known ? texts[2] : NULL, .unsettled = -1,
                                    .lag = !known ? -1 : high->offset > place ? high->offset - place : 0,
                                    .members = (int64_t)group->members, .state = group->state };
    return true;
}

int32_t kf_admin_groups(void *self, const char *topic, const char *name, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct kf_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    struct bounds bounds = {0};
    struct eb_group_info info;
    struct groups groups;
    char texts[3][40];
    bool more = true;
    int32_t status = query_groups(a, name, until, &groups, err);

    if (status == EB_OK)
        status = find_bounds(a, &groups, topic, until, &bounds, err);
    for (size_t g = 0; status == EB_OK && more && g < groups.n; g++)
        for (int i = 0; more && !groups.items[g].left_out && i < bounds.lows->cnt; i++)
            if (fill_row(&groups.items[g], &bounds, i, &info, texts))
                more = each(arg, &info) == 0;
    if (status == EB_OK && more && groups.left_out > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "%zu of %zu groups are left out, each with its reason above", groups.left_out,
                          groups.n);
    else if (status == EB_OK && more && bounds.unknown > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "where %zu topic(s) end is not known; the reasons are above", bounds.unknown);
    groups_free(&groups);
    bounds_free(&bounds);
    return status;
}

/* ---- seek ---- */

/* The group, which must have no members: Kafka would not move it under them. */
static int32_t query_stopped_group(struct kf_admin *a, const char *name, const char *verb, int64_t until, struct groups *groups,
                           struct eb_error *err) {
    int32_t status = query_groups(a, name, until, groups, err);

    if (status != EB_OK || groups->items[0].members == 0)
        return status;
    status = ebp_error(err, EB_PERMANENT, 0, "group %s cannot be %s while %zu member(s) live: %s; stop them first", name, verb,
                      groups->items[0].members, groups->items[0].member_names);
    groups_free(groups);
    return status;
}

static int32_t alter_offsets(struct kf_admin *a, const char *name, const rd_kafka_topic_partition_list_t *list, int64_t until,
                     struct eb_error *err) {
    rd_kafka_AlterConsumerGroupOffsets_t *request = rd_kafka_AlterConsumerGroupOffsets_new(name, list);
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, until);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_AlterConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "moving a group", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **moved =
        rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(event), &n);
    const rd_kafka_topic_partition_list_t *its = n ? rd_kafka_group_result_partitions(moved[0]) : NULL;
    if (n)
        code = rd_kafka_error_code(rd_kafka_group_result_error(moved[0]));
    for (int i = 0; its && i < its->cnt && !code; i++)
        code = its->elems[i].err;
    if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be moved", name);
    rd_kafka_event_destroy(event);
    return status;
}

/* Partitions that the position does not name stay where they are. */
static rd_kafka_topic_partition_list_t *only_named(const rd_kafka_topic_partition_list_t *list) {
    rd_kafka_topic_partition_list_t *named = rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset >= 0)
            rd_kafka_topic_partition_list_add(named, list->elems[i].topic, list->elems[i].partition)->offset =
                list->elems[i].offset;
    return named;
}

static int32_t gone_error(struct eb_error *err, const char *format, const char *topic, const char *group) {
    kf_misconfigured(err, format, topic, group);
    return EB_GONE;
}

static bool has_committed(const rd_kafka_topic_partition_list_t *committed, const char *topic) {
    for (int i = 0; i < committed->cnt; i++)
        if (committed->elems[i].offset >= 0 && strcmp(committed->elems[i].topic, topic) == 0)
            return true;
    return false;
}

/* EB_END: the position names an offset behind the end of its partition. */
static int32_t check_reach(struct kf_admin *a, const rd_kafka_topic_partition_list_t *list, const struct eb_point *to,
                           int64_t until, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *bounds;
    int64_t offset;
    int32_t status;

    if (to->kind != EB_POSITION)
        return EB_OK;
    bounds = rd_kafka_topic_partition_list_copy(list);
    status = kf_query_offsets(a, bounds, RD_KAFKA_OFFSET_END, until, err);
    for (int i = 0; status == EB_OK && i < bounds->cnt; i++) {
        const rd_kafka_topic_partition_t *end = &bounds->elems[i];
        if (!kf_position_offset(to->position.data, end->partition, &offset) || offset <= end->offset)
            continue;
        kf_misconfigured(err, "position %" PRId32 ":%" PRId64 " is behind the end of topic %s, which is %" PRId32 ":%" PRId64,
                         end->partition, offset, end->topic, end->partition, end->offset);
        status = EB_END;
    }
    rd_kafka_topic_partition_list_destroy(bounds);
    return status;
}

/* All partitions of the topic, which is made if it is to be; NULL with EB_OK: it would be. */
static int32_t find_or_create(struct kf_admin *a, const char *topic, uint32_t flags, int64_t until,
                            rd_kafka_topic_partition_list_t **list, struct eb_error *err) {
    int32_t status = kf_query_partitions(a, topic, until, list, err);

    if (status != EB_GONE)
        return status;
    if (!(flags & EB_CREATE))
        return gone_error(err, "topic %s does not exist, or this user may not see it (the ACL Describe on the topic)", topic, NULL);
    status = kf_admin_create(a, topic, 0, flags, (int32_t)(until - ebp_monotonic_ms()), err);
    return status == EB_OK && !(flags & EB_DRY_RUN) ? kf_query_partitions(a, topic, until, list, err) : status;
}

static void report_moves(const rd_kafka_topic_partition_list_t *before, const rd_kafka_topic_partition_list_t *after,
                       int32_t (*each)(void *, const struct eb_seek_info *), void *arg) {
    char texts[3][40];

    for (int i = 0; i < after->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &after->elems[i];
        int64_t place = kf_offset_in(before, one->topic, one->partition);
        struct eb_seek_info info = { .size = sizeof info, .partition = texts[0], .before = place < 0 ? NULL : texts[1],
                                     .after = texts[2] };
        snprintf(texts[0], sizeof texts[0], "%" PRId32, one->partition);
        snprintf(texts[1], sizeof texts[1], "%" PRId32 ":%" PRId64, one->partition, place);
        snprintf(texts[2], sizeof texts[2], "%" PRId32 ":%" PRId64, one->partition, one->offset);
        if (each(arg, &info) != 0)
            return;
    }
}

/* Moves a stopped group in these partitions, as far as the point names them. */
static int32_t move_group(struct kf_admin *a, const struct group *group, rd_kafka_topic_partition_list_t *list,
                          const struct eb_point *to, uint32_t flags, int64_t until,
                          int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *named_ones;
    const char *topic = list->elems[0].topic;
    int32_t status = check_reach(a, list, to, until, err);

    if (status == EB_OK)
        status = kf_query_point(a, list, to, RD_KAFKA_OFFSET_INVALID, until, err);
    if (status != EB_OK)
        return status;
    named_ones = only_named(list);
    if (named_ones->cnt == 0)
        status = kf_misconfigured(err, "topic %s has none of the partitions that %s names", topic, to->position.data);
    else if (!(flags & EB_DRY_RUN))
        status = alter_offsets(a, group->name, named_ones, until, err);
    if (status == EB_OK)
        report_moves(group->committed, named_ones, each, arg);
    rd_kafka_topic_partition_list_destroy(named_ones);
    return status;
}

int32_t kf_admin_seek(void *self, const char *topic, const char *name, const struct eb_point *to, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *err) {
    static const struct eb_seek_info to_be_made = { .size = sizeof to_be_made, .partition = "0", .after = "0:0" };
    struct kf_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    rd_kafka_topic_partition_list_t *list = NULL;
    struct groups groups;
    int32_t status = kf_position_check(to, err);

    if (status == EB_OK)
        status = find_or_create(a, topic, flags, until, &list, err);
    if (status != EB_OK)
        return status;
    if (!list) {
        each(arg, &to_be_made);
        return EB_OK;
    }
    status = query_stopped_group(a, name, "moved", until, &groups, err);
    if (status == EB_OK) {
        if (!(flags & EB_CREATE) && !has_committed(groups.items[0].committed, topic))
            status = gone_error(err, "topic %s has no group %s", topic, name);
        else
            status = move_group(a, &groups.items[0], list, to, flags, until, each, arg, err);
        groups_free(&groups);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

/* ---- remove ---- */

static int32_t delete_group(struct kf_admin *a, const char *name, int64_t until, struct eb_error *err) {
    rd_kafka_DeleteGroup_t *request = rd_kafka_DeleteGroup_new(name);
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_DELETEGROUPS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_DeleteGroups(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing a group", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteGroup_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **gone =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &n);
    rd_kafka_resp_err_t code = n ? rd_kafka_error_code(rd_kafka_group_result_error(gone[0])) : RD_KAFKA_RESP_ERR__FAIL;
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        status = EB_GONE;
    else if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be removed", name);
    rd_kafka_event_destroy(event);
    return status;
}

static int32_t delete_offsets(struct kf_admin *a, const char *name, const rd_kafka_topic_partition_list_t *list,
                             int64_t until, struct eb_error *err) {
    rd_kafka_DeleteConsumerGroupOffsets_t *request = rd_kafka_DeleteConsumerGroupOffsets_new(name, list);
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, until);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_DeleteConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing a group from a topic", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **gone =
        rd_kafka_DeleteConsumerGroupOffsets_result_groups(rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &n);
    const rd_kafka_topic_partition_list_t *its = n ? rd_kafka_group_result_partitions(gone[0]) : NULL;
    if (n)
        code = rd_kafka_error_code(rd_kafka_group_result_error(gone[0]));
    for (int i = 0; its && i < its->cnt && !code; i++)
        code = its->elems[i].err;
    if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be removed from its topic", name);
    rd_kafka_event_destroy(event);
    return status;
}

/* Kafka's groups are not a topic's own: one that stands in others too loses its places in this one only. */
int32_t kf_remove_group(struct kf_admin *a, const char *topic, const char *name, int64_t until, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *here = rd_kafka_topic_partition_list_new(4);
    struct groups groups;
    int32_t status = query_stopped_group(a, name, "removed", until, &groups, err);
    bool elsewhere = false;

    if (status != EB_OK)
        goto done;
    for (int i = 0; i < groups.items[0].committed->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &groups.items[0].committed->elems[i];
        if (one->offset < 0)
            continue;
        if (strcmp(one->topic, topic) == 0)
            rd_kafka_topic_partition_list_add(here, one->topic, one->partition);
        else
            elsewhere = true;
    }
    groups_free(&groups);
    if (here->cnt == 0)
        status = EB_GONE;
    else
        status = elsewhere ? delete_offsets(a, name, here, until, err) : delete_group(a, name, until, err);
done:
    rd_kafka_topic_partition_list_destroy(here);
    return status;
}
