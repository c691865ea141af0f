/* plugins/kafka/client/log_bridge.c - see log_bridge.h. */
#include "log_bridge.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

struct kf_log_bridge *kf_log_bridge_new(const struct eb_host *host) {
    struct kf_log_bridge *bridge = calloc(1, sizeof *bridge);

    if (bridge) {
        pthread_mutex_init(&bridge->lock, NULL);
        bridge->host = host;
    }
    return bridge;
}

/* librdkafka logs once for each try what it also reports as an error event, and warns of each property that only another
 * role uses: those lines are for debugging. */
static int32_t host_level(int level, const char *facility) {
    static const char *const repeated[] = { "FAIL", "ERROR", "FATAL", "PROTOERR", "CONFWARN", "CLUSTERID", "BRKMAIN" };

    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
        if (strcmp(facility, repeated[i]) == 0)
            return EBP_LOG_DEBUG;
    return level < EBP_LOG_ERROR ? EBP_LOG_ERROR : level;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    struct kf_log_bridge *bridge = rd_kafka_opaque(rk);

    pthread_mutex_lock(&bridge->lock);
    if (bridge->host)
        ebp_log(bridge->host, host_level(level, facility), "librdkafka: %s: %s", facility, text);
    pthread_mutex_unlock(&bridge->lock);
}

void kf_log_bridge_install(struct kf_log_bridge *bridge, rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_opaque(conf, bridge);
    rd_kafka_conf_set_log_cb(conf, on_log);
}

void kf_log_bridge_detach(struct kf_log_bridge *bridge) {
    pthread_mutex_lock(&bridge->lock);
    bridge->host = NULL;
    pthread_mutex_unlock(&bridge->lock);
}

void kf_log_bridge_free(struct kf_log_bridge *bridge) {
    if (bridge)
        pthread_mutex_destroy(&bridge->lock);
    free(bridge);
}
