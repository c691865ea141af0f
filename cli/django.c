/* cli/django.c - see django.h. The table has each setting of edx-event-bus-redis 1.1 and edx-event-bus-kafka 6.2. */
#include "cli/django.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "cli/ini_text.h"
#include "cli/report.h"

enum form { TEXT, TEXTS, COUNT, YES_NO, AUDIT };
enum secrecy { SHOWN, SECRET, URL }; /* URL: a secret if it may have a password in it */

/* One setting, and what it becomes. */
struct setting {
    const char *name;
    const char *broker;        /* whose setting it is; NULL: one of every broker */
    const char *section, *key; /* key NULL: it becomes nothing */
    enum form form;
    enum secrecy secrecy;
    const char *why; /* it becomes nothing */
};

static const char woken[] = "a worker is woken by what comes, and by being stopped";
static const char backoff[] = "a broker that is away is tried again with growing waits";
static const char reports[] = "a thread of the library takes delivery reports as they come";

static const struct setting settings_of_old[] = {
    { "EVENT_BUS_TOPIC_PREFIX", NULL, "eventbus", "topic_prefix", TEXT, SHOWN, NULL },
    { "EVENT_BUS_REDIS_CONNECTION_URL", "redis", "broker", "url", TEXT, URL, NULL },
    { "EVENT_BUS_REDIS_STREAM_MAX_LEN", "redis", "broker", "stream_max_len", COUNT, SHOWN, NULL },
    { "EVENT_BUS_REDIS_CONSUMERS_ENABLED", "redis", "eventbus", "consumers_enabled", YES_NO, SHOWN, NULL },
    { "EVENT_BUS_REDIS_CONSUMER_CONSECUTIVE_ERRORS_LIMIT", "redis", "eventbus", "consecutive_errors_limit", COUNT, SHOWN,
      NULL },
    { "EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED", "redis", "eventbus", "audit", AUDIT, SHOWN, NULL },
    { "EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT", "redis", NULL, NULL, TEXT, SHOWN, woken },
    { "EVENT_BUS_REDIS_CONSUMER_POLL_FAILURE_SLEEP", "redis", NULL, NULL, TEXT, SHOWN, backoff },
    { "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "kafka", "broker", "bootstrap_servers", TEXTS, SHOWN, NULL },
    { "EVENT_BUS_KAFKA_API_KEY", "kafka", "broker", "api_key", TEXT, SHOWN, NULL },
    { "EVENT_BUS_KAFKA_API_SECRET", "kafka", "broker", "api_secret", TEXT, SECRET, NULL },
    { "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", "kafka", "broker", "schema_registry", TEXT, URL, NULL },
    { "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "kafka", "broker", "schema_registry_key", TEXT, SHOWN, NULL },
    { "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "kafka", "broker", "schema_registry_secret", TEXT, SECRET, NULL },
    { "EVENT_BUS_KAFKA_CONSUMERS_ENABLED", "kafka", "eventbus", "consumers_enabled", YES_NO, SHOWN, NULL },
    { "EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT", "kafka", "eventbus", "consecutive_errors_limit", COUNT, SHOWN,
      NULL },
    { "EVENT_BUS_KAFKA_AUDIT_LOGGING_ENABLED", "kafka", "eventbus", "audit", AUDIT, SHOWN, NULL },
    { "EVENT_BUS_KAFKA_CONSUMER_POLL_TIMEOUT", "kafka", NULL, NULL, TEXT, SHOWN, woken },
    { "EVENT_BUS_KAFKA_CONSUMER_POLL_FAILURE_SLEEP", "kafka", NULL, NULL, TEXT, SHOWN, backoff },
    { "EVENT_BUS_KAFKA_POLL_INTERVAL_SEC", "kafka", NULL, NULL, TEXT, SHOWN, reports },
};
enum { N_SETTINGS = sizeof settings_of_old / sizeof settings_of_old[0] };

/* What openedx-events reads, and the package openedx-eventbus. */
static const char *const settings_of_django[] = { "EVENT_BUS_PRODUCER",        "EVENT_BUS_CONSUMER",
                                                  "EVENT_BUS_PRODUCER_CONFIG", "EVENT_BUS_BROKER",
                                                  "EVENT_BUS_SERIALIZER",      "EVENT_BUS_DESERIALIZER",
                                                  "EVENT_BUS_SEND_ON_COMMIT",  "EVENT_BUS_INI" };
static const char *const brokers[] = { "redis", "kafka", "sqlite" };

static bool is_one_of(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static enum eb_status wrong(struct eb_error *err, const char *setting, const json_t *value, const char *wanted) {
    static const char *const types[] = { [JSON_OBJECT] = "an object",
                                         [JSON_ARRAY] = "a list",
                                         [JSON_STRING] = "a text",
                                         [JSON_INTEGER] = "a number",
                                         [JSON_REAL] = "a number with a fraction",
                                         [JSON_TRUE] = "true",
                                         [JSON_FALSE] = "false",
                                         [JSON_NULL] = "null" };

    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the setting %s is %s; it must be %s", setting,
                     value ? types[json_typeof(value)] : "missing", wanted);
}

static enum eb_status join(const struct setting *setting, const json_t *list, struct ebi_bytes *text, struct eb_error *err) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (!one)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the setting %s has something in its list that is no text",
                             setting->name);
        if (!ebi_bytes_add_format(text, "%s%s", i ? "," : "", one))
            return ebi_error_memory(err);
    }
    return EB_OK;
}

