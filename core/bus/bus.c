/* core/bus/bus.c - puts the rooms together into the bus of one service. */
#include "bus/bus.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/signal.h>

#include "base/blank.h"
#include "base/bytes.h"
#include "base/error.h"
#include "consume/task.h"

struct ebi_bound {
    struct ebi_broker *broker;
    struct ebi_bound *next;
    char name[];
};

/* ---- Opening ---- */

static enum eb_status read_config(struct eb_bus *bus, const struct eb_bus_options *options, struct eb_error *err) {
    struct ebi_table table = ebi_bus_table(&bus->settings);
    const struct ebi_config_sources from = { options->files, options->overrides, options->defaults };
    enum eb_status status = ebi_config_load_from(&from, &bus->config, err);

    if (status == EB_OK)
        status = ebi_config_check_sections(bus->config, err);
    if (status == EB_OK)
        status = ebi_config_bind(bus->config, "eventbus", "", &table, 1, err);
    if (status == EB_OK)
        ebi_settings_audit(bus->config, &bus->settings);
    return status;
}

static enum eb_status start_log(struct eb_bus *bus, const struct eb_bus_options *options, struct eb_error *err) {
    const char *note = ebi_config_note(bus->config);

    bus->log = ebi_log_new(ebi_settings_level(bus->settings.log_level), bus->settings.log_format == 1, options->log,
                           options->log_arg);
    if (!bus->log)
        return ebi_error_memory(err);
    ebi_log_set_time(bus->log, (enum ebi_log_time)bus->settings.log_time);
    if (note)
        ebi_log_line(bus->log, EBI_WARNING, "%s", note);
    return EB_OK;
}

static enum eb_status read_signals(struct eb_bus *bus, struct eb_error *err) {
    char *folders = ebi_schema_folders(bus->settings.schema_path);
    enum eb_status status;

    if (!folders)
        return ebi_error_memory(err);
    bus->service = bus->settings.service && *bus->settings.service ? bus->settings.service : program_invocation_short_name;
    status = ebi_signals_load(folders, (size_t)bus->settings.schema_limit, bus->service, bus->log, &bus->signals, err);
    free(folders);
    return status;
}

/* Copies the options as the caller's header knew them; the rest is zero. */
static struct eb_bus_options known_options(const struct eb_bus_options *given) {
    struct eb_bus_options options = { 0 };

    if (given)
        memcpy(&options, given, given->size && given->size < sizeof options ? given->size : sizeof options);
    return options;
}

enum eb_status ebi_bus_open_local(struct eb_bus **out, const struct eb_bus_options *given, struct eb_error *err) {
    struct eb_bus_options options = known_options(given);
    struct eb_bus *bus = calloc(1, sizeof *bus);
    enum eb_status status;

    if (!bus)
        return ebi_error_memory(err);
    pthread_mutex_init(&bus->lock, NULL);
    bus->before_event = options.before_event;
    bus->before_event_arg = options.before_event_arg;
    status = read_config(bus, &options, err);
    if (status == EB_OK)
        status = start_log(bus, &options, err);
    if (status == EB_OK)
        status = read_signals(bus, err);
    if (status != EB_OK) {
        eb_bus_close(bus, 0, NULL);
        return status;
    }
    *out = bus;
    return EB_OK;
}

enum eb_status ebi_bus_connect(struct eb_bus *bus, struct eb_error *err) {
    const char *name = ebi_bus_broker_name(bus, bus->settings.producer);
    struct ebi_bytes undelivered = { 0 };
    const struct ebi_broker *broker = NULL;
    enum eb_status status = ebi_routes_load(bus->config, bus->signals, bus->settings.topic_prefix, &bus->routes, err);

    if (status == EB_OK && name)
        status = ebi_bus_broker(bus, name, &broker, err);
    if (status == EB_OK && broker)
        status = ebi_broker_needs(broker, true, false, false, err);
    if (status != EB_OK)
        return status;
    if (!ebi_bytes_add_format(&undelivered, "%s/undelivered.jsonl", ebi_config_state(bus->config)))
        return ebi_error_memory(err);
    bus->undelivered = undelivered.data;
    const struct ebi_producer_deps deps = {
        .broker = broker,
        .service = bus->service,
        .signals = bus->signals,
        .routes = bus->routes,
        .settings = &bus->settings,
        .undelivered = bus->undelivered,
        .opens_late = bus->opens_late,
        .log = bus->log,
    };
    status = ebi_producer_new(&deps, &bus->producer, err);
    if (status == EB_OK)
        status = ebi_signals_connect(bus->signals, NULL, "general handler", ebi_general_handler, bus->producer, err);
    return status;
}

