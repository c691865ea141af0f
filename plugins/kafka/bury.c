/* plugins/kafka/bury.c - ends consumers that could not be ended when they were closed.
 *
 * librdkafka before 2.3.0 aborts the process when a member of a cooperative group is destroyed after the group's first
 * answer and before its first assignment. Such a one leaves its group at once; if an assignment comes nevertheless it is
 * answered, and the member destroyed; if none does, it stays as it is, out of the group, until the process ends. */
#include "client.h"

#include <pthread.h>
#include <stdlib.h>

enum { WATCH_S = 60, STEP_MS = 200, CLOSE_S = 10 };

struct grave {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kf_voice *voice;
};

static int64_t seconds(void) {
    return kf_ticks_ms() / 1000;
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
        rd_kafka_error_t *why = assigned ? rd_kafka_incremental_assign(grave->rk, list)
                                         : rd_kafka_incremental_unassign(grave->rk, list);
        if (why)
            rd_kafka_error_destroy(why);
    }
    rd_kafka_event_destroy(event);
    return assigned;
}

static void *watch(void *arg) {
    struct grave *grave = arg;
    int64_t until = seconds() + WATCH_S;
    bool assigned = false;

    rd_kafka_unsubscribe(grave->rk);
    while (!assigned && seconds() < until)
        assigned = serve(grave);
    if (assigned) {
        rd_kafka_error_t *why = rd_kafka_consumer_close_queue(grave->rk, grave->queue);
        for (until = seconds() + CLOSE_S; !why && !rd_kafka_consumer_closed(grave->rk) && seconds() < until;)
            serve(grave);
        if (why)
            rd_kafka_error_destroy(why);
    }
    rd_kafka_queue_destroy(grave->queue);
    if (assigned) {
        rd_kafka_destroy_flags(grave->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        kf_voice_free(grave->voice);
    }
    free(grave);
    return NULL;
}

void kf_bury(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct kf_voice *voice) {
    struct grave *grave = malloc(sizeof *grave);
    pthread_t thread;

    if (!grave)
        return;                         /* it stays as it is */
    *grave = (struct grave){ rk, queue, voice };
    if (pthread_create(&thread, NULL, watch, grave) == 0)
        pthread_detach(thread);
    else
        free(grave);
}
