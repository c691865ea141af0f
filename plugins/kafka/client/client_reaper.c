/* plugins/kafka/client/client_reaper.c - ends clients, also those that cannot be ended in time.
 *
 * librdkafka before 2.3.0 aborts the process when a member of a cooperative group is destroyed after the group's first
 * answer and before its first assignment; and one that is destroyed while it leaves waits for answers that nobody gives any
 * more. So such a one is served on until it has its assignment, has left, and can be destroyed. One that does not get there
 * stays as it is until the process ends. */
#include "client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WATCH_S = 300, STEP_MS = 200, END_S = 5 };

struct grave {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kf_voice *voice;
    bool leaving;                       /* it has begun to */
};

/* ---- Ending one ---- */

struct end {
    rd_kafka_t *rk;
    struct kf_voice *voice;
};

static void *end_it(void *arg) {
    struct end *end = arg;

    rd_kafka_destroy_flags(end->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kf_voice_free(end->voice);
    free(end);
    return NULL;
}

bool kf_end(rd_kafka_t *rk, struct kf_voice *voice) {
    struct end *end = malloc(sizeof *end);
    struct timespec until;
    pthread_t thread;

    if (end)
        *end = (struct end){ rk, voice };
    if (!end || pthread_create(&thread, NULL, end_it, end) != 0) {
        free(end);
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        kf_voice_free(voice);
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += END_S;
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

/* ---- One that must wait for its group ---- */

static int64_t seconds(void) {
    return kf_ticks_ms() / 1000;
}

static void answer(const struct grave *grave, bool assigned, const rd_kafka_topic_partition_list_t *list) {
    const char *protocol = rd_kafka_rebalance_protocol(grave->rk);
    rd_kafka_error_t *why = NULL;

    if (!protocol || strcmp(protocol, "COOPERATIVE") != 0)
        rd_kafka_assign(grave->rk, assigned ? list : NULL);
    else
        why = assigned ? rd_kafka_incremental_assign(grave->rk, list) : rd_kafka_incremental_unassign(grave->rk, list);
    if (why)
        rd_kafka_error_destroy(why);
}

/* Answers what the group says. True: it was an assignment. */
static bool serve(const struct grave *grave) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(grave->queue, STEP_MS);
    bool assigned = false;

    if (!event)
        return false;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
        assigned = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        answer(grave, assigned, list);
    }
    rd_kafka_event_destroy(event);
    return assigned;
}

/* Until the first assignment, which then is given back by leaving. */
static bool begin_leaving(const struct grave *grave) {
    int64_t until = seconds() + WATCH_S;
    bool assigned = false;

    while (!assigned && seconds() < until)
        assigned = serve(grave);
    rd_kafka_error_t *why = assigned ? rd_kafka_consumer_close_queue(grave->rk, grave->queue) : NULL;
    if (why)
        rd_kafka_error_destroy(why);
    return assigned && !why;
}

static void *watch(void *arg) {
    struct grave *grave = arg;
    bool leaving = grave->leaving || begin_leaving(grave);

    for (int64_t until = seconds() + WATCH_S; leaving && !rd_kafka_consumer_closed(grave->rk) && seconds() < until;)
        serve(grave);
    if (leaving && rd_kafka_consumer_closed(grave->rk)) {
        rd_kafka_queue_destroy(grave->queue);
        rd_kafka_destroy_flags(grave->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        kf_voice_free(grave->voice);
    }
    free(grave);
    return NULL;
}

void kf_bury(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct kf_voice *voice, bool leaving) {
    struct grave *grave = malloc(sizeof *grave);
    pthread_t thread;

    if (!grave)
        return;                         /* it stays as it is */
    *grave = (struct grave){ rk, queue, voice, leaving };
    if (pthread_create(&thread, NULL, watch, grave) == 0)
        pthread_detach(thread);
    else
        free(grave);
}
