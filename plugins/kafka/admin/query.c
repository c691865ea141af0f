/* plugins/kafka/admin/query.c - what the cluster knows of topics, partitions and offsets; see admin.h. */
#include "admin.h"

#include <poll.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

#include "position.h"

enum { PROPAGATION_MS = 20, PROPAGATION_MAX_MS = 10000 }; /* until a broker hears of a topic's creation or removal */

/* ---- Topics ---- */

/* Whether a topic exists. An error that says more than "unknown" counts as existing. */
static bool topic_exists(const struct rd_kafka_metadata_topic *topic) {
    return topic->partition_cnt > 0 && topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

int32_t kf_query_partitions(struct kf_admin *a, const char *topic, int64_t until, rd_kafka_topic_partition_list_t **list,
                            struct eb_error *err) {
    const struct rd_kafka_metadata *metadata;
    /* for all topics: asking for one could create it */
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->client.rk, 1, NULL, &metadata, kf_left_ms(until));

    if (code)
        return kf_admin_failed(a, err, code, "asking for topics");
    *list = rd_kafka_topic_partition_list_new(16);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[i];
        bool wanted = topic ? strcmp(found->topic, topic) == 0 : strncmp(found->topic, "__", 2) != 0;
        for (int p = 0; wanted && topic_exists(found) && p < found->partition_cnt; p++)
            rd_kafka_topic_partition_list_add(*list, found->topic, found->partitions[p].id);
    }
    rd_kafka_metadata_destroy(metadata);
    if (!topic || (*list)->cnt > 0)
        return EB_OK;
    rd_kafka_topic_partition_list_destroy(*list);
    *list = NULL;
    ebp_error(err, EB_PERMANENT, 0, "there is no topic %s", topic);
    return EB_GONE;
}

static bool was_removed(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

/* Whether the brokers do not agree yet who leads a partition: it was just created, or is being moved. */
static bool is_moving(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

bool kf_query_should_retry(const struct eb_error *why, int64_t until) {
    if (!(was_removed((rd_kafka_resp_err_t)why->native) || is_moving((rd_kafka_resp_err_t)why->native)) ||
        ebp_monotonic_ms() + PROPAGATION_MS >= until)
        return false;
    poll(NULL, 0, PROPAGATION_MS);
    return true;
}

/* ---- Offsets ---- */

/* Sets each offset to what `at` means, or err of a partition that cannot be asked. */
static int32_t query_each(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, int64_t at, int64_t until,
                          struct eb_error *err) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = at;
    if (list->cnt > 0) /* in the protocol, times below 0 stand for both ends */
        code = rd_kafka_offsets_for_times(a->client.rk, list, kf_left_ms(until));
    return code ? kf_admin_failed(a, err, code, "asking for offsets") : EB_OK;
}

static int32_t offset_error(struct kf_admin *a, const rd_kafka_topic_partition_t *one, struct eb_error *err) {
    return kf_admin_failed(a, err, one->err, "asking for offsets of topic %s partition %d", one->topic, (int)one->partition);
}

static int32_t find_offsets(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, int64_t at, int64_t until,
                            struct eb_error *err) {
    int32_t status = query_each(a, list, at, until, err);

    for (int i = 0; status == EB_OK && i < list->cnt; i++)
        if (list->elems[i].err)
            return offset_error(a, &list->elems[i], err);
    return status;
}

void kf_query_await_topic(struct kf_admin *a, const char *topic, bool exists, int64_t until) {
    until = ebp_earlier(until, ebp_monotonic_ms() + PROPAGATION_MAX_MS);
    for (;;) {
        rd_kafka_topic_partition_list_t *list = NULL;
        int32_t status = kf_query_partitions(a, topic, until, &list, NULL);

        if (status == EB_OK && exists)
            status = find_offsets(a, list, RD_KAFKA_OFFSET_END, until, NULL);
        kf_topic_list_free(list);
        if (status == (exists ? EB_OK : EB_GONE) || ebp_monotonic_ms() + PROPAGATION_MS >= until)
            return;
        poll(NULL, 0, PROPAGATION_MS);
    }
}

/* Logs one line for a topic, about the first of its partitions. */
static void log_unknown(struct kf_admin *a, const rd_kafka_topic_partition_t *one) {
    struct eb_error why = { 0 };

    offset_error(a, one, &why);
    ebp_log(a->client.host, EBP_LOG_WARNING, "%s", why.text);
}

int32_t kf_query_bounds(struct kf_admin *a, struct kf_bounds *bounds, int64_t until, struct eb_error *err) {
    const char *logged = NULL;
    int32_t status = query_each(a, bounds->lows, RD_KAFKA_OFFSET_BEGINNING, until, err);

    if (status == EB_OK)
        status = query_each(a, bounds->highs, RD_KAFKA_OFFSET_END, until, err);
    bounds->unknown = 0;
    for (int i = 0; status == EB_OK && i < bounds->lows->cnt; i++) {
        rd_kafka_topic_partition_t *low = &bounds->lows->elems[i], *high = &bounds->highs->elems[i];
        if (!low->err)
            low->err = high->err;
        high->err = low->err;
        if (was_removed(low->err))
            return offset_error(a, low, err);
        if (!low->err)
            continue;
        low->offset = high->offset = -1;
        if (!logged || strcmp(logged, low->topic) != 0) {
            log_unknown(a, low);
            bounds->unknown++;
        }
        logged = low->topic;
    }
    return status;
}

void kf_bounds_free(struct kf_bounds *bounds) {
    kf_topic_list_free(bounds->lows);
    kf_topic_list_free(bounds->highs);
    *bounds = (struct kf_bounds){ 0 };
}

int32_t kf_query_offsets(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, int64_t at, int64_t until,
                         struct eb_error *err) {
    rd_kafka_topic_partition_list_t *ends;
    int32_t status = find_offsets(a, list, at, until, err);

    if (status != EB_OK || at < 0)
        return status;
    ends = rd_kafka_topic_partition_list_copy(list);
    status = find_offsets(a, ends, RD_KAFKA_OFFSET_END, until, err);
    for (int i = 0; status == EB_OK && i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            list->elems[i].offset = ends->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(ends);
    return status;
}

int64_t kf_offset_in(const rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition) {
    const rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)list, topic,
                                                                               partition);

    return one && !one->err && one->offset >= 0 ? one->offset : -1;
}

