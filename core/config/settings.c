/* core/config/settings.c - the option tables of the sections whose keys the core knows: see settings.h. */
#include "config/settings.h"

#define AT(type, field) .offset = offsetof(struct type, field)

enum { DAY_MS = 86400000 };

/* clang-format off */
static const struct eb_option bus_options[] = {
    { .key = "service", .type = EB_OPT_TEXT, .fallback = "", AT(ebi_bus_settings, service),
      .help = "Name of this service: events get the source openedx/NAME/web; empty: the program's name" },
    { .key = "producer", .type = EB_OPT_TEXT, AT(ebi_bus_settings, producer),
      .help = "NAME of the [broker NAME] that sends; none: signals stay within this process" },
    { .key = "consumer", .type = EB_OPT_TEXT, AT(ebi_bus_settings, consumer),
      .help = "NAME of the [broker NAME] that receives" },
    { .key = "topic_prefix", .type = EB_OPT_TEXT, .fallback = "", AT(ebi_bus_settings, topic_prefix),
      .help = "Put before each topic with a dash at the broker: prod makes prod-user-login; empty: nothing" },
    { .key = "plugin_path", .type = EB_OPT_TEXT, .fallback = EBI_PLUGINDIR, AT(ebi_bus_settings, plugin_path),
      .help = "Folders with plugins, \":\" between them" },
    { .key = "schema_path", .type = EB_OPT_TEXT, .fallback = "", AT(ebi_bus_settings, schema_path),
      .help = "Folders with .avsc files, \":\" between them, before the installed ones; earlier versions in a folder history there" },
    { .key = "plugin_trust", .type = EB_OPT_CHOICE, .choices = "owner|any", .fallback = "owner",
      AT(ebi_bus_settings, plugin_trust),
      .help = "Whose plugins are loaded: owner (only root and the running user can write them) or any" },
    { .key = "schema_limit", .type = EB_OPT_BYTES, .fallback = "1M", .min = 1024, .max = 1 << 30,
      AT(ebi_bus_settings, schema_limit), .help = "Size in bytes that a schema file may have" },
    { .key = "consumers_enabled", .type = EB_OPT_BOOL, .fallback = "yes", AT(ebi_bus_settings, consumers_enabled),
      .help = "Whether workers run at all; no makes each end at once" },
    { .key = "consecutive_errors_limit", .type = EB_OPT_INT, .fallback = "0", .min = 0, .max = UINT32_MAX,
      AT(ebi_bus_settings, consecutive_errors_limit),
      .help = "Number of errors in a row after which a worker ends; 0: it never does" },
    { .key = "log_level", .type = EB_OPT_CHOICE, .choices = "error|warning|info|debug", .fallback = "info",
      AT(ebi_bus_settings, log_level), .help = "The least severe lines that are logged" },
    { .key = "log_format", .type = EB_OPT_CHOICE, .choices = "text|json", .fallback = "text",
      AT(ebi_bus_settings, log_format), .help = "Log lines for people, or one JSON object a line" },
    { .key = "log_time", .type = EB_OPT_CHOICE, .choices = "utc|local|none", .fallback = "utc", AT(ebi_bus_settings, log_time),
      .help = "Time in front of log lines of text: UTC, local with its offset, or none; the journal has its own" },
    { .key = "audit", .type = EB_OPT_CHOICE, .choices = "brief|full|off", .fallback = "brief", AT(ebi_bus_settings, audit),
      .help = "Log lines of an event that goes well: brief: one as it is sent, one as it is processed; full: one as it comes" },
    { .key = "audit_delivered", .type = EB_OPT_BOOL, AT(ebi_bus_settings, audit_delivered),
      .help = "Whether each event that a broker has confirmed is logged, whatever audit says" },
    { .key = "audit_received", .type = EB_OPT_BOOL, AT(ebi_bus_settings, audit_received),
      .help = "Whether each event received is logged, whatever audit says" },
    { .key = "audit_processed", .type = EB_OPT_BOOL, AT(ebi_bus_settings, audit_processed),
      .help = "Whether each event whose receivers have all succeeded is logged, whatever audit says" },
    { .key = "queue_messages", .type = EB_OPT_INT, .fallback = "100000", .min = 1, .max = 100000000,
      AT(ebi_bus_settings, queue_messages), .help = "Number of events that may wait to be sent" },
    { .key = "queue_bytes", .type = EB_OPT_BYTES, .fallback = "64M", .min = 65536, .max = INT64_C(1) << 40,
      AT(ebi_bus_settings, queue_bytes), .help = "Bytes of events that may wait to be sent" },
    { .key = "queue_wait", .type = EB_OPT_MS, .fallback = "0", .min = 0, .max = DAY_MS,
      AT(ebi_bus_settings, queue_wait),
      .help = "Time a sender waits while that queue is full; 0: it is refused at once" },
    { .key = "batch_messages", .type = EB_OPT_INT, .fallback = "500", .min = 1, .max = 100000,
      AT(ebi_bus_settings, batch_messages), .help = "Number of events handed to the broker at a time, at most" },
    { .key = "batch_bytes", .type = EB_OPT_BYTES, .fallback = "1M", .min = 1024, .max = 1 << 30,
      AT(ebi_bus_settings, batch_bytes), .help = "Bytes of events handed to the broker at a time, about" },
    { .key = "linger", .type = EB_OPT_MS, .fallback = "0", .min = 0, .max = 60000, AT(ebi_bus_settings, linger),
      .help = "Time an event may wait for others to fill a batch; 0: none" },
    { .key = "delivery_timeout", .type = EB_OPT_MS, .fallback = "2m", .min = 1, .max = INT64_C(30) * DAY_MS,
      AT(ebi_bus_settings, delivery_timeout),
      .help = "Time after which an event that cannot be delivered goes to undelivered.jsonl" },
};
/* clang-format on */

