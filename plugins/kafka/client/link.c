/* plugins/kafka/client/link.c - see link.h. */
#include "link.h"

#include <string.h>

#include "error.h"

enum { DOUBT_MS = 1000, ASK_EACH_MS = 200, LOOK_EACH_MS = 20 };

/* Of several causes at once the one that helps most is told: a refused password says more than a closed socket. */
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

void kf_link_bad(struct kf_link *link, rd_kafka_resp_err_t code, const char *text, const char *hint, int64_t now_ms) {
    int rank = rank_of(code);

    if (rank >= link->rank) {
        link->rank = rank;
        kf_error(&link->why, EB_RETRIABLE, "%s%s%s", text && *text ? text : rd_kafka_err2str(code), hint ? "; " : "",
                 hint ? hint : "");
        link->why.native = code;
    }
    if (!link->doubted && (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !link->reached)) {
        link->doubted = true;
        link->doubted_ms = now_ms;
    }
}

void kf_link_good(struct kf_link *link) {
    link->reached = true;
    link->doubted = false;
    link->rank = 0;
}

void kf_link_registry(struct kf_link *link, int32_t status, const struct eb_error *why) {
    link->registry = status;
    if (status < EB_OK)
        link->registry_why = *why;
}

/* Asks without waiting: librdkafka waits by the wall clock, and one that is set back would keep us here. Without a broker that
 * has answered its greeting the answer is another error than that there was no time. */
static void ask(struct kf_link *link, rd_kafka_t *client) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, NULL, &metadata, 0);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        kf_link_good(link);
}

/* librdkafka connects by itself when it is made; its cluster's name is known when the first broker has answered. */
static void look_for_cluster(struct kf_link *link, rd_kafka_t *client) {
    char *cluster = rd_kafka_clusterid(client, 0);

    if (cluster) {
        rd_kafka_mem_free(client, cluster);
        kf_link_good(link);
    }
}

static bool doubted_long(const struct kf_link *link, int64_t now_ms) {
    return link->doubted && now_ms >= link->doubted_ms + DOUBT_MS;
}

/* What the registry lets the link be: EB_OK up, EB_EMPTY as it is, else down. */
static int32_t by_registry(const struct kf_link *link) {
    if (link->was_up)
        return link->registry < EB_OK ? EB_RETRIABLE : EB_OK;
    return link->registry == EB_RETRIABLE ? EB_OK : link->registry;
}

static void tell(struct kf_link *link, int64_t now_ms) {
    bool lost = !link->reached && doubted_long(link, now_ms);
    int32_t registry = by_registry(link);

    if (link->reached && registry == EB_OK && !link->up) {
        link->up = link->was_up = true;
        link->told_down = false;
        link->host->link(link->host, 1, NULL);
    } else if ((lost || (link->reached && registry < EB_OK)) && !link->told_down) {
        link->up = false;
        link->told_down = true;
        link->host->link(link->host, 0, lost ? &link->why : &link->registry_why);
    }
}

void kf_link_look(struct kf_link *link, rd_kafka_t *client, int64_t now_ms) {
    if (now_ms >= kf_link_due(link)) {
        link->asked_ms = now_ms;
        if (link->doubted)
            ask(link, client);
        else
            look_for_cluster(link, client);
    }
    if (doubted_long(link, now_ms))
        link->reached = false;
    tell(link, now_ms);
}

int64_t kf_link_due(const struct kf_link *link) {
    if (link->reached && !link->doubted)
        return INT64_MAX;
    return link->asked_ms + (link->doubted ? ASK_EACH_MS : LOOK_EACH_MS);
}
