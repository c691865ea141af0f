/* plugins/kafka/admin/query.c - questions to the cluster that wait for the answer; see admin.h. */
#include "admin.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "position.h"

enum {
    PROPAGATION_MS = 20, PROPAGATION_MAX_MS = 10000,     /* a broker hears of a topic's making or removal a moment after the answer */
    GRACE_MS = 500                          /* librdkafka says itself that the time is over */
};

static int left_ms(int64_t until) {
    int64_t ms = until - ebp_monotonic_ms();

    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* ---- What went wrong ---- */

/* What librdkafka has said of connections meanwhile. */
static void drain_errors(struct kf_admin *a) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(a->client.queue, 0))) {
        kf_client_handle_event(&a->client, event);
        rd_kafka_event_destroy(event);
    }
}

static bool is_connection_error(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

static bool was_reached(const struct kf_admin *a) {
    char *cluster = rd_kafka_clusterid(a->client.rk, 0);

    if (cluster)
        rd_kafka_mem_free(a->client.rk, cluster);
    return cluster != NULL;
}

int32_t kf_admin_failed(struct kf_admin *a, struct eb_error *err, rd_kafka_resp_err_t code, const char *format, ...) {
    char what[400];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    drain_errors(a);
    if (!is_connection_error(code) || (!a->client.link.why.text[0] && was_reached(a)))
        return kf_failed(err, code, "%s", what);
    if (a->client.link.why.text[0])
        ebp_error(err, EB_RETRIABLE, code, "%s: %s", what, a->client.link.why.text);
    else
        ebp_error(err, EB_RETRIABLE, code, "%s: %.300s: no answer; is Kafka at this address, and is security right?", what,
                  a->client.set->bootstrap_servers);
    return EB_RETRIABLE;
}

const char *kf_right_missing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? ", which takes the ACL Describe on the group" : "";
}

/* ---- Topics and their places ---- */

