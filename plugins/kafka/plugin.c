/* plugins/kafka/plugin.c - what kafka.so exports to the event bus: its name, its options, its roles. */
#include <eventbus/plugin.h>

#include <stddef.h>

#include "common/registry/options.h"
#include "admin/admin.h"
#include "client/conf.h"
#include "consumer/consumer.h"
#include "producer/producer.h"
#include "options.h"

#define AT(field) offsetof(struct kf_settings, field)

/* clang-format off */
static const struct eb_option options[] = {
    { .key = "bootstrap_servers", .type = EB_OPT_TEXT, .flags = EB_OPT_REQUIRED, .offset = AT(bootstrap_servers),
      .help = "Some of the cluster's brokers: host:port[,host:port...]" },
    { .key = "api_key", .type = EB_OPT_TEXT, .offset = AT(api_key),
      .help = "With api_secret, short for security = sasl_ssl and sasl_mechanism = PLAIN, as in the Python producer" },
    { .key = "api_secret", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .offset = AT(api_secret),
      .help = "The password that goes with api_key" },
    { .key = "security", .type = EB_OPT_CHOICE, .fallback = "auto", .offset = AT(security),
      .choices = "auto|plaintext|ssl|sasl_plaintext|sasl_ssl",
      .help = "The protocol of connections to brokers; auto: sasl_ssl if an option of SASL is set, else ssl if one of TLS is "
              "set, else plaintext" },
    { .key = "ssl_ca", .type = EB_OPT_TEXT, .offset = AT(ca),
      .help = "File of the CA certificates (PEM) that brokers' certificates and host names are checked by; else the system's" },
    { .key = "ssl_cert", .type = EB_OPT_TEXT, .offset = AT(cert), .help = "File of this client's certificate (PEM)" },
    { .key = "ssl_cert_key", .type = EB_OPT_TEXT, .offset = AT(cert_key),
      .help = "File of the certificate's private key (PEM)" },
    { .key = "ssl_cert_key_password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .offset = AT(cert_key_password),
      .help = "The password of that private key" },
    { .key = "sasl_mechanism", .type = EB_OPT_TEXT, .offset = AT(sasl_mechanism),
      .help = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER" },
    { .key = "sasl_username", .type = EB_OPT_TEXT, .offset = AT(sasl_username), .help = "The user, for PLAIN and SCRAM" },
    { .key = "sasl_password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .offset = AT(sasl_password),
      .help = "That user's password" },
    { .key = "topic_wait", .type = EB_OPT_MS, .fallback = "10s", .min = 0, .max = 3600000, .flags = EB_OPT_PRODUCER,
      .offset = AT(topic_wait_ms), .help = "How long events wait for a topic that the cluster does not know, before they "
      "are refused" },
    { .key = "topic_refresh", .type = EB_OPT_MS, .fallback = "5s", .min = 100, .max = 3600000, .flags = EB_OPT_CONSUMER,
      .offset = AT(topic_refresh_ms), .help = "How often a consumer looks for new topics and partitions" },
    { .key = "assignment", .type = EB_OPT_CHOICE, .fallback = "cooperative", .choices = "cooperative|eager",
      .flags = EB_OPT_CONSUMER, .offset = AT(assignment),
      .help = "How a group assigns partitions: cooperative moves only those that change hands, eager is for groups with "
              "members in Python. All members of a group use the same" },
    { .key = "static_member", .type = EB_OPT_BOOL, .fallback = "no", .flags = EB_OPT_CONSUMER, .offset = AT(static_member),
      .help = "The consumer's name is its group.instance.id: if it comes back within session.timeout.ms, it keeps its "
              "partitions, and until then no other member gets them" },
    { .key = "commit_interval", .type = EB_OPT_MS, .fallback = "5ms", .min = 0, .max = 60000, .flags = EB_OPT_CONSUMER,
      .offset = AT(commit_interval_ms), .help = "How long acknowledgements are gathered before they are committed together" },
    { .key = "revoke_timeout", .type = EB_OPT_MS, .fallback = "30s", .min = 0, .max = 3600000, .flags = EB_OPT_CONSUMER,
      .offset = AT(revoke_timeout_ms), .help = "How long receivers may go on when their partition goes to another "
      "member; at most half of max.poll.interval.ms" },
    { .key = "partitions", .type = EB_OPT_INT, .fallback = "0", .min = 0, .max = 100000, .flags = EB_OPT_ADMIN,
      .offset = AT(partitions), .help = "Partitions of topics that the bus creates; 0: the broker's default" },
    { .key = "replication", .type = EB_OPT_INT, .fallback = "0", .min = 0, .max = 1000, .flags = EB_OPT_ADMIN,
      .offset = AT(replication), .help = "Replicas of topics that the bus creates; 0: the broker's default" },
    SR_OPTIONS(struct kf_settings, registry, 0),
    { .key = "rdkafka.", .type = EB_OPT_PAIRS, .offset = AT(raw_options),
      .help = "A property of librdkafka by its own name, such as rdkafka.compression.type" },
};
/* clang-format on */

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "kafka",
    .version = "0.1.0",
    .summary = "Apache Kafka and what speaks its protocol, by librdkafka",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .settings_size = sizeof(struct kf_settings),
    .check = kf_options_check,
};

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER | EB_T_PROCESSES,
    .open = kf_producer_open,
    .submit = kf_producer_submit,
    .poll = kf_producer_poll,
    .wake = kf_producer_wake,
    .close = kf_producer_close,
};

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PATTERN | EB_T_PROCESSES,
    .open = kf_consumer_open,
    .receive = kf_consumer_receive,
    .settle = kf_consumer_settle,
    .wake = kf_consumer_wake,
    .pause = kf_consumer_pause,
    .close = kf_consumer_close,
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_HISTORY | EB_T_PROCESSES,
    .open = kf_admin_open,
    .topics = kf_admin_topics,
    .groups = kf_admin_groups,
    .browse = kf_admin_browse,
    .seek = kf_admin_seek,
    .trim = kf_admin_trim,
    .create = kf_admin_create,
    .remove = kf_admin_remove,
    .close = kf_admin_close,
};