/* clang-format off */
static const struct eb_option broker_options[] = {
    { .key = "plugin", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, AT(ebi_broker_settings, plugin),
      .help = "Plugin for this broker: a name (sqlite for sqlite.so in plugin_path) or an absolute path" },
    { .key = "connect_timeout", .type = EB_OPT_MS, .fallback = "5s", .min = 1, .max = DAY_MS,
      AT(ebi_broker_settings, connect_timeout), .help = "Time within which the broker must answer at the start" },
};
/* clang-format on */

/* clang-format off */
static const struct eb_option route_options[] = {
    { .key = "event", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, AT(ebi_route_settings, event),
      .help = "Event type that this route is for" },
    { .key = "topic", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, AT(ebi_route_settings, topic),
      .help = "Topic it is sent to, without topic_prefix" },
    { .key = "key_field", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .fallback = "",
      AT(ebi_route_settings, key_field),
      .help = "Path of the field whose value is the key; events of one key keep their order; empty: no key" },
    { .key = "enabled", .type = EB_OPT_BOOL, .fallback = "yes", AT(ebi_route_settings, enabled),
      .help = "Whether this route sends" },
};
/* clang-format on */

/* clang-format off */
static const struct eb_option consume_options[] = {
    { .key = "topic", .type = EB_OPT_LIST, AT(ebi_consume_settings, topic),
      .help = "Topics to receive from, without topic_prefix, blanks or commas between them" },
    { .key = "group", .type = EB_OPT_TEXT, AT(ebi_consume_settings, group),
      .help = "Consumer group: its members share the events" },
    { .key = "exec", .type = EB_OPT_TEXT, AT(ebi_consume_settings, exec),
      .help = "Shell command run for each event, with the event on its standard input" },
    { .key = "webhook", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET | EB_OPT_URL, AT(ebi_consume_settings, webhook),
      .help = "URL that each event is posted to: http[s]://[user:password@]host[:port][/path]" },
    { .key = "webhook_proxy", .type = EB_OPT_CHOICE, .choices = "environment|none", .fallback = "environment",
      AT(ebi_consume_settings, webhook_proxy),
      .help = "Proxies for webhook: those that http_proxy and its like name, but for localhost; or none" },
    { .key = "key_field", .type = EB_OPT_TEXT, AT(ebi_consume_settings, key_field),
      .help = "Path of the key's field, for brokers that carry no key; without: the route's of that event and topic" },
    { .key = "concurrency", .type = EB_OPT_INT, .fallback = "1", .min = 1, .max = 1024,
      AT(ebi_consume_settings, concurrency), .help = "Number of events worked on at a time, of different keys" },
    { .key = "order", .type = EB_OPT_CHOICE, .choices = "key|strict|none", .fallback = "key",
      AT(ebi_consume_settings, order),
      .help = "What keeps its order: events of one key, all (strict: as the broker gave them, one at a time) or none" },
    { .key = "retry.attempts", .type = EB_OPT_INT, .fallback = "5", .min = 1, .max = 1000000,
      AT(ebi_consume_settings, retry_attempts), .help = "Number of times the receivers may fail on an event in all" },
    { .key = "retry.backoff", .type = EB_OPT_MS, .fallback = "1s", .min = 0, .max = INT64_C(7) * DAY_MS,
      AT(ebi_consume_settings, retry_backoff), .help = "Time before the second attempt; doubled for each further one" },
    { .key = "retry.max", .type = EB_OPT_MS, .fallback = "1m", .min = 0, .max = INT64_C(7) * DAY_MS,
      AT(ebi_consume_settings, retry_max), .help = "Longest time between two attempts" },
    { .key = "retry.jitter", .type = EB_OPT_TEXT, .fallback = "0.2", AT(ebi_consume_settings, retry_jitter),
      .help = "Share of such a time, 0 to 1, that chance may take off" },
    { .key = "on_unknown", .type = EB_OPT_CHOICE, .choices = "dead_letter|skip", .fallback = "dead_letter",
      AT(ebi_consume_settings, on_unknown), .help = "What becomes of an event whose type is not known here" },
    { .key = "on_failure", .type = EB_OPT_CHOICE, .choices = "dead_letter|stop", .fallback = "dead_letter",
      AT(ebi_consume_settings, on_failure), .help = "What is done when an event's attempts are used up" },
    { .key = "on_no_receiver", .type = EB_OPT_CHOICE, .choices = "acknowledge|stop", .fallback = "acknowledge",
      AT(ebi_consume_settings, on_no_receiver),
      .help = "What is done, without exec and webhook, with an event that no receiver of the program is connected for" },
    { .key = "failure_detail", .type = EB_OPT_CHOICE, .choices = "masked|full|off", .fallback = "masked",
      AT(ebi_consume_settings, failure_detail),
      .help = "Last line of a command's standard error, or of a web answer, in a dead letter; masked: without personal data" },
    { .key = "dead_letter_topic", .type = EB_OPT_TEXT, .fallback = "{topic}.dlq",
      AT(ebi_consume_settings, dead_letter_topic),
      .help = "Topic for dead letters; {topic} stands for the event's own" },
    { .key = "dead_letter_broker", .type = EB_OPT_TEXT, AT(ebi_consume_settings, dead_letter_broker),
      .help = "NAME of the [broker NAME] for dead letters; without: the one received from" },
    { .key = "receiver_timeout", .type = EB_OPT_MS, .fallback = "1m", .min = 1, .max = INT64_C(7) * DAY_MS,
      AT(ebi_consume_settings, receiver_timeout), .help = "Time that exec or webhook may take for one event" },
    { .key = "drain_timeout", .type = EB_OPT_MS, .fallback = "30s", .min = 0, .max = DAY_MS,
      AT(ebi_consume_settings, drain_timeout), .help = "Time that a stopped worker gives the events at work" },
    { .key = "max_in_flight", .type = EB_OPT_INT, .fallback = "1000", .min = 1, .max = 1000000,
      AT(ebi_consume_settings, max_in_flight), .help = "Number of events received and not settled yet, at most" },
    { .key = "max_in_flight_bytes", .type = EB_OPT_BYTES, .fallback = "16M", .min = 65536, .max = INT64_C(1) << 40,
      AT(ebi_consume_settings, max_in_flight_bytes), .help = "Bytes of events received and not settled yet, about" },
};
/* clang-format on */

