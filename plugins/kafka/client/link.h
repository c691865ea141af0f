/* plugins/kafka/client/link.h - whether the cluster can be reached, told once a change.
 *
 * librdkafka tells of each connection that fails, and says that all are down even when the next address is about to be
 * tried. So bad news is only a doubt at first: the cluster is asked, and down is told after DOUBT_MS without an answer. */
#ifndef KF_LINK_H
#define KF_LINK_H

#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

struct kf_link {
    const struct eb_host *host;
    bool up, reported_down;                 /* as the host knows it; neither at first */
    bool was_up;
    bool reached;                       /* the cluster, as far as is known */
    bool doubted;
    int64_t doubted_ms, checked_ms;       /* since when; when it was asked last */
    int why_rank;                           /* how much the cause in `why` tells */
    struct eb_error why;
    int32_t registry;                   /* see kf_link_set_registry */
    struct eb_error registry_why;
};

/* What librdkafka says of a connection, or of all: text is its words, hint (NULL: none) ours. */
void kf_link_failed(struct kf_link *, rd_kafka_resp_err_t, const char *text, const char *hint, int64_t now_ms);

/* The cluster has answered. */
void kf_link_reached(struct kf_link *);

/* How the schema registry is: EB_OK; EB_EMPTY, it has not answered yet; EB_RETRIABLE, it is away; EB_PERMANENT, it turns
 * this client away. One that is away keeps nobody from coming up, since known schemas go on without it and the others are
 * waited for; only then it is told. Who is turned away does not come up, so that whoever starts ends with the cause. */
void kf_link_set_registry(struct kf_link *, int32_t status, const struct eb_error *why);

/* Asks the cluster where that is due, without waiting, and tells the host what has changed. */
void kf_link_check(struct kf_link *, rd_kafka_t *, int64_t now_ms);

/* When kf_link_check has something to do; INT64_MAX: not by itself. */
int64_t kf_link_due_ms(const struct kf_link *);

#endif
