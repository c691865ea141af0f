/* core/consume/worker.h - opens a worker: one thread talks to the plugin, others run the receivers. */
#ifndef EBI_WORKER_H
#define EBI_WORKER_H

#include <eventbus/consumer.h>
#include "base/log.h"
#include "config/config.h"
#include "config/settings.h"
#include "plugin/plugins.h"
#include "produce/routes.h"
#include "receiver/receiver.h"
#include "signal/registry.h"

/* What a worker uses. All of it is borrowed until the worker is closed. */
struct ebi_worker_deps {
    struct ebi_config *config;
    const struct ebi_bus_settings *bus;
    const char *service;
    const struct ebi_broker *broker;
    const struct ebi_broker *dead_letter_broker; /* the same, or another */
    const struct ebi_signals *signals;
    const struct ebi_routes *routes;
    struct ebi_log *log;
    void (*before_event)(void *);
    void *before_event_arg;
};

/* What the eventbus command sets in place of what the section says. */
struct ebi_worker_overrides {
    const char *exec, *webhook;        /* NULL: the section's */
    int64_t concurrency;               /* 0: the section's */
    struct ebi_receiver_kind printing; /* runs where neither exec nor webhook is set; create NULL: none */
};

enum { EBI_STOP_AGAIN_MS = 1000 }; /* a call of eb_consumer_stop that comes sooner after one that counted does not count */

enum eb_status ebi_worker_new(const struct ebi_worker_deps *, const struct eb_consumer_options *,
                              const struct ebi_worker_overrides *, struct eb_consumer **, struct eb_error *);

/* Whether receivers were still running when the drain was over: eb_consumer_close waits for them. After eb_consumer_run. */
bool ebi_worker_drained_late(const struct eb_consumer *);

#endif
