/* plugins/kafka/client/client_reaper.c - see client_reaper.h.
 *
 * librdkafka before 2.3.0 aborts the process when a member of a cooperative group is destroyed after the group's first
 * response and before its first assignment. A member that is destroyed while it leaves waits for rebalance answers that
 * nobody gives any more. So such a client is served until it has its assignment, has left, and can be destroyed. A client
 * that does not get there in WATCH_MS stays until the process ends. */
#include "client_reaper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>

enum { WATCH_MS = 300000, STEP_MS = 200, DESTROY_MS = 5000 };

/* ---- A client that can be destroyed ---- */

struct destroy_job {
    rd_kafka_t *rk;
    struct kf_log_bridge *bridge;
};

static void destroy(rd_kafka_t *rk, struct kf_log_bridge *bridge) {
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kf_log_bridge_free(bridge);
}

static void *run_destroy(void *arg) {
    struct destroy_job *job = arg;

    destroy(job->rk, job->bridge);
    free(job);
    return NULL;
}

bool kf_reaper_destroy(rd_kafka_t *rk, struct kf_log_bridge *bridge) {
    struct destroy_job *job = malloc(sizeof *job);
    pthread_t thread;

    if (job)
        *job = (struct destroy_job){ rk, bridge };
    if (!job || pthread_create(&thread, NULL, run_destroy, job) != 0) {
        free(job);
        destroy(rk, bridge);
        return true;
    }
    struct timespec until = ebp_timespec(ebp_monotonic_ms() + DESTROY_MS);
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

/* ---- A consumer that must wait for its group ---- */

struct member {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kf_log_bridge *bridge;
    bool leaving; /* it has begun to leave */
};

static void answer_rebalance(const struct member *member, bool assigned, const rd_kafka_topic_partition_list_t *list) {
    const char *protocol = rd_kafka_rebalance_protocol(member->rk);
    rd_kafka_error_t *why = NULL;

    if (!protocol || strcmp(protocol, "COOPERATIVE") != 0)
        rd_kafka_assign(member->rk, assigned ? list : NULL);
    else
        why = assigned ? rd_kafka_incremental_assign(member->rk, list) : rd_kafka_incremental_unassign(member->rk, list);
    rd_kafka_error_destroy(why);
}

/* Waits for one event of the group and answers it. Returns whether it was an assignment. */
static bool serve_group(const struct member *member) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(member->queue, STEP_MS);
    bool assigned = false;

    if (!event)
        return false;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        assigned = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        answer_rebalance(member, assigned, rd_kafka_event_topic_partition_list(event));
    }
    rd_kafka_event_destroy(event);
    return assigned;
}

/* Serves the group until the first assignment, which the member then gives back by leaving. */
static bool begin_leaving(const struct member *member, int64_t until_ms) {
    bool assigned = false;

    while (!assigned && ebp_monotonic_ms() < until_ms)
        assigned = serve_group(member);
    rd_kafka_error_t *why = assigned ? rd_kafka_consumer_close_queue(member->rk, member->queue) : NULL;
    bool closing = assigned && !why;
    rd_kafka_error_destroy(why);
    return closing;
}

static int64_t watch_until_ms(void) {
    return ebp_monotonic_ms() + WATCH_MS;
}

static void *run_reap(void *arg) {
    struct member *member = arg;
    bool leaving = member->leaving || begin_leaving(member, watch_until_ms());

    for (int64_t until_ms = watch_until_ms();
         leaving && !rd_kafka_consumer_closed(member->rk) && ebp_monotonic_ms() < until_ms;)
        serve_group(member);
    if (leaving && rd_kafka_consumer_closed(member->rk)) {
        rd_kafka_queue_destroy(member->queue);
        destroy(member->rk, member->bridge);
    }
    free(member);
    return NULL;
}

void kf_reaper_adopt(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct kf_log_bridge *bridge, bool leaving) {
    struct member *member = malloc(sizeof *member);
    pthread_t thread;

    if (!member)
        return; /* without memory the client stays until the process ends */
    *member = (struct member){ rk, queue, bridge, leaving };
    if (pthread_create(&thread, NULL, run_reap, member) == 0)
        pthread_detach(thread);
    else
        free(member);
}