enum eb_status eb_bus_open(struct eb_bus **out, const struct eb_bus_options *options, struct eb_error *err) {
    struct eb_bus *bus;

    if (ebi_is_null(out, "the place for the bus", err))
        return EB_PERMANENT;
    *out = NULL;
    enum eb_status status = ebi_bus_open_local(&bus, options, err);

    if (status != EB_OK)
        return status;
    status = ebi_bus_connect(bus, err);
    if (status != EB_OK) {
        eb_bus_close(bus, 0, NULL);
        return status;
    }
    *out = bus;
    return EB_OK;
}

enum eb_status eb_bus_open_file(struct eb_bus **bus, const char *file, struct eb_error *err) {
    const char *const files[] = { file, NULL };
    const struct eb_bus_options options = { .size = sizeof options, .files = file ? files : NULL };

    return eb_bus_open(bus, &options, err);
}

/* ---- Brokers ---- */

const char *ebi_bus_broker_name(const struct eb_bus *bus, const char *configured) {
    if (configured && *configured)
        return configured;
    if (configured || ebi_config_next(bus->config, "broker", NULL))
        return NULL;
    return "";
}

static enum eb_status bind_broker(struct eb_bus *bus, const char *name, struct ebi_bound **out, struct eb_error *err) {
    struct ebi_bound *bound;
    enum eb_status status;

    bound = calloc(1, sizeof *bound + strlen(name) + 1);
    if (!bound)
        return ebi_error_memory(err);
    memcpy(bound->name, name, strlen(name) + 1);
    status = ebi_broker_bind(bus->config, &bus->settings, name, &bound->broker, err);
    if (status != EB_OK) {
        free(bound);
        return status;
    }
    ebi_broker_log_unlisted(bound->broker, bus->log);
    if (!*name)
        ebi_log_line(bus->log, EBI_WARNING,
                     "the configuration has no [broker NAME] section: the embedded broker is used, a SQLite file in %s",
                     ebi_config_state(bus->config));
    bound->next = bus->brokers;
    bus->brokers = bound;
    *out = bound;
    return EB_OK;
}

enum eb_status ebi_bus_broker(struct eb_bus *bus, const char *name, const struct ebi_broker **out, struct eb_error *err) {
    enum eb_status status = EB_OK;
    struct ebi_bound *bound;

    if (!name)
        name = "";
    pthread_mutex_lock(&bus->lock);
    for (bound = bus->brokers; bound && strcmp(bound->name, name) != 0;)
        bound = bound->next;
    if (!bound)
        status = bind_broker(bus, name, &bound, err);
    pthread_mutex_unlock(&bus->lock);
    if (status == EB_OK)
        *out = bound->broker;
    return status;
}

/* ---- Consumers ---- */

static enum eb_status dead_letter_broker(struct eb_bus *bus, const struct eb_consumer_options *options,
                                         const struct ebi_broker **broker, struct eb_error *err) {
    struct ebi_task task;
    enum eb_status status;

    pthread_mutex_lock(&bus->lock);
    status = ebi_task_make(bus->config, &bus->settings, options, &task, err);
    const char *name = status == EB_OK ? task.settings.dead_letter_broker : NULL;
    if (status == EB_OK)
        ebi_task_free(&task);
    pthread_mutex_unlock(&bus->lock);
    if (status == EB_OK && name && *name)
        status = ebi_bus_broker(bus, name, broker, err);
    return status;
}

static enum eb_status consumer_broker(struct eb_bus *bus, const struct eb_consumer_options *options,
                                      const struct ebi_broker **broker, struct eb_error *err) {
    const char *name = options->broker ? options->broker : ebi_bus_broker_name(bus, bus->settings.consumer);

    if (options->broker && ebi_is_blank(options->broker))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "the name of the broker is empty; NULL is for the configured consumer");
    if (!name)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no consumer is configured; set consumer in [eventbus]");
    return ebi_bus_broker(bus, name, broker, err);
}