enum { MOST_DIGITS = 18 }; /* of a number that fits 63 bits */

/* "12" is a number as well: settings may come from the environment. */
static enum eb_status count(const struct setting *setting, const json_t *value, struct ebi_bytes *text, struct eb_error *err) {
    const char *digits = json_string_value(value);
    bool added;

    if (digits ? !*digits || strlen(digits) > MOST_DIGITS || strspn(digits, "0123456789") != strlen(digits)
               : !json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(err, setting->name, value, "a whole number from 0");
    added = digits ? ebi_bytes_add_text(text, digits)
                   : ebi_bytes_add_format(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return added ? EB_OK : ebi_error_memory(err);
}

/* Adds the value as it stands in an INI. */
static enum eb_status convert(const struct setting *setting, const json_t *value, struct ebi_bytes *text,
                              struct eb_error *err) {
    const char *word = NULL;

    switch (setting->form) {
    case TEXTS:
        if (json_is_array(value))
            return join(setting, value, text, err);
        /* fall through */
    case TEXT:
        word = json_string_value(value);
        if (!word)
            return wrong(err, setting->name, value, "a text");
        break;
    case COUNT:
        return count(setting, value, text, err);
    case YES_NO:
    case AUDIT:
        if (!json_is_boolean(value))
            return wrong(err, setting->name, value, "true or false");
        if (setting->form == YES_NO)
            word = json_is_true(value) ? "yes" : "no";
        else
            word = json_is_true(value) ? "brief" : "off";
    }
    return ebi_bytes_add_text(text, word) ? EB_OK : ebi_error_memory(err);
}

/* Not set, as openedx-events and the packages for brokers take it. */
static bool is_unset(const json_t *value) {
    return !value || json_is_null(value) || (json_is_string(value) && !*json_string_value(value));
}

static bool is_secret(const struct setting *setting, const json_t *value) {
    const char *text = json_string_value(value);

    if (setting->secrecy == URL) /* of any form: too many secrets do no harm */
        return text && (strchr(text, '@') || strstr(text, "password="));
    return setting->secrecy == SECRET;
}

/* ---- which broker ------------------------------------------------------------------------------------------------ */

/* The broker of today's producer: edx_event_bus_redis.create_producer. NULL: it does not say. */
static const char *broker_of_producer(const json_t *settings) {
    const char *producer = json_string_value(json_object_get(settings, "EVENT_BUS_PRODUCER"));

    if (producer && strncmp(producer, "edx_event_bus_redis.", 20) == 0)
        return "redis";
    return producer && strncmp(producer, "edx_event_bus_kafka.", 20) == 0 ? "kafka" : NULL;
}

static bool has_address(const json_t *settings, const char *name) {
    const json_t *value = json_object_get(settings, name);

    return !is_unset(value) && !(json_is_array(value) && json_array_size(value) == 0);
}

/* *broker NULL: no setting is about one, or the file that EVENT_BUS_INI names has to say which. */
static enum eb_status choose_broker(const json_t *settings, const char **broker, struct eb_error *err) {
    const json_t *chosen = json_object_get(settings, "EVENT_BUS_BROKER");
    bool redis = has_address(settings, "EVENT_BUS_REDIS_CONNECTION_URL");
    bool kafka = has_address(settings, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS");

    *broker = json_string_value(chosen);
    if (chosen && !json_is_null(chosen))
        return *broker && is_one_of(*broker, brokers, sizeof brokers / sizeof *brokers)
                   ? EB_OK
                   : wrong(err, "EVENT_BUS_BROKER", chosen, "redis, kafka or sqlite");
    *broker = broker_of_producer(settings);
    if (!*broker && redis && kafka && !is_unset(json_object_get(settings, "EVENT_BUS_INI")))
        return EB_OK;
    if (!*broker && redis && kafka)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "EVENT_BUS_REDIS_CONNECTION_URL and EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS are both set; say which "
                         "broker counts by EVENT_BUS_BROKER, or remove one");
    if (!*broker)
        *broker = redis ? "redis" : kafka ? "kafka" : NULL;
    return EB_OK;
}

static bool is_for(const struct setting *setting, const char *broker) {
    return !setting->broker || (broker && strcmp(setting->broker, broker) == 0);
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

enum { LARGEST_SECRET = 65536 }; /* what ${file:} reads */

static enum eb_status add_secret(const struct setting *setting, const char *value, const char *folder, struct ebi_bytes *ini,
                                 struct eb_error *err) {
    struct ebi_bytes file = { 0 };
    enum eb_status status;

    if (cli_ini_has_control(value))
        return cli_ini_refuse_control(setting->name, setting->key, err);
    if (strlen(value) > LARGEST_SECRET)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the setting %s is longer than 64 KiB; shorten it", setting->name);
    status = ebi_bytes_add_format(&file, "${file:%s/%s}", folder, setting->name) ? EB_OK : ebi_error_memory(err);
    if (status == EB_OK)
        status = cli_ini_add_raw(ini, setting->name, setting->key, file.data, err);
    ebi_bytes_free(&file);
    return status;
}

static enum eb_status add_setting(const struct setting *setting, const json_t *value, const char *folder, struct ebi_bytes *ini,
                                  struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    enum eb_status status = convert(setting, value, &text, err);

    if (status == EB_OK && is_secret(setting, value))
        status = add_secret(setting, text.data, folder, ini, err);
    else if (status == EB_OK)
        status = cli_ini_add(ini, setting->name, setting->key, text.data ? text.data : "", err);
    ebi_bytes_free(&text);
    return status;
}

static enum eb_status add_settings(const json_t *settings, const char *section, const char *broker, const char *folder,
                                   struct ebi_bytes *ini, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < N_SETTINGS && status == EB_OK; i++) {
        const struct setting *setting = &settings_of_old[i];
        const json_t *value = json_object_get(settings, setting->name);
        if (!is_unset(value) && is_for(setting, broker) && setting->key && strcmp(setting->section, section) == 0)
            status = add_setting(setting, value, folder, ini, err);
    }
    return status;
}

/* The name in the source of each event, as openedx-events takes it. */
static enum eb_status add_service(const json_t *settings, struct ebi_bytes *ini, struct eb_error *err) {
    const char *name = "EVENTS_SERVICE_NAME";
    const json_t *value = json_object_get(settings, name);

    if (is_unset(value)) {
        name = "SERVICE_VARIANT";
        value = json_object_get(settings, name);
    }
    if (is_unset(value))
        return ebi_bytes_add_text(ini, "service = SERVICE_NAME_UNSET\n") ? EB_OK : ebi_error_memory(err);
    if (!json_is_string(value))
        return wrong(err, name, value, "a text");
    return cli_ini_add(ini, name, "service", json_string_value(value), err);
}

static enum eb_status add_bus(const json_t *settings, const char *broker, const char *folder, struct ebi_bytes *ini,
                              struct eb_error *err) {
    enum eb_status status;

    if (!ebi_bytes_add_text(ini, "; The event bus of a service, from its Django settings.\n\n[eventbus]\n"))
        return ebi_error_memory(err);
    status = add_service(settings, ini, err);
    if (status == EB_OK && broker && !ebi_bytes_add_format(ini, "producer = %s\nconsumer = %s\n", broker, broker))
        status = ebi_error_memory(err);
    return status == EB_OK ? add_settings(settings, "eventbus", broker, folder, ini, err) : status;
}

/* With Kafka, members in Python may be in the same group: they know the eager assignment only. */
static enum eb_status add_broker(const json_t *settings, const char *broker, const char *folder, struct ebi_bytes *ini,
                                 struct eb_error *err) {
    if (!broker)
        return EB_OK;
    if (!ebi_bytes_add_format(ini, "\n[broker %s]\nplugin = %s\n%s", broker, broker,
                              strcmp(broker, "kafka") == 0 ? "assignment = eager\n" : ""))
        return ebi_error_memory(err);
    return add_settings(settings, "broker", broker, folder, ini, err);
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

/* Routes that are being written. */
struct routes {
    struct ebi_bytes *ini;
    json_t *names; /* an object, whose keys are the sections' names so far */
    struct eb_error *err;
};

enum { NAME_MOST = 36 }; /* of a section's name, without "route" and a number */

/* "org.openedx.learning.course.enrollment.created.v1" is named course-enrollment-created: the last words, as many as fit. */
static void name_route(const char *type, char name[NAME_MOST + 1]) {
    const char *end = strrchr(type, '.'), *next;

    if (!end || end[1] != 'v' || strspn(end + 2, "0123456789") != strlen(end + 2))
        end = type + strlen(type);
    if (strncmp(type, "org.openedx.", 12) == 0 && end > type + 12)
        type += 12;
    while (end - type > NAME_MOST && (next = strchr(type, '.')) && next + 1 < end)
        type = next + 1;
    snprintf(name, NAME_MOST + 1, "%.*s", (int)(end - type), type);
    for (char *at = name; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *at))
            *at = '-';
}

static enum eb_status begin_route(struct routes *routes, const char *type) {
    char name[NAME_MOST + 1], unique[NAME_MOST + 24];

    name_route(type, name);
    snprintf(unique, sizeof unique, "%s", *name ? name : "route");
    for (unsigned n = 2; json_object_get(routes->names, unique); n++)
        snprintf(unique, sizeof unique, "%s-%u", *name ? name : "route", n);
    if (json_object_set_new(routes->names, unique, json_true()) != 0 ||
        !ebi_bytes_add_format(routes->ini, "\n[route %s]\n", unique))
        return ebi_error_memory(routes->err);
    return EB_OK;
}

static enum eb_status add_route(struct routes *routes, const char *type, const char *topic, const json_t *about) {
    const json_t *key_field = json_object_get(about, "event_key_field"), *enabled = json_object_get(about, "enabled");
    char where[400];
    enum eb_status status;

    snprintf(where, sizeof where, "EVENT_BUS_PRODUCER_CONFIG of %s to %s", type, topic);
    if (!json_is_object(about))
        return wrong(routes->err, where, about, "an object with event_key_field and enabled");
    if (!json_is_string(key_field))
        return ebi_error(routes->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: event_key_field must be a text", where);
    if (!json_is_boolean(enabled))
        return ebi_error(routes->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: enabled must be true or false", where);
    status = begin_route(routes, type);
    if (status == EB_OK)
        status = cli_ini_add(routes->ini, where, "event", type, routes->err);
    if (status == EB_OK)
        status = cli_ini_add(routes->ini, where, "topic", topic, routes->err);
    if (status == EB_OK)
        status = cli_ini_add(routes->ini, where, "key_field", json_string_value(key_field), routes->err);
    if (status == EB_OK && !ebi_bytes_add_format(routes->ini, "enabled = %s\n", json_is_true(enabled) ? "yes" : "no"))
        status = ebi_error_memory(routes->err);
    return status;
}

static enum eb_status add_topics(struct routes *routes, const char *type, json_t *topics) {
    enum eb_status status = EB_OK;
    const char *topic;
    json_t *about;

    if (!json_is_object(topics))
        return ebi_error(routes->err, EB_PERMANENT, EB_KIND_CONFIG,
                         "EVENT_BUS_PRODUCER_CONFIG of %s must be an object with a topic as each name", type);
    json_object_foreach(topics, topic, about) {
        status = add_route(routes, type, topic, about);
        if (status != EB_OK)
            break;
    }
    return status;
}

static enum eb_status add_routes(const json_t *settings, struct ebi_bytes *ini, struct eb_error *err) {
    json_t *config = json_object_get(settings, "EVENT_BUS_PRODUCER_CONFIG"), *topics;
    struct routes routes = { .ini = ini, .err = err };
    enum eb_status status = EB_OK;
    const char *type;

    if (is_unset(config))
        return EB_OK;
    if (!json_is_object(config))
        return wrong(err, "EVENT_BUS_PRODUCER_CONFIG", config, "an object with an event type as each name");
    routes.names = json_object();
    if (!routes.names)
        return ebi_error_memory(err);
    json_object_foreach(config, type, topics) {
        status = add_topics(&routes, type, topics);
        if (status != EB_OK)
            break;
    }
    json_decref(routes.names);
    return status;
}

/* ---- what is not in the INI -------------------------------------------------------------------------------------- */

static const struct setting *find(const char *name) {
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strcmp(settings_of_old[i].name, name) == 0)
            return &settings_of_old[i];
    return NULL;
}

static void tell_unused(json_t *settings, const char *broker) {
    const char *name;
    json_t *value;

    json_object_foreach(settings, name, value) {
        const struct setting *setting = find(name);
        if (setting && !setting->key && is_for(setting, broker) && !is_unset(value))
            cli_tell("the setting %s has no counterpart and is not used: %s", name, setting->why);
        else if (!setting && strncmp(name, "EVENT_BUS_", 10) == 0 &&
                 !is_one_of(name, settings_of_django, sizeof settings_of_django / sizeof *settings_of_django))
            cli_tell("the setting %s is not known and is not used", name);
    }
    if (!is_unset(json_object_get(settings, "EVENT_BUS_INI")))
        cli_tell("the setting EVENT_BUS_INI names a file whose keys override these: give it as a second -c");
}

enum eb_status cli_django_ini(const json_t *settings, const char *folder, struct ebi_bytes *ini, struct eb_error *err) {
    const char *broker;
    enum eb_status status = choose_broker(settings, &broker, err);

    if (status == EB_OK)
        status = add_bus(settings, broker, folder, ini, err);
    if (status == EB_OK)
        status = add_broker(settings, broker, folder, ini, err);
    if (status == EB_OK)
        status = add_routes(settings, ini, err);
    if (status == EB_OK)
        tell_unused((json_t *)settings, broker);
    return status;
}

bool cli_django_next_secret(const json_t *settings, size_t *at, const char **name, const char **value) {
    const char *broker;

    if (choose_broker(settings, &broker, NULL) != EB_OK)
        return false;
    while (*at < N_SETTINGS) {
        const struct setting *setting = &settings_of_old[(*at)++];
        const json_t *is = json_object_get(settings, setting->name);
        if (is_for(setting, broker) && !is_unset(is) && is_secret(setting, is)) {
            *name = setting->name;
            *value = json_string_value(is);
            return true;
        }
    }
    return false;
}
