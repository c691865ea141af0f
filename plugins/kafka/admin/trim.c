/* plugins/kafka/admin/trim.c - removes events that are older than a point, and that all groups have settled; see admin.h. */
#include "groups.h"

#include <poll.h>
#include <string.h>

#include "position.h"

enum { RETRY_MS = 200 };

/* Whether a group reads the topic: it has committed an offset there, or a live member has a partition of it. */
static bool reads(const struct kf_group *group, const char *topic) {
    for (int i = 0; group->assigned && i < group->assigned->cnt; i++)
        if (strcmp(group->assigned->elems[i].topic, topic) == 0)
            return true;
    return kf_has_offset_in(group->committed, topic);
}

/* Limits the offsets to those that a group has committed. In a partition without a committed offset it is at the beginning. */
static void limit_to(rd_kafka_topic_partition_list_t *list, const struct kf_group *group, const char *topic) {
    for (int i = 0; i < list->cnt; i++) {
        int64_t offset = kf_offset_in(group->committed, topic, list->elems[i].partition);
        if (offset < list->elems[i].offset)
            list->elems[i].offset = offset < 0 ? 0 : offset;
    }
}

/* Returns a group that may read the topic, although the cluster does not say so; NULL: there is no such group. The cluster does not
 * report the partitions of members while it assigns them. */
static const struct kf_group *find_unknown(const struct kf_groups *groups, const char *topic) {
    for (size_t i = 0; i < groups->n; i++)
        if (groups->items[i].left_out || (groups->items[i].rebalancing && !reads(&groups->items[i], topic)))
            return &groups->items[i];
    return NULL;
}

static int32_t query_readers(struct kf_admin *a, const char *topic, int64_t until, struct kf_groups *groups,
                             struct eb_error *err) {
    const struct kf_group *unknown;
    int32_t status;

    while ((status = kf_query_groups(a, NULL, until, groups, err)) == EB_OK && (unknown = find_unknown(groups, topic))) {
        if (unknown->left_out) {
            status = ebp_error(err, EB_PERMANENT, 0,
                               "topic %s is not trimmed: what group %s has not settled is not known; the reason is above",
                               topic, unknown->name);
        } else if (ebp_monotonic_ms() + RETRY_MS >= until) {
            status = ebp_error(
                err, EB_RETRIABLE, 0,
                "topic %s is not trimmed: group %s shares its partitions out, so whether it reads the topic is not "
                "known; try again when it has done so",
                topic, unknown->name);
        }
        if (status != EB_OK)
            return status;
        kf_groups_free(groups);
        poll(NULL, 0, RETRY_MS);
    }
    return status;
}

static int32_t limit_to_groups(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const char *topic, int64_t until,
                               struct eb_error *err) {
    struct kf_groups groups = { 0 };
    int32_t status = query_readers(a, topic, until, &groups, err);

    for (size_t i = 0; i < groups.n && status == EB_OK; i++)
        if (reads(&groups.items[i], topic))
            limit_to(list, &groups.items[i], topic);
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
