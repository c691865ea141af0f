/* plugins/kafka/client/join_tracker.c - see join_tracker.h. */
#include "join_tracker.h"

#include <string.h>
#include <eventbus/plugin-help/clock.h>

/* Request types of the protocol. */
enum { JOIN_GROUP = 11, HEARTBEAT = 12, SYNC_GROUP = 14, API_VERSIONS = 18 };

/* How long it takes at most until a JoinGroup or SyncGroup is sent: after an event that may cause it, and after one that
 * does. */
enum { MAY_JOIN_MS = 10, WILL_JOIN_MS = 1000 };

/* The connection that joins are sent on begins with ApiVersions: requests of the connection before get no response. */
static int is_new_connection(int16_t request, const char *broker) {
    static const char coordinator[] = "GroupCoordinator";

    return request == API_VERSIONS && broker && strncmp(broker, coordinator, sizeof coordinator - 1) == 0;
}

void kf_join_tracker_sent(struct kf_join_tracker *tracker, int16_t request, const char *broker) {
    if (request == JOIN_GROUP)
        atomic_store(&tracker->joining, true);
    if (request == JOIN_GROUP || request == SYNC_GROUP)
        atomic_store(&tracker->until_ms, INT64_MAX);
    else if (is_new_connection(request, broker))
        atomic_store(&tracker->until_ms, 0);
}

/* Forbids commits until a time, unless a later one is set already. A request that is sent just now is not missed. */
static void extend(struct kf_join_tracker *tracker, int64_t until_ms) {
    int64_t until = atomic_load(&tracker->until_ms);

    if (until < until_ms)
        atomic_compare_exchange_strong(&tracker->until_ms, &until, until_ms);
}

void kf_join_tracker_answered(struct kf_join_tracker *tracker, int16_t request, int64_t now_ms) {
    if (request == JOIN_GROUP) {
        atomic_store(&tracker->until_ms, now_ms + WILL_JOIN_MS);
    } else if (request == SYNC_GROUP) {
        atomic_store(&tracker->until_ms, now_ms + MAY_JOIN_MS);
        atomic_store(&tracker->response_seen, true);
    } else if (request == HEARTBEAT) {
        extend(tracker, now_ms + MAY_JOIN_MS);
        atomic_store(&tracker->response_seen, true);
    }
}

bool kf_join_tracker_take_response(struct kf_join_tracker *tracker) {
    return atomic_load(&tracker->response_seen) && atomic_exchange(&tracker->response_seen, false);
}

void kf_join_tracker_may_join(struct kf_join_tracker *tracker, int64_t now_ms) {
    extend(tracker, now_ms + MAY_JOIN_MS);
}

void kf_join_tracker_will_join(struct kf_join_tracker *tracker, int64_t now_ms) {
    atomic_store(&tracker->joining, true);
    extend(tracker, now_ms + WILL_JOIN_MS);
}

bool kf_join_tracker_joining(const struct kf_join_tracker *tracker) {
    return atomic_load(&tracker->joining);
}

void kf_join_tracker_joined(struct kf_join_tracker *tracker) {
    atomic_store(&tracker->joining, false);
}

int64_t kf_join_tracker_over_ms(const struct kf_join_tracker *tracker) {
    return atomic_load(&tracker->until_ms);
}

/* ---- What librdkafka calls ---- */

static rd_kafka_resp_err_t on_request_sent(rd_kafka_t *rk, int socket, const char *broker, int32_t id, int16_t request,
                                           int16_t version, int32_t number, size_t size, void *tracker) {
    (void)rk, (void)socket, (void)id, (void)version, (void)number, (void)size;
    kf_join_tracker_sent(tracker, request, broker);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_response_received(rd_kafka_t *rk, int socket, const char *broker, int32_t id, int16_t request,
                                                int16_t version, int32_t number, size_t size, int64_t took,
                                                rd_kafka_resp_err_t error, void *tracker) {
    (void)rk, (void)socket, (void)broker, (void)id, (void)version, (void)number, (void)size, (void)took, (void)error;
    kf_join_tracker_answered(tracker, request, ebp_monotonic_ms());
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *tracker, char *why, size_t room) {
    rd_kafka_resp_err_t error = rd_kafka_interceptor_add_on_request_sent(rk, "eventbus", on_request_sent, tracker);

    (void)conf, (void)why, (void)room;
    return error ? error : rd_kafka_interceptor_add_on_response_received(rk, "eventbus", on_response_received, tracker);
}

rd_kafka_resp_err_t kf_join_tracker_install(struct kf_join_tracker *tracker, rd_kafka_conf_t *conf) {
    return rd_kafka_conf_interceptor_add_on_new(conf, "eventbus", on_new, tracker);
}
