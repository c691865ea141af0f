/* plugins/kafka/admin/admin_read.c - lists topics and groups; see admin.h. */
#include "groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "position.h"

/* ---- The bounds of what is listed ---- */

/* Adds the partitions of a list that are in `existing`, each once: of a topic, or of all (NULL). */
static void add_partitions(rd_kafka_topic_partition_list_t *to, const rd_kafka_topic_partition_list_t *list, const char *topic,
                           rd_kafka_topic_partition_list_t *existing) {
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if ((!topic || strcmp(topic, one->topic) == 0) &&
            rd_kafka_topic_partition_list_find(existing, one->topic, one->partition) &&
            !rd_kafka_topic_partition_list_find(to, one->topic, one->partition))
            rd_kafka_topic_partition_list_add(to, one->topic, one->partition);
    }
}

/* Of all partitions that exist (groups NULL), or of those that any group has to do with. */
static int32_t query_bounds_once(struct kf_admin *a, const struct kf_groups *groups, const char *topic, int64_t until,
                                 struct kf_bounds *bounds, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *existing = NULL;
    int32_t status = kf_query_partitions(a, NULL, until, &existing, err);

    if (status != EB_OK)
        return status;
    bounds->lows = groups ? rd_kafka_topic_partition_list_new(16) : existing;
    for (size_t i = 0; groups && i < groups->n; i++) {
        add_partitions(bounds->lows, groups->items[i].committed, topic, existing);
        add_partitions(bounds->lows, groups->items[i].assigned, topic, existing);
    }
    if (groups)
        rd_kafka_topic_partition_list_destroy(existing);
    rd_kafka_topic_partition_list_sort(bounds->lows, NULL, NULL);
    bounds->highs = rd_kafka_topic_partition_list_copy(bounds->lows);
    return kf_query_bounds(a, bounds, until, err);
}

/* Sets *bounds, to be freed whatever it returns. */
static int32_t query_bounds(struct kf_admin *a, const struct kf_groups *groups, const char *topic, int64_t until,
                            struct kf_bounds *bounds, struct eb_error *err) {
    struct eb_error why;
    int32_t status;

    do {
        kf_bounds_free(bounds);
        why = (struct eb_error){ 0 };
        status = query_bounds_once(a, groups, topic, until, bounds, &why);
    } while (status != EB_OK && kf_query_should_retry(&why, until));
    if (status != EB_OK && err)
        *err = why;
    return status;
}

/* ---- Topics ---- */

/* Sums up one topic, whose partitions stand together, and returns where the next topic begins. */
static int describe_topic(const struct kf_bounds *bounds, int from, struct eb_topic_info *info) {
    const rd_kafka_topic_partition_list_t *lows = bounds->lows, *highs = bounds->highs;
    bool known = true;
    int i = from;

    *info = (struct eb_topic_info){
        .size = sizeof *info, .name = lows->elems[from].topic, .bytes = -1, .oldest_ms = -1, .newest_ms = -1
    };
    for (; i < lows->cnt && strcmp(lows->elems[i].topic, info->name) == 0; i++) {
        info->partitions++;
        if (lows->elems[i].err)
            known = false;
        else
            info->messages += highs->elems[i].offset - lows->elems[i].offset;
    }
    if (!known)
        info->messages = -1;
    return i;
}

int32_t kf_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *err) {
    struct kf_admin *a = self;
    struct kf_bounds bounds = { 0 };
    struct eb_topic_info info;
    bool more = true;
    int32_t status = query_bounds(a, NULL, NULL, ebp_monotonic_ms() + timeout_ms, &bounds, err);

    for (int i = 0; status == EB_OK && more && i < bounds.lows->cnt;) {
        i = describe_topic(&bounds, i, &info);
        more = each(arg, &info) == 0;
    }
    if (status == EB_OK && more && bounds.unknown > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "what %zu topic(s) hold is not known; the reasons are above", bounds.unknown);
    kf_bounds_free(&bounds);
    return status;
}

/* ---- Groups ---- */

/* Fills in what is listed of a group in one partition. A group whose members have committed nothing yet is at the beginning.
 * Returns false if the group has nothing to do with the partition. */
static bool fill_row(const struct kf_group *group, const struct kf_bounds *bounds, int i, struct eb_group_info *info,
                     char texts[3][KF_POSITION_ROOM]) {
    const rd_kafka_topic_partition_t *low = &bounds->lows->elems[i], *high = &bounds->highs->elems[i];
    int64_t offset = kf_offset_in(group->committed, low->topic, low->partition);

    if (offset < 0 && !(group->assigned && rd_kafka_topic_partition_list_find(group->assigned, low->topic, low->partition)))
        return false;
    if (offset < 0)
        offset = low->offset;
    snprintf(texts[0], sizeof texts[0], "%" PRId32, low->partition);
    *info = (struct eb_group_info){ .size = sizeof *info,
                                    .topic = low->topic,
                                    .group = group->name,
                                    .partition = texts[0],
                                    .unsettled = -1,
                                    .position = kf_position_text(texts[1], low->partition, offset),
                                    .end = kf_position_text(texts[2], low->partition, high->offset),
                                    .lag = low->err                ? -1
                                           : high->offset > offset ? high->offset - offset
                                                                   : 0,
                                    .members = (int64_t)group->members,
                                    .state = group->state };
    return true;
}

int32_t kf_admin_groups(void *self, const char *topic, const char *name, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct kf_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    struct kf_bounds bounds = { 0 };
    struct eb_group_info info;
    struct kf_groups groups;
    char texts[3][KF_POSITION_ROOM];
    bool more = true;
    int32_t status = kf_query_groups(a, name, until, &groups, err);

    if (status == EB_OK)
        status = query_bounds(a, &groups, topic, until, &bounds, err);
    for (size_t g = 0; status == EB_OK && more && g < groups.n; g++)
        for (int i = 0; more && !groups.items[g].left_out && i < bounds.lows->cnt; i++)
            if (fill_row(&groups.items[g], &bounds, i, &info, texts))
                more = each(arg, &info) == 0;
    if (status == EB_OK && more && groups.left_out > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "%zu of %zu groups are left out, each with its reason above", groups.left_out,
                           groups.n);
    else if (status == EB_OK && more && bounds.unknown > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "where %zu topic(s) end is not known; the reasons are above", bounds.unknown);
    kf_groups_free(&groups);
    kf_bounds_free(&bounds);
    return status;
}
