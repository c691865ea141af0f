/* plugins/kafka/client/fetch_wakeup.h - wakes librdkafka's threads so that a queue that was full is filled again at once.
 *
 * librdkafka stops fetching for a queue that has reached queued.min.messages or queued.max.messages.kbytes. It checks only
 * once a second whether there is room again, or when its thread for that broker has something else to do (#2879): a consumer
 * that empties a full queue in 30 ms then waits for the rest of the second. Since 2.2 that time can be set; with older
 * versions those threads are woken while many messages are being consumed. Belongs to the thread that consumes. */
#ifndef KF_FETCH_WAKEUP_H
#define KF_FETCH_WAKEUP_H

#include <stdint.h>
#include <librdkafka/rdkafka.h>

#include "options.h"

struct kf_fetch_wakeup {
    int64_t due_ms; /* INT64_MAX: nothing was consumed since the last wakeup */
};

/* Sets that time, if this librdkafka has the property. */
void kf_fetch_wakeup_configure(rd_kafka_conf_t *);

void kf_fetch_wakeup_init(struct kf_fetch_wakeup *);

/* Notes that messages were consumed, and either many, or more are there. */
void kf_fetch_wakeup_consumed(struct kf_fetch_wakeup *, int64_t now_ms);

/* Wakes the threads if that is due. */
void kf_fetch_wakeup_run(struct kf_fetch_wakeup *, rd_kafka_t *, const struct kf_settings *, int64_t now_ms);

#endif
