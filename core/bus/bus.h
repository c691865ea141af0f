/* core/bus/bus.h - a service's bus from the inside: the rooms below, put together. */
#ifndef EBI_BUS_H
#define EBI_BUS_H

#include <pthread.h>
#include <eventbus/bus.h>
#include <eventbus/consumer.h>
#include "config/config.h"
#include "config/settings.h"
#include "consume/worker.h"
#include "plugin/plugins.h"
#include "produce/producer.h"
#include "signal/registry.h"

struct ebi_bound;       /* a broker in use */

/* Any thread; what is set while opening never changes, the rest says what guards it. */
struct eb_bus {
    struct ebi_config *config;          /* bound to under lock */
    struct ebi_bus_settings settings;
    const char *service;
    struct ebi_log *log;
    struct ebi_signals *signals;
    struct ebi_routes *routes;
    struct ebi_producer *producer;
    char *undelivered;
    bool opens_late;                    /* set before it is connected: see struct ebi_producer_deps */
    void (*before_event)(void *);
    void *before_event_arg;
    pthread_mutex_t lock;               /* guards config and brokers */
    struct ebi_bound *brokers;
};

/* eb_bus_open as far as the log, the configuration and the signals: for what needs no broker. */
enum eb_status ebi_bus_open_local(struct eb_bus **, const struct eb_bus_options *, struct eb_error *);

/* And the rest of it. */
enum eb_status ebi_bus_connect(struct eb_bus *, struct eb_error *);

/* A broker by the name of its section, bound once. NULL or "": the one in SQLite that is there without configuration. */
enum eb_status ebi_bus_broker(struct eb_bus *, const char *name, const struct ebi_broker **, struct eb_error *);

/* The name of the broker that sends (producer = ) or receives (consumer = ): NULL when none is configured; "" when no
 * broker is configured at all, so that the built-in one is meant. */
const char *ebi_bus_broker_name(const struct eb_bus *, const char *configured);

/* eb_consumer_open with overrides. */
enum eb_status ebi_bus_consumer(struct eb_bus *, const struct eb_consumer_options *, const struct ebi_worker_overrides *,
                                struct eb_consumer **, struct eb_error *);

#endif
