/* eventbus/eventbus.h - everything a service needs. Plugin authors include eventbus/plugin.h instead.
 *
 * A pointer that is given may be NULL only where this is said; struct eb_error always. */
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
