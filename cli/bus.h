/* cli/bus.h - the bus that a call's configuration and options lead to. */
#ifndef CLI_BUS_H
#define CLI_BUS_H

#include "bus/bus.h"
#include "cli/cli.h"
#include "plugin/admin.h"

/* Opens the bus as far as its signals; connect: with its producer as well. broker: --broker, or NULL. To be closed with
 * eb_bus_close. */
enum eb_status cli_bus_open(const struct cli_call *, const char *broker, bool connect, struct eb_bus **,
                            struct eb_error *);

/* Waits for the producer's broker, connect_timeout at most. */
enum eb_status cli_bus_wait_for_producer(struct eb_bus *, struct eb_error *);

/* Waits until all that was sent is delivered or given up, delivery_timeout at most; or until a signal tells us to end, with
 * EB_RETRIABLE. */
enum eb_status cli_bus_flush(struct eb_bus *, struct eb_error *);

/* Sending waits for room in the producer's queue, until a signal tells us to end. */
void cli_bus_wait_for_room(struct eb_bus *);

/* The admin role of --broker, else of the configured consumer, else of the producer. To be closed with ebi_admin_close,
 * before the bus. */
enum eb_status cli_bus_admin(struct eb_bus *, const char *broker, struct ebi_admin **, struct eb_error *);

/* A type from the command line; lives as long as the bus. An unknown one is a mistake of the call, EB_KIND_CONFIG. */
enum eb_status cli_bus_signal(const struct eb_bus *, const char *type, const struct eb_signal **, struct eb_error *);

/* The full name of a topic from the command line; to be freed. */
enum eb_status cli_bus_topic(const struct eb_bus *, const char *topic, char **full, struct eb_error *);

#endif
