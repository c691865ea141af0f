/* core/consume/worker_deps.h - what a worker is opened with. */
#ifndef EBI_WORKER_DEPS_H
#define EBI_WORKER_DEPS_H

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

enum ebi_worker_state {
    EBI_WORKER_CONNECTING, /* the broker is not reached, or not any more */
    EBI_WORKER_WORKING,
    EBI_WORKER_DRAINING
};

/* An observer of a worker. The loop calls `tell` in each round, at least once a second, in the thread that calls eb_consumer_run.
 * While a plugin does not return from a call, the loop does not call it. tell NULL: there is no observer. */
struct ebi_worker_observer {
    void (*tell)(void *arg, enum ebi_worker_state);
    void *arg;
};

/* What the eventbus command sets in place of what the section says. */
struct ebi_worker_overrides {
    const char *exec, *webhook;        /* NULL: the section's */
    int64_t concurrency;               /* 0: the section's */
    struct ebi_receiver_kind printing; /* runs where neither exec nor webhook is set; create NULL: none */
    struct ebi_worker_observer observer;
};

#endif
