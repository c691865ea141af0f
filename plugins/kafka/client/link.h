/* plugins/kafka/client/link.h - whether the cluster can be reached, reported to the host once a change.
 *
 * librdkafka reports each connection that fails, and that all brokers are down even when the next address is about to be
 * tried. So a failure is only a doubt at first: the cluster is asked, and "down" is reported after DOUBT_MS without an
 * answer, at the start sooner where connect_timeout is short. */
#ifndef KF_LINK_H
#define KF_LINK_H

#include <stdbool.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/link.h>

struct kf_link {
    struct ebp_link reported; /* to the host */
    bool was_up;
    bool reached;                   /* the cluster answers, as far as is known */
    bool doubted;                   /* a failure was reported since it last answered */
    int64_t doubted_ms, checked_ms; /* since when; when it was asked last */
    int why_rank;                   /* how much the cause in `why` helps */
    struct eb_error why;
    int32_t registry; /* see kf_link_set_registry */
    struct eb_error registry_why;
};

/* Notes what librdkafka reports of a connection, or of all. `hint` (NULL: none) is added to its text. */
void kf_link_failed(struct kf_link *, rd_kafka_resp_err_t, const char *text, const char *hint, int64_t now_ms);

/* Notes that the cluster has answered. */
void kf_link_reached(struct kf_link *);

/* Notes how the schema registry is: EB_OK; EB_EMPTY, it has not answered yet; EB_RETRIABLE, it cannot be reached;
 * EB_PERMANENT, it rejects this client. A registry that cannot be reached does not keep the link from coming up, since known
 * schemas go on without it and other messages wait; once the link was up, it is reported as down. A client that is rejected
 * does not come up, so that a program that starts ends with the cause. */
void kf_link_set_registry(struct kf_link *, int32_t status, const struct eb_error *why);

/* Asks the cluster if that is due, without waiting, and reports to the host what has changed. */
void kf_link_check(struct kf_link *, rd_kafka_t *, int64_t now_ms);

/* When kf_link_check has something to do; INT64_MAX: not by itself. */
int64_t kf_link_due_ms(const struct kf_link *);

#endif