enum eb_status ebi_bus_consumer(struct eb_bus *bus, const struct eb_consumer_options *given,
                                const struct ebi_worker_overrides *overrides, struct eb_consumer **out, struct eb_error *err) {
    struct eb_consumer_options options = { 0 };
    struct ebi_worker_deps deps = {
        .config = bus->config,
        .bus = &bus->settings,
        .service = bus->service,
        .signals = bus->signals,
        .routes = bus->routes,
        .log = bus->log,
        .before_event = bus->before_event,
        .before_event_arg = bus->before_event_arg,
    };
    enum eb_status status;

    if (given)
        memcpy(&options, given, given->size && given->size < sizeof options ? given->size : sizeof options);
    if (!bus->settings.consumers_enabled)
        return ebi_error(err, EB_GONE, EB_KIND_CONFIG, "consumers are disabled by the configuration (consumers_enabled)");
    status = consumer_broker(bus, &options, &deps.broker, err);
    deps.dead_letter_broker = deps.broker;
    if (status == EB_OK)
        status = dead_letter_broker(bus, &options, &deps.dead_letter_broker, err);
    if (status != EB_OK)
        return status;
    pthread_mutex_lock(&bus->lock);
    status = ebi_worker_new(&deps, &options, overrides, out, err);
    pthread_mutex_unlock(&bus->lock);
    return status;
}

/* Whether a bus may be used. EB_PERMANENT: it is NULL; EB_FATAL: it was opened before this process was forked. */
static enum eb_status check(const struct eb_bus *bus, struct eb_error *err) {
    if (ebi_is_null(bus, "the bus", err))
        return EB_PERMANENT;
    return ebi_is_parents(bus->signals->forks, "the bus", err) ? EB_FATAL : EB_OK;
}

enum eb_status eb_consumer_open(struct eb_consumer **consumer, struct eb_bus *bus, const struct eb_consumer_options *options,
                                struct eb_error *err) {
    static const struct ebi_worker_overrides none;

    if (ebi_is_null(consumer, "the place for the consumer", err))
        return EB_PERMANENT;
    *consumer = NULL;
    enum eb_status status = check(bus, err);
    if (status != EB_OK)
        return status;
    return ebi_bus_consumer(bus, options, &none, consumer, err);
}

/* ---- The rest of the public interface ---- */

const struct eb_signal *eb_signal_find(const struct eb_bus *bus, const char *type, struct eb_error *err) {
    if (ebi_is_null(bus, "the bus", err))
        return NULL;
    if (!type) {
        ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no event type is given: it is NULL");
        return NULL;
    }
    return ebi_signals_find(bus->signals, type, err);
}

int eb_signal_each(const struct eb_bus *bus, int (*each)(void *, const struct eb_signal *), void *arg) {
    return bus && each ? ebi_signals_each(bus->signals, each, arg) : 0;
}

/* Makes a signal, gives it the routes of the one whose place it takes, and publishes it. The caller holds the lock of the bus. */
static const struct eb_signal *add_signal(struct eb_bus *bus, const char *schema, size_t len, struct eb_error *err) {
    const struct eb_signal *same = NULL;
    struct ebi_added *added = NULL;
    enum eb_status status = ebi_signals_make(bus->signals, schema, len, &added, &same, err);

    if (status == EB_END)
        return same;
    if (status == EB_OK) {
        const char *type = eb_signal_type(&added->signal);
        const struct eb_signal *earlier = ebi_signals_get(bus->signals, type, strlen(type));

        status = earlier ? ebi_routes_follow(bus->routes, earlier, &added->signal, err) : EB_OK;
    }
    if (status != EB_OK) {
        ebi_added_free(added);
        ebi_error_context(err, "the signal is not added");
        return NULL;
    }
    ebi_signals_publish(bus->signals, added);
    return &added->signal;
}

const struct eb_signal *eb_signal_add(struct eb_bus *bus, const char *schema, size_t len, struct eb_error *err) {
    if (check(bus, err) != EB_OK || ebi_is_null(schema, "the schema", err))
        return NULL;
    if (len > (size_t)bus->settings.schema_limit) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                  "the schema has %zu bytes, more than schema_limit allows; raise schema_limit", len);
        return NULL;
    }
    pthread_mutex_lock(&bus->lock);
    const struct eb_signal *signal = add_signal(bus, schema, len, err);
    pthread_mutex_unlock(&bus->lock);
    return signal;
}

