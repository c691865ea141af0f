/* plugins/kafka/admin/trim.c - removes what is older than a point, and what all groups are done with; see admin.h. */
#include "admin.h"

#include <string.h>

#include "error.h"
#include "position.h"

static bool has_committed(const rd_kafka_topic_partition_list_t *committed, const char *topic) {
    for (int i = 0; i < committed->cnt; i++)
        if (strcmp(committed->elems[i].topic, topic) == 0 && committed->elems[i].offset >= 0)
            return true;
    return false;
}

/* No further than a group that has settled something of the topic; where it has no place it stands at the beginning. */
static void limit_to(rd_kafka_topic_partition_list_t *list, const rd_kafka_topic_partition_list_t *committed,
                    const char *topic) {
    for (int i = 0; has_committed(committed, topic) && i < list->cnt; i++) {
        int64_t place = kf_offset_in(committed, topic, list->elems[i].partition);
        if (place < list->elems[i].offset)
            list->elems[i].offset = place < 0 ? 0 : place;
    }
}

static int32_t limit_to_groups(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const char *topic, int64_t until,
                               struct eb_error *err) {
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
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        rd_kafka_topic_partition_list_t *committed = NULL;
        status = kf_query_committed(a, rd_kafka_ConsumerGroupListing_group_id(found[i]), until, &committed, err);
        if (status != EB_OK)
            break;
        limit_to(list, committed, topic);
        rd_kafka_topic_partition_list_destroy(committed);
    }
    rd_kafka_event_destroy(event);
    return status;
}

static int32_t delete_before(struct kf_admin *a, const rd_kafka_topic_partition_list_t *list, const char *topic,
                             int64_t until, struct eb_error *err) {
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
    options = kf_request_options(a, RD_KAFKA_ADMIN_OP_DELETERECORDS, until);
    rd_kafka_DeleteRecords(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing old events", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteRecords_destroy(request);
    if (!event)
        goto done;
    const rd_kafka_topic_partition_list_t *its =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; its && i < its->cnt && status == EB_OK; i++)
        if (its->elems[i].err)
            status = kf_admin_failed(a, err, its->elems[i].err, "topic %s partition %d cannot be trimmed", topic,
                                     (int)its->elems[i].partition);
    rd_kafka_event_destroy(event);
done:
    rd_kafka_topic_partition_list_destroy(some);
    return status;
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
        return status == EB_GONE ? EB_PERMANENT : status;
    status = kf_query_point(a, list, before, 0, until, err);
    if (status == EB_OK && !unread_too)
        status = limit_to_groups(a, list, topic, until, err);
    if (status == EB_OK)
        status = delete_before(a, list, topic, until, err);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
