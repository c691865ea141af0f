/* plugins/kafka/admin/admin.c - the instance, and its operations on topics; see admin.h. */
#include "admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

/* ---- The instance ---- */

int32_t kf_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct kf_admin *a = calloc(1, sizeof *a);
    rd_kafka_conf_t *conf = a ? kf_conf_new(settings, KF_ADMIN, host->service, err) : NULL;
    int32_t status = EB_PERMANENT;

    if (!a)
        return ebp_no_memory(err);
    if (conf)
        status = kf_client_open(&a->client, host, settings, KF_ADMIN, conf, err);
    if (status != EB_OK) {
        free(a);
        return status;
    }
    a->results = rd_kafka_queue_new(a->client.rk);
    *self = a;
    return EB_OK;
}

void kf_admin_close(void *self) {
    struct kf_admin *a = self;

    if (a->fetcher.rk)
        kf_client_close(&a->fetcher);
    if (a->next)
        rd_kafka_topic_partition_list_destroy(a->next);
    rd_kafka_queue_destroy(a->results);
    kf_client_close(&a->client);
    kf_reader_free(&a->reader);
    free(a->browsed);
    free(a);
}

/* ---- topics ---- */

/* Those of one topic stand together. Answers where the next topic begins. */
static int describe_topic(const rd_kafka_topic_partition_list_t *lows, const rd_kafka_topic_partition_list_t *highs, int from,
                      struct eb_topic_info *info) {
    bool known = true;
    int i = from;

    *info = (struct eb_topic_info){ .size = sizeof *info, .name = lows->elems[from].topic, .bytes = -1, .oldest_ms = -1,
                                    .newest_ms = -1 };
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

/* All topics' partitions where they begin and where they end; both to be destroyed. */
static int32_t find_topics(struct kf_admin *a, int64_t until, rd_kafka_topic_partition_list_t **lows,
                           rd_kafka_topic_partition_list_t **highs, size_t *unknown, struct eb_error *err) {
    int32_t status = kf_query_partitions(a, NULL, until, lows, err);

    if (status != EB_OK)
        return status;
    rd_kafka_topic_partition_list_sort(*lows, NULL, NULL);
    *highs = rd_kafka_topic_partition_list_copy(*lows);
    status = kf_query_bounds(a, *lows, *highs, until, unknown, err);
    if (status == EB_OK)
        return EB_OK;
    rd_kafka_topic_partition_list_destroy(*lows);
    rd_kafka_topic_partition_list_destroy(*highs);
    return status;
}

int32_t kf_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *err) {
    struct kf_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    rd_kafka_topic_partition_list_t *lows, *highs;
    struct eb_topic_info info;
    struct eb_error why;
    size_t unknown = 0;
    int32_t status;

    do {
        why = (struct eb_error){0};
        status = find_topics(a, until, &lows, &highs, &unknown, &why);
    } while (status != EB_OK && kf_query_should_retry(&why, until));
    if (status != EB_OK) {
        if (err)
            *err = why;
        return status;
    }
    for (int i = 0; i < lows->cnt;) {
        i = describe_topic(lows, highs, i, &info);
        if (each(arg, &info) != 0)
            unknown = 0, i = lows->cnt;
    }
    rd_kafka_topic_partition_list_destroy(lows);
    rd_kafka_topic_partition_list_destroy(highs);
    return unknown ? ebp_error(err, EB_PERMANENT, 0, "what %zu topic(s) hold is not known; the reasons are above", unknown) : EB_OK;
}

/* ---- create, remove ---- */

/* With what was asked for where it was: it may be that which the cluster refuses. */
static int32_t create_error(const char *topic, int partitions, int64_t replication, rd_kafka_resp_err_t code, const char *text,
                        struct eb_error *err) {
    char with[80] = "";
    size_t len = 0;

    if (partitions > 0)
        len = (size_t)snprintf(with, sizeof with, " with partitions = %d", partitions);
    if (replication > 0)
        snprintf(with + len, sizeof with - len, "%s replication = %" PRId64, len > 0 ? "," : " with", replication);
    return ebp_error(err, kf_class(code), code, "topic %s cannot be made%s: %s", topic, with,
                     text ? text : rd_kafka_err2str(code));
}