static struct ebi_table table(const struct eb_option *options, size_t n, void *settings) {
    return (struct ebi_table){ .options = options, .n = n, .stride = sizeof *options, .settings = settings };
}

struct ebi_table ebi_bus_table(struct ebi_bus_settings *settings) {
    return table(bus_options, sizeof bus_options / sizeof *bus_options, settings);
}

struct ebi_table ebi_broker_table(struct ebi_broker_settings *settings) {
    return table(broker_options, sizeof broker_options / sizeof *broker_options, settings);
}

struct ebi_table ebi_route_table(struct ebi_route_settings *settings) {
    return table(route_options, sizeof route_options / sizeof *route_options, settings);
}

struct ebi_table ebi_consume_table(struct ebi_consume_settings *settings) {
    return table(consume_options, sizeof consume_options / sizeof *consume_options, settings);
}

static int64_t audited(const struct ebi_config *config, const char *key, int64_t given, bool by_audit) {
    return ebi_config_text(config, "eventbus", "", key) ? given : by_audit;
}

void ebi_settings_audit(const struct ebi_config *config, struct ebi_bus_settings *settings) {
    bool off = settings->audit == EBI_AUDIT_OFF, full = settings->audit == EBI_AUDIT_FULL;

    settings->audit_delivered = audited(config, "audit_delivered", settings->audit_delivered, !off);
    settings->audit_received = audited(config, "audit_received", settings->audit_received, full);
    settings->audit_processed = audited(config, "audit_processed", settings->audit_processed, !off);
}

enum ebi_level ebi_settings_level(int64_t log_level) {
    static const enum ebi_level levels[] = { EBI_ERROR, EBI_WARNING, EBI_INFO, EBI_DEBUG };

    return log_level >= 0 && log_level < 4 ? levels[log_level] : EBI_INFO;
}
