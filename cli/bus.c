/* cli/bus.c - see bus.h. */
#include "cli/bus.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

enum { LOOK_FOR_SIGNALS_MS = 100 };

/* Refuses an -o that has no effect: the sections and keys that it names must exist, also if this verb does not use
 * them. `consume` accepts a section that only -o makes. */
static enum eb_status check_overrides(const struct cli_call *call, struct eb_bus *bus, struct eb_error *err) {
    const struct ebi_broker *broker;
    enum eb_status status = EB_OK;

    for (const char *name = NULL; (name = ebi_config_next_override(bus->config, "consume", name));)
        if (call->verb != &cli_consume && ebi_config_is_override(bus->config, "consume", name) &&
            !ebi_config_text(bus->config, "consume", name, "topic"))
            return ebi_config_no_override(bus->config, "consume", name, err);
    for (const char *name = NULL; status == EB_OK && (name = ebi_config_next_override(bus->config, "broker", name));)
        status = ebi_bus_broker(bus, name, &broker, err);
    return status;
}

enum eb_status cli_bus_open(const struct cli_call *call, const char *broker, bool connect, struct eb_bus **bus,
                            struct eb_error *err) {
    struct ebi_bytes producer = { 0 };
    const char **overrides = NULL;
    size_t n = 0;
    enum eb_status status = EB_OK;

    while (call->overrides && call->overrides[n])
        n++;
    overrides = calloc(n + 3, sizeof *overrides);
    if (!overrides || (broker && !ebi_bytes_add_format(&producer, "eventbus.producer=%s", broker))) {
        status = ebi_error_memory(err);
        goto done;
    }
    size_t at = 0;
    if (call->loudness != CLI_NORMAL) /* before the other overrides, so that an -o of the caller wins */
        overrides[at++] = call->loudness == CLI_QUIET ? "eventbus.log_level=warning" : "eventbus.log_level=debug";
    for (size_t i = 0; i < n; i++)
        overrides[at++] = call->overrides[i];
    overrides[at] = producer.data;
    const struct eb_bus_options options = { .size = sizeof options, .files = call->files, .overrides = overrides };
    status = ebi_bus_open_local(bus, &options, err);
    if (status != EB_OK)
        goto done;
    status = check_overrides(call, *bus, err);
    (*bus)->opens_late = true; /* a broker that is away is reported with the first event, which can then be kept */
    if (status == EB_OK && connect)
        status = ebi_bus_connect(*bus, err);
    if (status != EB_OK) {
        eb_bus_close(*bus, 0, NULL);
        *bus = NULL;
    }
done:
    ebi_bytes_free(&producer);
    free(overrides);
    return status;
}

enum eb_status cli_bus_wait_for_producer(struct eb_bus *bus, struct eb_error *err) {
    struct ebi_sender *sender;
    const struct ebi_broker *broker;
    enum eb_status status = ebi_producer_sender(bus->producer, &sender, err);

    if (status == EB_OK)
        status = ebi_bus_broker(bus, ebi_bus_broker_name(bus, bus->settings.producer), &broker, err);
    if (status != EB_OK)
        return status;
    int64_t by = ebi_ticks_ms() + broker->own.connect_timeout, left = broker->own.connect_timeout;
    do {
        status = ebi_sender_wait_link(sender, left < LOOK_FOR_SIGNALS_MS ? left : LOOK_FOR_SIGNALS_MS, err);
        left = by - ebi_ticks_ms();
    } while (status != EB_OK && left > 0 && !cli_told_to_end());
    return status;
}

enum eb_status cli_bus_flush(struct eb_bus *bus, struct eb_error *err) {
    enum eb_status status;

    do
        status = eb_bus_flush(bus, LOOK_FOR_SIGNALS_MS, err);
    while (status == EB_RETRIABLE && !cli_told_to_end());
    return status;
}

void cli_bus_wait_for_room(struct eb_bus *bus) {
    ebi_producer_wait_unless(bus->producer, cli_told_to_end);
}

enum eb_status cli_bus_admin(struct eb_bus *bus, const char *name, struct ebi_admin **admin, struct eb_error *err) {
    const struct ebi_broker *broker;

    if (!name)
        name = ebi_bus_broker_name(bus, bus->settings.consumer);
    if (!name)
        name = ebi_bus_broker_name(bus, bus->settings.producer);
    if (!name)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "no broker is configured; set consumer or producer in [eventbus], or give --broker");
    enum eb_status status = ebi_bus_broker(bus, name, &broker, err);
    if (status == EB_OK)
        status = ebi_admin_open(broker, bus->service, bus->log, admin, err);
    return status;
}

enum eb_status cli_bus_signal(const struct eb_bus *bus, const char *type, const struct eb_signal **signal,
                              struct eb_error *err) {
    *signal = ebi_signals_find(bus->signals, type, err);
    if (*signal)
        return EB_OK;
    if (!ebi_signals_bad(bus->signals, type))
        err->kind = EB_KIND_CONFIG; /* the command line is wrong, not a file */
    return EB_PERMANENT;
}

enum eb_status cli_bus_topic(const struct eb_bus *bus, const char *topic, char **full, struct eb_error *err) {
    *full = ebi_full_topic(bus->settings.topic_prefix, topic);
    return *full ? EB_OK : ebi_error_memory(err);
}
