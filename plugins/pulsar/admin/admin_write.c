/* admin/admin_write.c - creates and removes topics, removes groups; see admin.h. */
#include "admin/admin.h"

#include <stdio.h>
#include <string.h>

/* ---- Creating ---- */

static int32_t make_topic(struct pl_admin *a, const char *topic, uint32_t partitions, int64_t until, bool *made,
                          struct eb_error *err) {
    struct pl_answer answer;
    char body[16];

    snprintf(body, sizeof body, "%u", partitions);
    int32_t status = partitions > 0 ? pl_ask_topic(a, "PUT", topic, -1, body, until, &answer, err, "/partitions")
                                    : pl_ask_topic(a, "PUT", topic, -1, "{}", until, &answer, err, "%s", "");
    *made = status == EB_OK;
    if (answer.code == 409)
        status = EB_OK; /* it is there */
    else if (status == EB_GONE)
        status = ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 404,
                                   "topic %s cannot be created: Pulsar has no namespace %s/%s; `pulsar-admin namespaces create "
                                   "%s/%s` makes it",
                                   topic, a->set->tenant, a->set->name_space, a->set->tenant, a->set->name_space);
    else if (status != EB_OK && partitions > 0)
        ebp_error_context(err, "topic %s with %u partitions cannot be created", topic, partitions);
    else if (status != EB_OK)
        ebp_error_context(err, "topic %s cannot be created", topic);
    pl_answer_free(&answer);
    return status;
}

/* Without a policy of the topic's own the namespace's counts, which by default keeps nothing that all groups have acknowledged,
 * and nothing at all of a topic without groups, such as one for dead letters. A topic without the policy is still a topic. */
static void keep_messages(struct pl_admin *a, const char *topic, int64_t until) {
    int64_t minutes = (a->set->retention + 59999) / 60000;
    struct pl_answer answer;
    struct eb_error why;
    char body[100];

    if (minutes == 0)
        return;
    snprintf(body, sizeof body, "{\"retentionTimeInMinutes\":%lld,\"retentionSizeInMB\":-1}", (long long)minutes);
    if (pl_ask_topic(a, "POST", topic, -1, body, until, &answer, &why, "/retention") != EB_OK)
        ebp_log(a->host, EBP_LOG_WARNING,
                "topic %s is made, but its retention cannot be set, so the namespace's counts for what it keeps: %s", topic,
                why.text);
    pl_answer_free(&answer);
}

int32_t pl_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    struct pl_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    bool made = false;
    int n = 0;
    int32_t status = pl_query_partitions(a, topic, until, &n, err);

    if (status != EB_GONE || (flags & EB_DRY_RUN))
        return status == EB_GONE ? EB_OK : status;
    status = make_topic(a, topic, partitions > 0 ? partitions : (uint32_t)a->set->partitions, until, &made, err);
    if (made)
        keep_messages(a, topic, until);
    return status;
}

/* ---- Removing ---- */

/* EB_PERMANENT: the group has live members. EB_GONE: there is no such group. */
static int32_t check_members(struct pl_admin *a, const char *topic, int n, const char *group, int64_t until,
                             struct eb_error *err) {
    int32_t status = EB_OK;
    bool found = false;

    for (int i = n > 0 ? 0 : -1; status == EB_OK && i < n; i++) {
        json_t *stats = NULL;
        status = pl_query_stats(a, topic, i, until, &stats, err);
        const json_t *subscription = json_object_get(json_object_get(stats, "subscriptions"), group);
        found = found || subscription;
        if (status == EB_OK && pl_members(subscription) > 0)
            status = pl_refuse_members(topic, group, subscription, "removed", err);
        json_decref(stats);
    }
    return status == EB_OK && !found ? EB_GONE : status;
}

/* Producers and members are cut off; those that go on make the topic anew where the broker lets them. */
static int32_t remove_topic(struct pl_admin *a, const char *topic, int n, int64_t until, struct eb_error *err) {
    struct pl_answer answer;
    int32_t status = pl_ask_topic(a, "DELETE", topic, -1, NULL, until, &answer, err, "%s?force=true",
                                  n > 0 ? "/partitions" : "");

    pl_answer_free(&answer);
    return status;
}

int32_t pl_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    struct pl_admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    struct pl_answer answer;
    int n = 0;
    int32_t status = pl_query_partitions(a, topic, until, &n, err);

    if (status == EB_OK && !group)
        return remove_topic(a, topic, n, until, err);
    if (status == EB_OK)
        status = check_members(a, topic, n, group, until, err);
    if (status != EB_OK)
        return status;
    status = pl_ask_group(a, "DELETE", topic, -1, group, NULL, until, &answer, err, "");
    pl_answer_free(&answer);
    return status;
}
