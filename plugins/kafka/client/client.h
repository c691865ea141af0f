/* plugins/kafka/client/client.h - one client of librdkafka with what every role needs: its queue, its bell, its link, its log,
 * and the schema registry beside it. */
#ifndef KF_CLIENT_H
#define KF_CLIENT_H

#include <stdatomic.h>
#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/registry/registry.h"
#include "common/wakeup.h"
#include "conf.h"
#include "join_tracker.h"
#include "link.h"
#include "log_bridge.h"

struct kf_client {
    const struct eb_host *host;
    struct kf_log_bridge *log_bridge;             /* what librdkafka's threads log through */
    struct kf_join_tracker *join_tracker;             /* part of it */
    const struct kf_settings *set;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;            /* what happens, as events */
    struct sr_registry *registry;       /* NULL: there is none */
    struct ebp_wakeup wakeup;
    atomic_bool woken;                  /* by the host */
    struct kf_link link;
    int64_t opened_ms;
    int64_t wall_offset_ms;                    /* the wall clock less our ticks, as last seen */
    int64_t clock_stuck_ms;                   /* since when librdkafka may wait for a clock that was set back; 0: it does not */
    int32_t status;                       /* EB_OK, or the instance is done: EB_FATAL, EB_PERMANENT, and why */
    struct eb_error why;
};

/* Opens it; conf is owned from here on, the client is zeroed before. EB_OK, or err and nothing is left open. */
int32_t kf_client_open(struct kf_client *, const struct eb_host *, const struct kf_settings *, enum kf_role,
                       rd_kafka_conf_t *, struct eb_error *);

/* Nothing of librdkafka's that came from this client may be left: queues, topics, events. librdkafka 2.0.2 waits for ever
 * where it has lost count of its own, as after a topic was deleted; that is waited for 5 s, and then left. */
void kf_client_close(struct kf_client *);

/* The same for a consumer that cannot be destroyed now, see client_reaper.c: a thread of its own ends it as soon as that can be.
 * leaving: it has begun to leave its group. Nobody hears of it any more. */
void kf_client_abandon(struct kf_client *, bool leaving);

/* What librdkafka tells about itself: an error, or statistics. */
void kf_client_handle_event(struct kf_client *, rd_kafka_event_t *);

/* The registry's progress and the link. Answers the registry's news. Does not wait. */
size_t kf_client_poll(struct kf_client *);

/* Any thread: what the host's wake does. It is remembered until kf_client_take_wakeup. */
static inline void kf_client_wake(struct kf_client *client) {
    atomic_store(&client->woken, true);
    ebp_wakeup_signal(&client->wakeup);
}

/* Takes what was signalled, before a look at what there is to do. Returns whether the host's wake was among it. */
static inline bool kf_client_take_wakeup(struct kf_client *client) {
    ebp_wakeup_take(&client->wakeup);
    return atomic_exchange(&client->woken, false);
}

/* Waits for the wakeup, the registry or the time. */
void kf_client_wait(struct kf_client *, int64_t until_ms);

/* The instance is done. */
void kf_client_fail(struct kf_client *, int32_t status, const struct eb_error *why);

#endif
