/* plugins/kafka/client/client.h - one client of librdkafka with what every role needs: its event queue, its wakeup, its
 * link, its log, and the client of the schema registry. */
#ifndef KF_CLIENT_H
#define KF_CLIENT_H

#include <stdatomic.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/wakeup.h>

#include "common/registry/registry.h"
#include "conf.h"
#include "join_tracker.h"
#include "link.h"
#include "log_bridge.h"

struct kf_client {
    const struct eb_host *host;
    struct kf_log_bridge *log_bridge;     /* what librdkafka's threads log through */
    struct kf_join_tracker *join_tracker; /* part of it */
    const struct kf_settings *set;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* of librdkafka's events */
    struct sr_settings registry_settings;
    struct sr_registry *registry; /* NULL: none is configured */
    struct ebp_wakeup wakeup;
    atomic_bool woken; /* the host has called wake */
    struct kf_link link;
    int64_t opened_ms;
    int64_t wall_offset_ms; /* the wall clock less the monotonic clock, as last seen */
    int64_t clock_stuck_ms; /* since when librdkafka may wait by a clock that was set back; 0: it does not */
    int32_t status;         /* EB_OK; or EB_FATAL or EB_PERMANENT: the instance has failed, and why */
    struct eb_error why;
};

/* Opens a zeroed client, and owns conf in any case. If it fails, nothing is left open. */
int32_t kf_client_open(struct kf_client *, const struct eb_host *, const struct kf_settings *, enum kf_role, rd_kafka_conf_t *,
                       struct eb_error *);

/* Closes a client, whose queues, topics and events were destroyed before. librdkafka 2.0.2 waits for ever if it has lost
 * count of its own references, as after a topic was deleted: this waits up to 5 s, and then leaves the client behind. */
void kf_client_close(struct kf_client *);

/* Closes a consumer that cannot be destroyed now: a thread destroys it as soon as that can be, see client_reaper.h. The host
 * hears nothing more from it. `leaving`: it has begun to leave its group. */
void kf_client_abandon(struct kf_client *, bool leaving);

/* Handles an error or statistics; other events are ignored. Does not destroy the event. */
void kf_client_handle_event(struct kf_client *, rd_kafka_event_t *);

/* Makes progress with the registry, and checks the link. Returns how much news the registry has. Does not wait. */
size_t kf_client_poll(struct kf_client *);

/* Any thread. Does what the host's wake does; it is remembered until kf_client_take_wakeup. */
static inline void kf_client_wake(struct kf_client *client) {
    atomic_store(&client->woken, true);
    ebp_wakeup_signal(&client->wakeup);
}

/* Takes what was signalled, before a look at what there is to do. Returns whether the host's wake was among it. */
static inline bool kf_client_take_wakeup(struct kf_client *client) {
    ebp_wakeup_take(&client->wakeup);
    return atomic_exchange(&client->woken, false);
}

/* Waits for the wakeup, for the registry, or until a time. */
void kf_client_wait(struct kf_client *, int64_t until_ms);

/* Fails the instance, unless it has failed before. */
void kf_client_fail(struct kf_client *, int32_t status, const struct eb_error *why);

#endif
