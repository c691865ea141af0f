/* plugins/kafka/admin/groups.h - what the cluster knows of consumer groups: members, assignments, committed offsets. */
#ifndef KF_GROUPS_H
#define KF_GROUPS_H

#include "admin.h"

struct kf_group {
    char *name;
    size_t members;
    const char *state;                          /* a word of librdkafka's; NULL: there is no such group */
    bool rebalancing;                           /* it has members, and what they are assigned is not known */
    rd_kafka_topic_partition_list_t *committed; /* its offsets */
    rd_kafka_topic_partition_list_t *assigned;  /* the partitions of its members */
    char member_names[400];
    bool left_out; /* nothing is known of it, and why was logged */
};

struct kf_groups {
    struct kf_group *items;
    size_t n, room, left_out;
    bool all; /* false: one group was asked for by its name */
};

/* Queries one group (name) or all (NULL). Of all, a group that cannot be described is logged and left out. */
int32_t kf_query_groups(struct kf_admin *, const char *name, int64_t until, struct kf_groups *, struct eb_error *);

/* Queries one group for a change that Kafka would not make under live members. If it has any, EB_PERMANENT: it cannot be
 * VERB. */
int32_t kf_query_stopped_group(struct kf_admin *, const char *name, const char *verb, int64_t until, struct kf_groups *,
                               struct eb_error *);

/* The error that a result about one group holds, of the group or of any of its partitions. */
rd_kafka_resp_err_t kf_group_result_error(const rd_kafka_group_result_t **, size_t n);

void kf_groups_free(struct kf_groups *);

#endif
