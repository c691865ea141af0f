/* eventbus/eventbus.h - everything a service needs. Plugin authors include eventbus/plugin.h instead.
 *
 * Pass NULL for a pointer only where a comment allows it. A struct eb_error may always be NULL. */
#ifndef EVENTBUS_EVENTBUS_H
#define EVENTBUS_EVENTBUS_H

#include <eventbus/bus.h>
#include <eventbus/consumer.h>
#include <eventbus/error.h>
#include <eventbus/event.h>
#include <eventbus/producer.h>
#include <eventbus/signal.h>
#include <eventbus/version.h>

#endif
