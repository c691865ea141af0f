/* plugins/kafka/admin/admin.h - the admin role's operations (see eventbus/plugin.h), and what its files share:
 *
 *   admin.c         the instance; requests to the cluster, and their errors
 *   query.c         what the cluster knows of topics, partitions and offsets
 *   groups.c        what the cluster knows of groups
 *   admin_read.c    lists topics and groups
 *   admin_write.c   creates and removes topics, removes groups
 *   seek.c          moves a group
 *   trim.c          removes old events
 *   browse.c        reads a topic without a group
 *
 * Each function that asks the cluster waits for its answer, until a time by ebp_monotonic_ms. */
#ifndef KF_ADMIN_H
#define KF_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "client/client.h"
#include "error.h"
#include "record/reader.h"
#include "topic_list.h"

struct kf_admin {
    struct kf_client client;
    rd_kafka_queue_t *results;
    rd_kafka_AdminOptions_t *options; /* of the request under way */
    uintptr_t n_requests;             /* so far; each request carries its number */
    struct kf_client fetcher;         /* browse's; rk NULL until the first browse */
    struct kf_reader reader;
    char *browsed; /* the topic browsed last, the position of the last message that was delivered, */
    char last[KF_POSITION_ROOM];
    rd_kafka_topic_partition_list_t *next; /* and where each partition would go on */
};

int32_t kf_admin_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int32_t kf_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *);
int32_t kf_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
int32_t kf_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t kf_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
int32_t kf_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *);
int32_t kf_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *);
int32_t kf_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
void kf_admin_close(void *self);

/* ---- admin.c: requests. Begin one, pass the options and a->results to librdkafka, and wait for the result ---- */

/* The options of a new request; kf_request_result destroys them. */
rd_kafka_AdminOptions_t *kf_request_begin(struct kf_admin *, rd_kafka_admin_op_t, int64_t until);

/* The result of the request under way, to be destroyed. NULL: it failed, or was not there in time: see err, and *status for
 * its class. `what` was asked. */
rd_kafka_event_t *kf_request_result(struct kf_admin *, int64_t until, const char *what, int32_t *status, struct eb_error *);

/* How many ms are left: at least 1. */
int kf_left_ms(int64_t until);

/* Fills in "FORMAT: why", if the cluster could not be reached with the cause of that. Returns the class. */
int32_t kf_admin_failed(struct kf_admin *, struct eb_error *, rd_kafka_resp_err_t, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Names the right that a query about a group needs, if that right is missing; else "". */
const char *kf_right_missing(rd_kafka_resp_err_t);

/* ---- query.c ---- */

/* The partitions of a topic, or of all topics (NULL) but the cluster's own, offsets invalid; to be destroyed. EB_GONE: the
 * topic does not exist. */
int32_t kf_query_partitions(struct kf_admin *, const char *topic, int64_t until, rd_kafka_topic_partition_list_t **,
                            struct eb_error *);

/* Whether a failed query is to be repeated for what exists now, since a topic was removed between two of its requests, or the
 * brokers do not agree yet who leads a partition.
 * Waits a moment before it returns true. */
bool kf_query_should_retry(const struct eb_error *why, int64_t until);

/* Waits until brokers know a topic that was created and the leader of each partition answers, or until they no longer know one that was removed: the response to its creation or
 * removal comes before each broker has heard of it. Waits 10 s at most; it is created or removed even if that is not
 * enough. */
void kf_query_await_topic(struct kf_admin *, const char *topic, bool exists, int64_t until);

/* Sets each offset to what `at` means there: RD_KAFKA_OFFSET_BEGINNING, _END, or a time in ms; if no message is that late,
 * the end. */
int32_t kf_query_offsets(struct kf_admin *, rd_kafka_topic_partition_list_t *, int64_t at, int64_t until, struct eb_error *);

/* Where partitions begin and end: two equal, sorted lists. */
struct kf_bounds {
    rd_kafka_topic_partition_list_t *lows, *highs;
    size_t unknown; /* topics of which some partition's bounds are not known */
};

/* Sets the offsets of both lists. A partition that cannot be asked (it has no leader, say) hides no other: it has err and
 * offset -1 in both lists, its topic is logged and counts as unknown. */
int32_t kf_query_bounds(struct kf_admin *, struct kf_bounds *, int64_t until, struct eb_error *);
void kf_bounds_free(struct kf_bounds *);

/* Sets each offset to what a checked point means, within the partition's bounds; to `unnamed` if a position does not name
 * the partition. */
int32_t kf_query_point(struct kf_admin *, rd_kafka_topic_partition_list_t *, const struct eb_point *, int64_t unnamed,
                       int64_t until, struct eb_error *);

/* Returns EB_END, with the reason, if a checked point is a position behind the end of its partition. */
int32_t kf_query_reach(struct kf_admin *, const rd_kafka_topic_partition_list_t *, const struct eb_point *, int64_t until,
                       struct eb_error *);

/* Return EB_GONE and EB_PERMANENT: the topic does not exist; a position names none of its partitions. */
int32_t kf_no_topic(const char *topic, struct eb_error *);
int32_t kf_no_partition(const char *topic, const struct eb_point *, struct eb_error *);

/* The offset of a list's partition; -1: the list does not have it, or no offset for it. */
int64_t kf_offset_in(const rd_kafka_topic_partition_list_t *, const char *topic, int32_t partition);

/* Whether the list has an offset for any partition of a topic. */
bool kf_has_offset_in(const rd_kafka_topic_partition_list_t *, const char *topic);

#endif
