/* cli/bus.h - opens the bus that a call's configuration and options describe. */
#ifndef CLI_BUS_H
#define CLI_BUS_H

#include "bus/bus.h"
#include "cli/cli.h"
#include "plugin/admin.h"

/* Opens the bus with its signals, and with connect also with its producer. broker: --broker, or NULL. The caller
 * closes it with eb_bus_close. */
enum eb_status cli_bus_open(const struct cli_call *, const char *broker, bool connect, struct eb_bus **, struct eb_error *);

/* Waits until the producer's broker is reachable, connect_timeout at most. */
enum eb_status cli_bus_wait_for_producer(struct eb_bus *, struct eb_error *);

/* Waits until all sent events are delivered or given up, delivery_timeout at most. Returns EB_RETRIABLE if a signal
 * tells the program to end. */
enum eb_status cli_bus_flush(struct eb_bus *, struct eb_error *);

/* Makes sending wait for room in the producer queue until a signal tells the program to end. */
void cli_bus_wait_for_room(struct eb_bus *);

/* Opens the admin role of --broker, else of the configured consumer, else of the producer. The caller closes it with
 * ebi_admin_close before the bus. */
enum eb_status cli_bus_admin(struct eb_bus *, const char *broker, struct ebi_admin **, struct eb_error *);

/* Finds the signal of a type from the command line, valid as long as the bus. An unknown type is an error of kind
 * EB_KIND_CONFIG. */
enum eb_status cli_bus_signal(const struct eb_bus *, const char *type, const struct eb_signal **, struct eb_error *);

/* Returns the full name of a topic from the command line. The caller frees it. */
enum eb_status cli_bus_topic(const struct eb_bus *, const char *topic, char **full, struct eb_error *);

#endif
