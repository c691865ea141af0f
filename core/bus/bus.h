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

struct ebi_bound; /* a broker in use */

/* Any thread. What is set while the bus is opened never changes; comments say what guards the rest. */
struct eb_bus {
    struct ebi_config *config; /* bound to under lock */
    struct ebi_bus_settings settings;
    const char *service;
    struct ebi_log *log;
    struct ebi_signals *signals;
    struct ebi_routes *routes;
    struct ebi_producer *producer;
    char *undelivered;
    bool opens_late; /* set before it is connected: see struct ebi_producer_deps */
    void (*before_event)(void *);
    void *before_event_arg;
    pthread_mutex_t lock; /* guards config and brokers */
    struct ebi_bound *brokers;
};

/* The first part of eb_bus_open: the log, the configuration and the signals, for callers that need no broker. */
enum eb_status ebi_bus_open_local(struct eb_bus **, const struct eb_bus_options *, struct eb_error *);

/* The second part of eb_bus_open. */
enum eb_status ebi_bus_connect(struct eb_bus *, struct eb_error *);

/* A broker by the name of its section; it is bound once. NULL or "": the built-in one, SQLite. */
enum eb_status ebi_bus_broker(struct eb_bus *, const char *name, const struct ebi_broker **, struct eb_error *);

/* The name of the broker that sends (producer = ) or receives (consumer = ). NULL: that is not configured. "": no broker is configured
 * at all, and the built-in one is used. */
const char *ebi_bus_broker_name(const struct eb_bus *, const char *configured);

/* eb_consumer_open with overrides. */
enum eb_status ebi_bus_consumer(struct eb_bus *, const struct eb_consumer_options *, const struct ebi_worker_overrides *,
                                struct eb_consumer **, struct eb_error *);

#endif
