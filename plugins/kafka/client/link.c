/* plugins/kafka/client/link.c - see link.h. */
#include "link.h"

#include <string.h>
#include <eventbus/plugin-help/clock.h>

#include "error.h"

enum { DOUBT_MS = 1000, PROBE_EACH_MS = 200, CHECK_EACH_MS = 20 };

/* Of several causes at once the one that helps most is reported: a refused password says more than a closed socket. */
static int rank_of(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return 3;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return 1;
    default:
        return 2;
    }
}

void kf_link_failed(struct kf_link *link, rd_kafka_resp_err_t code, const char *text, const char *hint, int64_t now_ms) {
    int rank = rank_of(code);

    if (rank >= link->why_rank) {
        link->why_rank = rank;
        ebp_error(&link->why, EB_RETRIABLE, code, "%s%s%s", text && *text ? text : rd_kafka_err2str(code), hint ? "; " : "",
                  hint ? hint : "");
    }
    if (!link->doubted && (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !link->reached)) {
        link->doubted = true;
        link->doubted_ms = now_ms;
    }
}

void kf_link_reached(struct kf_link *link) {
    link->reached = true;
    link->doubted = false;
    link->why_rank = 0;
}

void kf_link_set_registry(struct kf_link *link, int32_t status, const struct eb_error *why) {
    link->registry = status;
    if (status < EB_OK)
        link->registry_why = *why;
}

/* Asks without waiting: librdkafka waits by the wall clock, and one that is set back would keep this thread here. If no
 * broker has completed its handshake, the result is another error than a timeout. */
static void probe(struct kf_link *link, rd_kafka_t *client) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, NULL, &metadata, 0);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        kf_link_reached(link);
}

/* A new client of librdkafka connects by itself, and knows the cluster's id once the first broker has answered. */
static void check_cluster_id(struct kf_link *link, rd_kafka_t *client) {
    char *cluster = rd_kafka_clusterid(client, 0);

    if (cluster) {
        rd_kafka_mem_free(client, cluster);
        kf_link_reached(link);
    }
}

/* A cluster that has not been reached yet is doubted for a quarter of connect_timeout at most, so that a service which waits for no
 * longer than that learns the cause. */
static bool doubted_too_long(const struct kf_link *link, int64_t now_ms) {
    int64_t first = link->was_up ? DOUBT_MS : link->reported.host->connect_timeout_ms / 4;

    return link->doubted && now_ms >= link->doubted_ms + ebp_earlier(first, DOUBT_MS);
}

/* Returns what the registry allows the link to be: EB_OK up, EB_EMPTY as it is, else down. */
static int32_t registry_allows(const struct kf_link *link) {
    if (link->was_up)
        return link->registry < EB_OK ? EB_RETRIABLE : EB_OK;
    return link->registry == EB_RETRIABLE ? EB_OK : link->registry;
}

static void report(struct kf_link *link, int64_t now_ms) {
    bool lost = !link->reached && doubted_too_long(link, now_ms);
    int32_t registry = registry_allows(link);

    if (link->reached && registry == EB_OK) {
        ebp_link_up(&link->reported);
        link->was_up = true;
    } else if (lost || (link->reached && registry < EB_OK)) {
        ebp_link_down(&link->reported, lost ? &link->why : &link->registry_why);
    }
}

void kf_link_check(struct kf_link *link, rd_kafka_t *client, int64_t now_ms) {
    if (now_ms >= kf_link_due_ms(link)) {
        link->checked_ms = now_ms;
        if (link->doubted)
            probe(link, client);
        else
            check_cluster_id(link, client);
    }
    if (doubted_too_long(link, now_ms))
        link->reached = false;
    report(link, now_ms);
}

int64_t kf_link_due_ms(const struct kf_link *link) {
    if (link->reached && !link->doubted)
        return INT64_MAX;
    return link->checked_ms + (link->doubted ? PROBE_EACH_MS : CHECK_EACH_MS);
}
