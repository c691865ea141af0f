/* plugins/kafka/admin/admin.h - looking after topics and groups; see eventbus/plugin.h. What its files share:
 *
 *   admin.c      the instance; topics: list, create, remove
 *   query.c      questions to the cluster that wait for the answer
 *   groups.c     groups: list, seek, remove
 *   trim.c       trim
 *   browse.c     browse */
#ifndef KF_ADMIN_H
#define KF_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "client/client.h"
#include "record/reader.h"

struct kf_admin {
    struct kf_client client;
    rd_kafka_queue_t *results;
    uintptr_t n_requests;                    /* questions so far; each carries its number */
    struct kf_client fetcher;           /* browse's; rk NULL until the first */
    struct kf_reader reader;
    char *browsed;                      /* the topic browsed last; */
    char last[40];                      /*   the position of the last message told, */
    rd_kafka_topic_partition_list_t *next;      /* and where each partition would have gone on */
};

int32_t kf_admin_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int32_t kf_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *);
int32_t kf_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
int32_t kf_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t kf_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *);
int32_t kf_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *);
int32_t kf_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *);
int32_t kf_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
void kf_admin_close(void *self);

/* groups.c: the part of remove that is about one group. */
int32_t kf_remove_group(struct kf_admin *, const char *topic, const char *group, int64_t until, struct eb_error *);

/* ---- query.c: each waits until a time by ebp_monotonic_ms at most ---- */

/* "FORMAT: why", where the way to the cluster is the cause with what is wrong with it. Answers the class. */
int32_t kf_admin_failed(struct kf_admin *, struct eb_error *, rd_kafka_resp_err_t, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The right that a question about a group needs, where that is what is missing; else "". */
const char *kf_right_missing(rd_kafka_resp_err_t);

/* The partitions of a topic, or of all (topic NULL) but the cluster's own, offsets invalid; to be destroyed. EB_GONE: there
 * is no such topic. */
int32_t kf_query_partitions(struct kf_admin *, const char *topic, int64_t until, rd_kafka_topic_partition_list_t **,
                          struct eb_error *);

/* After a failure: whether to ask once more for what there is, since a topic was removed between two questions. Waits a
 * moment before it answers true. */
bool kf_query_should_retry(const struct eb_error *why, int64_t until);

/* Waits until brokers tell of a topic that was made, or no more of one that was removed: the answer to its making or removal
 * comes before each of them has heard. For 10 s at most; it is made or removed even when that is not enough. */
void kf_query_await_topic(struct kf_admin *, const char *topic, bool there, int64_t until);

/* Sets each offset to what `at` means there: RD_KAFKA_OFFSET_BEGINNING, _END, or a time in ms, then the end's offset where
 * no message is that late. */
int32_t kf_query_offsets(struct kf_admin *, rd_kafka_topic_partition_list_t *, int64_t at, int64_t until, struct eb_error *);

/* Sets where the partitions of two equal, sorted lists begin and where they end. One that cannot be asked (it has no leader,
 * say) hides no other: it has err and offset -1 in both, the log tells of its topic, and *unknown counts such topics. */
int32_t kf_query_bounds(struct kf_admin *, rd_kafka_topic_partition_list_t *lows, rd_kafka_topic_partition_list_t *highs,
                    int64_t until, size_t *unknown, struct eb_error *);

/* Sets each offset to what a checked point means, within begin and end; where a position names no partition: unnamed. */
int32_t kf_query_point(struct kf_admin *, rd_kafka_topic_partition_list_t *, const struct eb_point *, int64_t unnamed,
                     int64_t until, struct eb_error *);

/* The answer of a request that was sent to a->answers; NULL: none in time, or it failed: err tells, *status its class. */
rd_kafka_event_t *kf_request_result(struct kf_admin *, int64_t until, const char *what, int32_t *status, struct eb_error *);

/* Options for a request, to be destroyed. */
rd_kafka_AdminOptions_t *kf_request_options(struct kf_admin *, rd_kafka_admin_op_t, int64_t until);

/* Where a group stands, in all partitions that it has a place in; to be destroyed. */
int32_t kf_query_committed(struct kf_admin *, const char *group, int64_t until, rd_kafka_topic_partition_list_t **,
                      struct eb_error *);

/* The offset of a list's partition; -1: it is not there, or has none. */
int64_t kf_offset_in(const rd_kafka_topic_partition_list_t *, const char *topic, int32_t partition);

#endif
