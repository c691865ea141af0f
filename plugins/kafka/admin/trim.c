/* plugins/kafka/admin/trim.c - removes events that are older than a point, and that all groups have settled; see admin.h. */
#include "groups.h"

#include "position.h"

/* Limits the offsets to those that a group has committed, if it has committed any in the topic. In a partition without a
 * committed offset such a group is at the beginning. */
static void limit_to(rd_kafka_topic_partition_list_t *list, const rd_kafka_topic_partition_list_t *committed,
                     const char *topic) {
    for (int i = 0; kf_has_offset_in(committed, topic) && i < list->cnt; i++) {
        int64_t offset = kf_offset_in(committed, topic, list->elems[i].partition);
        if (offset < list->elems[i].offset)
            list->elems[i].offset = offset < 0 ? 0 : offset;
    }
}

static int32_t limit_to_groups(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const char *topic, int64_t until,
                               struct eb_error *err) {
    struct kf_groups groups = { 0 };
    int32_t status = kf_list_groups(a, until, &groups, err);

    for (size_t i = 0; i < groups.n && status == EB_OK; i++) {
        struct kf_group *group = &groups.items[i];
        status = kf_query_committed(a, group->name, until, &group->committed, err);
        if (status == EB_OK)
            limit_to(list, group->committed, topic);
    }
    kf_groups_free(&groups);
    return status;
}

static int32_t delete_before(struct kf_admin *a, const rd_kafka_topic_partition_list_t *list, const char *topic, int64_t until,
                             struct eb_error *err) {
    rd_kafka_topic_partition_list_t *some = rd_kafka_topic_partition_list_new(list->cnt);
    rd_kafka_DeleteRecords_t *request;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;
    int32_t status = EB_OK;

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset > 0)
            rd_kafka_topic_partition_list_add(some, topic, list->elems[i].partition)->offset = list->elems[i].offset;
    if (some->cnt == 0)
        goto done;
    request = rd_kafka_DeleteRecords_new(some);
    options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_DELETERECORDS, until);
    rd_kafka_DeleteRecords(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing old events", &status, err);
    rd_kafka_DeleteRecords_destroy(request);
    if (!event)
        goto done;
    const rd_kafka_topic_partition_list_t *its = rd_kafka_DeleteRecords_result_offsets(
        rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; its && i < its->cnt && status == EB_OK; i++)
        if (its->elems[i].err)
            status = kf_admin_failed(a, err, its->elems[i].err, "topic %s partition %d cannot be trimmed", topic,
                                     (int)its->elems[i].partition);
    rd_kafka_event_destroy(event);
done:
    rd_kafka_topic_partition_list_destroy(some);
    return status;
}

/* Whether a point is in any of the partitions. */
static bool names_any(const rd_kafka_topic_partition_list_t *list, const struct eb_point *point) {
    int64_t offset;

    for (int i = 0; i < list->cnt; i++)
        if (point->kind != EB_POSITION || kf_position_offset(point->position.data, list->elems[i].partition, &offset))
            return true;
    return false;
}

int32_t kf_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *err) {
    struct kf_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    rd_kafka_topic_partition_list_t *list = NULL;
    int32_t status = kf_position_check(before, err);

    if (status == EB_OK)
        status = kf_query_partitions(a, topic, until, &list, err);
    if (status != EB_OK)
        return status == EB_GONE ? kf_no_topic(topic, err) : status;
    if (!names_any(list, before))
        status = kf_no_partition(topic, before, err);
    if (status == EB_OK)
        status = kf_query_reach(a, list, before, until, err);
    if (status == EB_OK)
        status = kf_query_point(a, list, before, 0, until, err);
    if (status == EB_OK && !unread_too)
        status = limit_to_groups(a, list, topic, until, err);
    if (status == EB_OK)
        status = delete_before(a, list, topic, until, err);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