/* Whether the topic is there to be used; an error that says more than "unknown" counts as there. */
static bool is_there(const struct rd_kafka_metadata_topic *topic) {
    return topic->partition_cnt > 0 && topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

int32_t kf_query_partitions(struct kf_admin *a, const char *topic, int64_t until, rd_kafka_topic_partition_list_t **list,
                          struct eb_error *err) {
    const struct rd_kafka_metadata *metadata;
    /* All of them: asking for one could make it. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->client.rk, 1, NULL, &metadata, left_ms(until));

    if (code)
        return kf_admin_failed(a, err, code, "asking for topics");
    *list = rd_kafka_topic_partition_list_new(16);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[i];
        bool wanted = topic ? strcmp(found->topic, topic) == 0 : strncmp(found->topic, "__", 2) != 0;
        for (int p = 0; wanted && is_there(found) && p < found->partition_cnt; p++)
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

bool kf_query_should_retry(const struct eb_error *why, int64_t until) {
    if (!was_removed((rd_kafka_resp_err_t)why->native) || ebp_monotonic_ms() + PROPAGATION_MS >= until)
        return false;
    poll(NULL, 0, PROPAGATION_MS);
    return true;
}

void kf_query_await_topic(struct kf_admin *a, const char *topic, bool there, int64_t until) {
    int64_t most = ebp_monotonic_ms() + PROPAGATION_MAX_MS;

    if (until > most)
        until = most;
    for (;;) {
        rd_kafka_topic_partition_list_t *list = NULL;
        int32_t status = kf_query_partitions(a, topic, until, &list, NULL);

        if (list)
            rd_kafka_topic_partition_list_destroy(list);
        if (status == (there ? EB_OK : EB_GONE) || ebp_monotonic_ms() + PROPAGATION_MS >= until)
            return;
        poll(NULL, 0, PROPAGATION_MS);
    }
}

/* What is wrong with one partition stands in its err. */
static int32_t query_each(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, int64_t at, int64_t until,
                       struct eb_error *err) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = at;
    if (list->cnt > 0)                  /* the protocol has times below 0 for both ends */
        code = rd_kafka_offsets_for_times(a->client.rk, list, left_ms(until));
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

/* One line for a topic, the first of its partitions standing for all of them. */
static void log_unknown(struct kf_admin *a, const rd_kafka_topic_partition_t *one) {
    const struct eb_host *host = a->client.host;
    struct eb_error why = {0};

    offset_error(a, one, &why);
    host->log(host, 4, why.text);
}

int32_t kf_query_bounds(struct kf_admin *a, rd_kafka_topic_partition_list_t *lows, rd_kafka_topic_partition_list_t *highs,
                    int64_t until, size_t *unknown, struct eb_error *err) {
    const char *told = NULL;
    int32_t status = query_each(a, lows, RD_KAFKA_OFFSET_BEGINNING, until, err);

    if (status == EB_OK)
        status = query_each(a, highs, RD_KAFKA_OFFSET_END, until, err);
    *unknown = 0;
    for (int i = 0; status == EB_OK && i < lows->cnt; i++) {
        rd_kafka_topic_partition_t *low = &lows->elems[i], *high = &highs->elems[i];
        if (!low->err)
            low->err = high->err;
        high->err = low->err;
        if (was_removed(low->err))
            return offset_error(a, low, err);
        if (!low->err)
            continue;
        low->offset = high->offset = -1;
        if (!told || strcmp(told, low->topic) != 0) {
            log_unknown(a, low);
            ++*unknown;
        }
        told = low->topic;
    }
    return status;
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
    const rd_kafka_topic_partition_t *one =
        rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)list, topic, partition);

    return one && !one->err && one->offset >= 0 ? one->offset : -1;
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

int32_t kf_query_point(struct kf_admin *a, rd_kafka_topic_partition_list_t *list, const struct eb_point *point,
                     int64_t unnamed, int64_t until, struct eb_error *err) {
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

/* ---- Requests ---- */

rd_kafka_AdminOptions_t *kf_request_options(struct kf_admin *a, rd_kafka_admin_op_t op, int64_t until) {
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->client.rk, op);
    char why[200];

    rd_kafka_AdminOptions_set_opaque(options, (void *)++a->n_requests);
    rd_kafka_AdminOptions_set_request_timeout(options, left_ms(until), why, sizeof why);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS ||
        op == RD_KAFKA_ADMIN_OP_DELETERECORDS)
        rd_kafka_AdminOptions_set_operation_timeout(options, left_ms(until), why, sizeof why);
    return options;
}

/* The answer to the latest question. One that was given up may still be answered: after the process stood still, say. */
static rd_kafka_event_t *take_result(struct kf_admin *a, int64_t until) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(a->results, left_ms(until + GRACE_MS))) &&
           (uintptr_t)rd_kafka_event_opaque(event) != a->n_requests)
        rd_kafka_event_destroy(event);
    return event;
}

rd_kafka_event_t *kf_request_result(struct kf_admin *a, int64_t until, const char *what, int32_t *status,
                                struct eb_error *err) {
    rd_kafka_event_t *event = take_result(a, until);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

    *status = EB_OK;
    if (!code)
        return event;
    *status = kf_admin_failed(a, err, code, "%s", what);
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}

int32_t kf_query_committed(struct kf_admin *a, const char *group, int64_t until, rd_kafka_topic_partition_list_t **committed,
                      struct eb_error *err) {
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_ListConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "asking for a group's places", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **groups =
        rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
    const rd_kafka_error_t *why = n ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *found = n ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);
    if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        status = kf_admin_failed(a, err, code, "asking where group %s stands%s", group, kf_right_missing(code));
    else
        *committed = found ? rd_kafka_topic_partition_list_copy(found) : rd_kafka_topic_partition_list_new(1);
    rd_kafka_event_destroy(event);
    return status;
}
