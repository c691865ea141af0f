/* plugins/kafka/client/client_reaper.h - destroys clients of librdkafka, also those that cannot be destroyed in time. */
#ifndef KF_CLIENT_REAPER_H
#define KF_CLIENT_REAPER_H

#include <stdbool.h>
#include <librdkafka/rdkafka.h>

#include "log_bridge.h"

/* Destroys a client and its log bridge, and owns both from here on. Waits up to 5 s. Returns false if librdkafka takes
 * longer; a thread then goes on destroying them. */
bool kf_reaper_destroy(rd_kafka_t *, struct kf_log_bridge *);

/* Owns a consumer that cannot be destroyed now, its queue and its log bridge. A thread serves its group protocol until it
 * can be destroyed. `leaving`: it has begun to leave its group. */
void kf_reaper_adopt(rd_kafka_t *, rd_kafka_queue_t *, struct kf_log_bridge *, bool leaving);

#endif