bool kf_has_offset_in(const rd_kafka_topic_partition_list_t *list, const char *topic) {
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset >= 0 && strcmp(list->elems[i].topic, topic) == 0)
            return true;
    return false;
}

static int64_t clamp(int64_t offset, int64_t low, int64_t high) {
    return offset < low ? low : offset > high ? high : offset;
}

static int32_t resolve_position(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const char *position,
                                int64_t unnamed, int64_t until, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *lows = rd_kafka_topic_partition_list_copy(list),
                                    *highs = rd_kafka_topic_partition_list_copy(list);
    int32_t status = find_offsets(a, lows, RD_KAFKA_OFFSET_BEGINNING, until, err);

    if (status == EB_OK)
        status = find_offsets(a, highs, RD_KAFKA_OFFSET_END, until, err);
    for (int i = 0; status == EB_OK && i < list->cnt; i++) {
        int64_t offset;
        if (kf_position_offset(position, list->elems[i].partition, &offset))
            list->elems[i].offset = clamp(offset, lows->elems[i].offset, highs->elems[i].offset);
        else
            list->elems[i].offset = unnamed == RD_KAFKA_OFFSET_BEGINNING ? lows->elems[i].offset : unnamed;
    }
    rd_kafka_topic_partition_list_destroy(lows);
    rd_kafka_topic_partition_list_destroy(highs);
    return status;
}

int32_t kf_query_point(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const struct eb_point *point, int64_t unnamed,
                       int64_t until, struct eb_error *err) {
    switch (point->kind) {
    case EB_EARLIEST:
        return kf_query_offsets(a, list, RD_KAFKA_OFFSET_BEGINNING, until, err);
    case EB_LATEST:
        return kf_query_offsets(a, list, RD_KAFKA_OFFSET_END, until, err);
    case EB_TIME:
        return kf_query_offsets(a, list, point->time_ms < 0 ? 0 : point->time_ms, until, err);
    default:
        return resolve_position(a, list, point->position.data, unnamed, until, err);
    }
}

int32_t kf_query_reach(struct kf_admin *a, const rd_kafka_topic_partition_list_t *list, const struct eb_point *to,
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

int32_t kf_no_topic(const char *topic, struct eb_error *err) {
    kf_misconfigured(err, "topic %s does not exist, or this user may not see it (the ACL Describe on the topic)", topic);
    return EB_GONE;
}

int32_t kf_no_partition(const char *topic, const struct eb_point *point, struct eb_error *err) {
    return kf_misconfigured(err, "topic %s has none of the partitions that %s names", topic, point->position.data);
}