/* The topics that the host makes are for dead letters, which are larger than the events they are of, by their further
 * headers: an event may just fit the usual limit of a cluster, 1,048,588 bytes, and its dead letter not. */
#define LARGEST_RECORD "11534336"

/* What a topic that the host makes is to have; a cluster where users may not choose it gets as much of it as it takes. The
 * brokers' times: no wrong clock of a sender makes them remove its messages too early. */
enum topic_settings { CLUSTER_DEFAULTS = 0, LARGER_LIMIT = 1, BROKER_TIMES = 2 };

/* Asks once. *code is the cluster's answer. */
static int32_t request_topic(struct kf_admin *a, const char *topic, int partitions, unsigned topic_settings, uint32_t flags,
                             int64_t until, rd_kafka_resp_err_t *code, struct eb_error *err) {
    const struct kf_settings *set = a->client.set;
    char why[300];
    rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic, partitions, set->replication ? (int)set->replication : -1, why,
                                                     sizeof why);
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;
    int32_t status;
    size_t n;

    *code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!new)
        return ebp_error(err, EB_PERMANENT, 0, "topic %s cannot be made: %s", topic, why);
    if (topic_settings & LARGER_LIMIT)
        rd_kafka_NewTopic_set_config(new, "max.message.bytes", LARGEST_RECORD);
    if (topic_settings & BROKER_TIMES)
        rd_kafka_NewTopic_set_config(new, "message.timestamp.type", "LogAppendTime");
    options = kf_request_options(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, until);
    if (flags & EB_DRY_RUN)
        rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof why);
    rd_kafka_CreateTopics(a->client.rk, &new, 1, options, a->results);
    event = kf_request_result(a, until, "making a topic", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(new);
    if (!event)
        return status;
    const rd_kafka_topic_result_t **made =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    *code = n ? rd_kafka_topic_result_error(made[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (*code && *code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        const char *text = n ? rd_kafka_topic_result_error_string(made[0]) : NULL;
        status = create_error(topic, partitions, set->replication, *code, text, err);
    }
    rd_kafka_event_destroy(event);
    return status;
}

int32_t kf_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    struct kf_admin *a = self;
    const struct kf_settings *set = a->client.set;
    int n = partitions ? (int)partitions : set->partitions ? (int)set->partitions : -1;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    rd_kafka_resp_err_t code;
    unsigned topic_settings = LARGER_LIMIT | BROKER_TIMES;
    int32_t status = request_topic(a, topic, n, topic_settings, flags, until, &code, err);

    while (topic_settings-- > CLUSTER_DEFAULTS && (code == RD_KAFKA_RESP_ERR_INVALID_CONFIG || code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION))
        status = request_topic(a, topic, n, topic_settings, flags, until, &code, err);     /* they may not be chosen here */
    if (status == EB_OK && !(flags & EB_DRY_RUN))
        kf_query_await_topic(a, topic, true, until);
    return status;
}

static int32_t remove_topic(struct kf_admin *a, const char *topic, int64_t until, struct eb_error *err) {
    rd_kafka_DeleteTopic_t *old = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = kf_request_options(a, RD_KAFKA_ADMIN_OP_DELETETOPICS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n;

    rd_kafka_DeleteTopics(a->client.rk, &old, 1, options, a->results);
    event = kf_request_result(a, until, "removing a topic", &status, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(old);
    if (!event)
        return status;
    const rd_kafka_topic_result_t **gone =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    rd_kafka_resp_err_t code = n ? rd_kafka_topic_result_error(gone[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        status = EB_GONE;
    else if (code)
        status = kf_admin_failed(a, err, code, "topic %s cannot be removed", topic);
    rd_kafka_event_destroy(event);
    if (status == EB_OK)
        kf_query_await_topic(a, topic, false, until);
    return status;
}

int32_t kf_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    return group ? kf_remove_group(self, topic, group, until, err) : remove_topic(self, topic, until, err);
}
