/* plugins/kafka/client/fetch_wakeup.h - what librdkafka has fetched beforehand is made up for as it is taken away.
 *
 * A queue that has reached queued.min.messages or queued.max.messages.kbytes is not fetched for any more. Whether there is
 * room in it again, librdkafka looks once a second only, or when its thread for that broker has something else to do
 * (#2879): what takes a full queue away in 30 ms then waits for the rest of the second. Since 2.2 the time can be set;
 * before, those threads are woken while much is being taken. Owned by the thread that takes. */
#ifndef KF_FETCH_WAKEUP_H
#define KF_FETCH_WAKEUP_H

#include <stdint.h>
#include <librdkafka/rdkafka.h>

#include "options.h"

struct kf_fetch_wakeup {
    int64_t due_ms;             /* INT64_MAX: nothing was taken since the last time */
};

/* Sets the time, where this librdkafka has one. */
void kf_fetch_wakeup_configure(rd_kafka_conf_t *);

void kf_fetch_wakeup_init(struct kf_fetch_wakeup *);

/* Something was taken, and either it was much, or more is there. */
void kf_fetch_wakeup_consumed(struct kf_fetch_wakeup *, int64_t now_ms);

/* Does what is due. */
void kf_fetch_wakeup_run(struct kf_fetch_wakeup *, rd_kafka_t *, const struct kf_settings *, int64_t now_ms);

#endif
