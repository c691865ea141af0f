/* plugins/kafka/admin/seek.c - moves a group to another position; see admin.h. */
#include "groups.h"

#include <inttypes.h>
#include <stdio.h>

#include "position.h"

static int32_t alter_offsets(struct kf_admin *a, const char *name, const rd_kafka_topic_partition_list_t *list, int64_t until,
                             struct eb_error *err) {
    rd_kafka_AlterConsumerGroupOffsets_t *request = rd_kafka_AlterConsumerGroupOffsets_new(name, list);
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_AlterConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "moving a group", &status, err);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **moved = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &n);
    rd_kafka_resp_err_t code = kf_group_result_error(moved, n);
    if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be moved", name);
    rd_kafka_event_destroy(event);
    return status;
}

/* The partitions of a list that have an offset. Those that the position does not name have none, and are left alone. */
static rd_kafka_topic_partition_list_t *only_named(const rd_kafka_topic_partition_list_t *list) {
    rd_kafka_topic_partition_list_t *named = rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset >= 0)
            rd_kafka_topic_partition_list_add(named, list->elems[i].topic, list->elems[i].partition)->offset =
                list->elems[i].offset;
    return named;
}

static int32_t no_group(struct eb_error *err, const char *topic, const char *group) {
    kf_misconfigured(err, "topic %s has no group %s", topic, group);
    return EB_GONE;
}

/* Sets *list to all partitions of the topic. With EB_CREATE the topic is created first; with EB_DRY_RUN too, a topic that
 * would be created gives EB_OK and NULL. */
static int32_t find_or_create(struct kf_admin *a, const char *topic, uint32_t flags, int64_t until,
                              rd_kafka_topic_partition_list_t **list, struct eb_error *err) {
    int32_t status = kf_query_partitions(a, topic, until, list, err);

    if (status != EB_GONE)
        return status;
    if (!(flags & EB_CREATE))
        return kf_no_topic(topic, err);
    status = kf_admin_create(a, topic, 0, flags, (int32_t)(until - ebp_monotonic_ms()), err);
    return status == EB_OK && !(flags & EB_DRY_RUN) ? kf_query_partitions(a, topic, until, list, err) : status;
}

static void report_moves(const rd_kafka_topic_partition_list_t *before, const rd_kafka_topic_partition_list_t *after,
                         int32_t (*each)(void *, const struct eb_seek_info *), void *arg) {
    char texts[3][KF_POSITION_ROOM];

    for (int i = 0; i < after->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &after->elems[i];
        int64_t offset = kf_offset_in(before, one->topic, one->partition);
        struct eb_seek_info info = { .size = sizeof info,
                                     .partition = texts[0],
                                     .before = kf_position_text(texts[1], one->partition, offset),
                                     .after = kf_position_text(texts[2], one->partition, one->offset) };
        snprintf(texts[0], sizeof texts[0], "%" PRId32, one->partition);
        if (each(arg, &info) != 0)
            return;
    }
}

/* Moves a stopped group in those partitions of the list that the point names. */
static int32_t move_group(struct kf_admin *a, const struct kf_group *group, rd_kafka_topic_partition_list_t *list,
                          const struct eb_point *to, uint32_t flags, int64_t until,
                          int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *named_ones;
    const char *topic = list->elems[0].topic;
    int32_t status = kf_query_reach(a, list, to, until, err);

    if (status == EB_OK)
        status = kf_query_point(a, list, to, RD_KAFKA_OFFSET_INVALID, until, err);
    if (status != EB_OK)
        return status;
    named_ones = only_named(list);
    if (named_ones->cnt == 0)
        status = kf_no_partition(topic, to, err);
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
    struct kf_groups groups;
    int32_t status = kf_position_check(to, err);

    if (status == EB_OK)
        status = find_or_create(a, topic, flags, until, &list, err);
    if (status != EB_OK)
        return status;
    if (!list) {
        each(arg, &to_be_made);
        return EB_OK;
    }
    status = kf_query_stopped_group(a, name, "moved", until, &groups, err);
    if (status == EB_OK) {
        if (!(flags & EB_CREATE) && !kf_has_offset_in(groups.items[0].committed, topic))
            status = no_group(err, topic, name);
        else
            status = move_group(a, &groups.items[0], list, to, flags, until, each, arg, err);
        kf_groups_free(&groups);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
