/* plugins/kafka/client/log_bridge.h - passes what librdkafka's threads log to the host.
 *
 * librdkafka's threads log, and report requests to the join tracker, until their client is destroyed. A client that cannot
 * be destroyed lives on without its instance, so both stand in this struct, which lives as long as the client. */
#ifndef KF_LOG_BRIDGE_H
#define KF_LOG_BRIDGE_H

#include <pthread.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "join_tracker.h"

struct kf_log_bridge {
    pthread_mutex_t lock;       /* of host */
    const struct eb_host *host; /* NULL: detached, what comes is dropped */
    struct kf_join_tracker join_tracker;
};

/* Returns NULL without memory. */
struct kf_log_bridge *kf_log_bridge_new(const struct eb_host *);

/* Makes a client of this configuration log through the bridge. */
void kf_log_bridge_install(struct kf_log_bridge *, rd_kafka_conf_t *);

/* The host hears nothing more once this returns. */
void kf_log_bridge_detach(struct kf_log_bridge *);

/* Accepts NULL. */
void kf_log_bridge_free(struct kf_log_bridge *);

#endif
