/* plugins/kafka/admin/admin_write.c - creates and removes topics, removes groups; see admin.h. */
#include "groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Creating a topic ---- */

/* Names the partitions and replicas that were asked for, which may be what the cluster refuses. */
static int32_t create_error(const char *topic, int partitions, int64_t replication, rd_kafka_resp_err_t code, const char *text,
                            struct eb_error *err) {
    char with[80] = "";
    size_t len = 0;

    if (partitions > 0)
        len = (size_t)snprintf(with, sizeof with, " with partitions = %d", partitions);
    if (replication > 0)
        snprintf(with + len, sizeof with - len, "%s replication = %" PRId64, len > 0 ? "," : " with", replication);
    return ebp_error(err, kf_class(code), code, "topic %s cannot be created%s: %s", topic, with,
                     text ? text : rd_kafka_err2str(code));
}

/* The host creates topics for dead letters, which are larger than their events by further headers. An event may just fit the
 * usual limit of a cluster, 1,048,588 bytes, and its dead letter not. */
#define LARGEST_RECORD "11534336"

/* Settings of a topic that the host creates. A cluster where users may not choose them gets as many as it accepts.
 * BROKER_TIMES: with the brokers' times, no wrong clock of a sender makes them remove its messages too early. */
enum { CLUSTER_DEFAULTS = 0, LARGER_LIMIT = 1, BROKER_TIMES = 2 };

/* Asks once. *code is the cluster's answer. */
static int32_t request_topic(struct kf_admin *a, const char *topic, int partitions, unsigned settings, uint32_t flags,
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
        return ebp_error(err, EB_PERMANENT, 0, "topic %s cannot be created: %s", topic, why);
    if (settings & LARGER_LIMIT)
        rd_kafka_NewTopic_set_config(new, "max.message.bytes", LARGEST_RECORD);
    if (settings & BROKER_TIMES)
        rd_kafka_NewTopic_set_config(new, "message.timestamp.type", "LogAppendTime");
    options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, until);
    if (flags & EB_DRY_RUN)
        rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof why);
    rd_kafka_CreateTopics(a->client.rk, &new, 1, options, a->results);
    event = kf_request_result(a, until, "creating a topic", &status, err);
    rd_kafka_NewTopic_destroy(new);
    if (!event)
        return status;
    const rd_kafka_topic_result_t **made = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    *code = n ? rd_kafka_topic_result_error(made[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (*code && *code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        const char *text = n ? rd_kafka_topic_result_error_string(made[0]) : NULL;
        status = create_error(topic, partitions, set->replication, *code, text, err);
    }
    rd_kafka_event_destroy(event);
    return status;
}

static bool is_setting_refused(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_INVALID_CONFIG || code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
}

int32_t kf_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    struct kf_admin *a = self;
    const struct kf_settings *set = a->client.set;
    int n = partitions ? (int)partitions : set->partitions ? (int)set->partitions : -1;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    rd_kafka_resp_err_t code;
    unsigned settings = LARGER_LIMIT | BROKER_TIMES;
    int32_t status = request_topic(a, topic, n, settings, flags, until, &code, err);

    while (settings-- > CLUSTER_DEFAULTS && is_setting_refused(code))
        status = request_topic(a, topic, n, settings, flags, until, &code, err);
    if (status == EB_OK && !(flags & EB_DRY_RUN))
        kf_query_await_topic(a, topic, true, until);
    return status;
}

/* ---- Removing a topic ---- */

static int32_t remove_topic(struct kf_admin *a, const char *topic, int64_t until, struct eb_error *err) {
    rd_kafka_DeleteTopic_t *old = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_DELETETOPICS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n;

    rd_kafka_DeleteTopics(a->client.rk, &old, 1, options, a->results);
    event = kf_request_result(a, until, "removing a topic", &status, err);
    rd_kafka_DeleteTopic_destroy(old);
    if (!event)
        return status;
    const rd_kafka_topic_result_t **gone = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
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

/* ---- Removing a group ---- */

static int32_t delete_group(struct kf_admin *a, const char *name, int64_t until, struct eb_error *err) {
    rd_kafka_DeleteGroup_t *request = rd_kafka_DeleteGroup_new(name);
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_DELETEGROUPS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_DeleteGroups(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing a group", &status, err);
    rd_kafka_DeleteGroup_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **gone = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &n);
    rd_kafka_resp_err_t code = kf_group_result_error(gone, n);
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        status = EB_GONE;
    else if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be removed", name);
    rd_kafka_event_destroy(event);
    return status;
}

static int32_t delete_offsets(struct kf_admin *a, const char *name, const rd_kafka_topic_partition_list_t *list, int64_t until,
                              struct eb_error *err) {
    rd_kafka_DeleteConsumerGroupOffsets_t *request = rd_kafka_DeleteConsumerGroupOffsets_new(name, list);
    rd_kafka_AdminOptions_t *options = kf_request_begin(a, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, until);
    rd_kafka_event_t *event;
    int32_t status;
    size_t n = 0;

    rd_kafka_DeleteConsumerGroupOffsets(a->client.rk, &request, 1, options, a->results);
    event = kf_request_result(a, until, "removing a group from a topic", &status, err);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
    if (!event)
        return status;
    const rd_kafka_group_result_t **gone = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
        rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &n);
    rd_kafka_resp_err_t code = kf_group_result_error(gone, n);
    if (code)
        status = kf_admin_failed(a, err, code, "group %s cannot be removed from its topic", name);
    rd_kafka_event_destroy(event);
    return status;
}

/* A group of Kafka's does not belong to one topic. A group with offsets in other topics loses those in this one only. */
static int32_t remove_group(struct kf_admin *a, const char *topic, const char *name, int64_t until, struct eb_error *err) {
    rd_kafka_topic_partition_list_t *here = rd_kafka_topic_partition_list_new(4);
    struct kf_groups groups;
    int32_t status = kf_query_stopped_group(a, name, "removed", until, &groups, err);
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
    kf_groups_free(&groups);
    if (here->cnt == 0)
        status = EB_GONE;
    else
        status = elsewhere ? delete_offsets(a, name, here, until, err) : delete_group(a, name, until, err);
done:
    rd_kafka_topic_partition_list_destroy(here);
    return status;
}

int32_t kf_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    return group ? remove_group(self, topic, group, until, err) : remove_topic(self, topic, until, err);
}