enum eb_status eb_connect(struct eb_bus *bus, const struct eb_signal *signal, const char *name, eb_receiver receiver, void *arg,
                          struct eb_error *err) {
    enum eb_status status = check(bus, err);

    if (status != EB_OK)
        return status;
    if (!receiver || !name || !*name)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "a receiver has a name and a function; %s",
                         receiver ? "the name is missing" : "the function is NULL");
    return ebi_signals_connect(bus->signals, signal, name, receiver, arg, err);
}

enum eb_status eb_disconnect(struct eb_bus *bus, const struct eb_signal *signal, const char *name) {
    return name && check(bus, NULL) == EB_OK ? ebi_signals_disconnect(bus->signals, signal, name) : EB_GONE;
}

void eb_bus_on_delivery(struct eb_bus *bus, eb_delivered delivered, void *arg) {
    if (check(bus, NULL) == EB_OK)
        ebi_producer_on_delivery(bus->producer, delivered, arg);
}

void eb_bus_queue_wait(struct eb_bus *bus, int timeout_ms) {
    if (check(bus, NULL) == EB_OK)
        ebi_producer_queue_wait(bus->producer, timeout_ms);
}

static enum eb_status check_event(const struct eb_bus *bus, const struct eb_event *event, const char *topic,
                                  struct eb_error *err) {
    enum eb_status status = check(bus, err);

    if (status != EB_OK)
        return status;
    if (ebi_is_null(event, "the event", err))
        return EB_PERMANENT;
    if (!topic || ebi_is_blank(topic))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no topic is given to send to");
    return EB_OK;
}

enum eb_status eb_keep_undelivered(struct eb_bus *bus, const struct eb_event *event, const char *topic, const char *key_field,
                                   struct eb_error *err) {
    enum eb_status status = check_event(bus, event, topic, err);

    if (status != EB_OK)
        return status;
    const struct ebi_key key = { .field = key_field };
    return ebi_producer_keep(bus->producer, event, topic, &key, err);
}

enum eb_status eb_produce(struct eb_bus *bus, const struct eb_event *event, const char *topic, const char *key_field,
                          eb_delivered delivered, void *arg, struct eb_error *err) {
    enum eb_status status = check_event(bus, event, topic, err);

    if (status != EB_OK)
        return status;
    const struct ebi_key key = { .field = key_field };
    return ebi_produce(bus->producer, event, topic, &key, delivered, arg, err);
}

enum eb_status eb_bus_flush(struct eb_bus *bus, int timeout_ms, struct eb_error *err) {
    enum eb_status status = check(bus, err);

    if (status != EB_OK)
        return status;
    return ebi_producer_flush(bus->producer, timeout_ms, err);
}

static enum eb_status undelivered(const struct eb_bus *bus, size_t kept, size_t lost, struct eb_error *err) {
    if (lost)
        return ebi_error(err, EB_FATAL, EB_KIND_SYSTEM, "%zu event(s) are lost: not delivered, nor could %s be written", lost,
                         bus->undelivered);
    if (kept)
        return ebi_error(
            err, EB_RETRIABLE, EB_KIND_BROKER,
            "%zu event(s) were not delivered and are kept in %s; `eventbus produce --undelivered` sends them again", kept,
            bus->undelivered);
    return EB_OK;
}

enum eb_status eb_bus_close(struct eb_bus *bus, int timeout_ms, struct eb_error *err) {
    size_t kept, lost;

    if (!bus)
        return EB_OK;
    ebi_producer_close(bus->producer, timeout_ms, &kept, &lost);
    enum eb_status status = undelivered(bus, kept, lost, err);
    ebi_routes_free(bus->routes);
    ebi_signals_free(bus->signals);
    while (bus->brokers) {
        struct ebi_bound *bound = bus->brokers;

        bus->brokers = bound->next;
        ebi_broker_free(bound->broker);
        free(bound);
    }
    ebi_config_free(bus->config);
    ebi_log_free(bus->log);
    free(bus->undelivered);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
    return status;
}
