/* core/produce/producer_deps.h - what a producer is opened with. */
#ifndef EBI_PRODUCER_DEPS_H
#define EBI_PRODUCER_DEPS_H

#include "base/log.h"
#include "config/settings.h"
#include "produce/routes.h"
#include "produce/sender.h"

/* What a producer works with; everything is borrowed until it is closed. */
struct ebi_producer_deps {
    const struct ebi_broker *broker; /* NULL: the service has no producer, signals stay local */
    const char *service;
    const struct ebi_signals *signals;
    struct ebi_routes *routes;
    const struct ebi_bus_settings *settings;
    const char *undelivered; /* the file for events that could not be delivered */
    bool opens_late;         /* with the first event, also where routes are enabled: the caller keeps what cannot be sent */
    struct ebi_log *log;
};

#endif
