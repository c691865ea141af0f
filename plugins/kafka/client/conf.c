/* plugins/kafka/client/conf.c - see conf.h. */
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "raw_options.h"
#include "fetch_wakeup.h"

struct pair {
    const char *name, *value;
};

int kf_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct eb_error *err) {
    char why[512];

    if (!value || rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 1;
    kf_misconfigured(err, "%s: librdkafka %s: %s", name, rd_kafka_version_str(), why);
    return 0;
}

static int set_number(rd_kafka_conf_t *conf, const char *name, long long number, struct eb_error *err) {
    char text[32];

    snprintf(text, sizeof text, "%lld", number);
    return kf_conf_set(conf, name, text, err);
}

long long kf_conf_number(const rd_kafka_conf_t *conf, const char *name) {
    char text[64];
    size_t size = sizeof text;

    return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : -1;
}

/* ---- Security ---- */

/* No password is sent in the clear unless that is asked for. NULL: librdkafka's default, plaintext. */
static const char *protocol(const struct kf_settings *set) {
    static const char *const names[] = {
        [KF_PLAINTEXT] = "plaintext", [KF_SSL] = "ssl", [KF_SASL_PLAINTEXT] = "sasl_plaintext", [KF_SASL_SSL] = "sasl_ssl"
    };

    if (set->security > KF_AUTO && set->security <= KF_SASL_SSL)
        return names[set->security];
    if (kf_raw_options_value(set, "security.protocol", ""))
        return NULL;
    return kf_has_sasl(set) ? names[KF_SASL_SSL] : kf_has_tls(set) ? names[KF_SSL] : NULL;
}

const char *kf_conf_mechanism(const struct kf_settings *set) {
    if (set->api_key)
        return "PLAIN";
    return set->sasl_mechanism ? set->sasl_mechanism : kf_raw_options_value(set, "sasl.mechanisms", "sasl.mechanism");
}

static int set_security(rd_kafka_conf_t *conf, const struct kf_settings *set, struct eb_error *err) {
    return kf_conf_set(conf, "security.protocol", protocol(set), err) && kf_conf_set(conf, "ssl.ca.location", set->ca, err) &&
           kf_conf_set(conf, "ssl.certificate.location", set->cert, err) &&
           kf_conf_set(conf, "ssl.key.location", set->cert_key, err) &&
           kf_conf_set(conf, "ssl.key.password", set->cert_key_password, err) &&
           kf_conf_set(conf, "sasl.mechanisms", set->api_key ? "PLAIN" : set->sasl_mechanism, err) &&
           kf_conf_set(conf, "sasl.username", set->api_key ? set->api_key : set->sasl_username, err) &&
           kf_conf_set(conf, "sasl.password", set->api_key ? set->api_secret : set->sasl_password, err);
}

/* ---- Each role's own ---- */

static int set_all(rd_kafka_conf_t *conf, const struct pair *pairs, size_t n, struct eb_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!kf_conf_set(conf, pairs[i].name, pairs[i].value, err))
            return 0;
    return 1;
}

/* Sets defaults that rdkafka.* may change. */
static int set_defaults(rd_kafka_conf_t *conf, enum kf_role role, struct eb_error *err) {
    static const struct pair all[] = {
        { "reconnect.backoff.max.ms", "2000" },
        { "log.connection.close", "false" },            /* brokers close idle connections: nothing to log */
        { "socket.keepalive.enable", "true" },
        { "ssl.endpoint.identification.algorithm", "https" },   /* older librdkafka checks no host names by itself */
    }, producer[] = {
        { "partitioner", "consistent_random" },         /* the Python client's: one key goes to one partition from both */
        { "linger.ms", "1" },                           /* the bus lingers itself */
        { "message.max.bytes", "104857600" },           /* the broker knows its limit, and refuses by it */
    }, consumer[] = {
        { "fetch.error.backoff.ms", "100" },
        { "queued.max.messages.kbytes", "8192" },
    };

    if (!set_all(conf, all, sizeof all / sizeof *all, err))
        return 0;
    if (role == KF_PRODUCER)
        return set_all(conf, producer, sizeof producer / sizeof *producer, err);
    if (role != KF_CONSUMER)
        return 1;
    kf_fetch_wakeup_configure(conf);
    return set_all(conf, consumer, sizeof consumer / sizeof *consumer, err);
}

/* Sets what the promises of plugin.h rest on; see `kept` in raw_options.c. */
static int set_kept(rd_kafka_conf_t *conf, const struct kf_settings *set, enum kf_role role, struct eb_error *err) {
    static const struct pair producer[] = {
        { "enable.idempotence", "true" },
        { "message.timeout.ms", "0" },                  /* the host gives up, after delivery_timeout, in order */
    }, consumer[] = {
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "earliest" },            /* also if retention removed the committed offset */
        { "allow.auto.create.topics", "false" },
    };

    switch (role) {
    case KF_PRODUCER:
        return set_all(conf, producer, sizeof producer / sizeof *producer, err) &&
               set_number(conf, "topic.metadata.propagation.max.ms", set->topic_wait_ms, err);
    case KF_CONSUMER:
        return set_all(conf, consumer, sizeof consumer / sizeof *consumer, err) &&
               set_number(conf, "topic.metadata.refresh.interval.ms", set->topic_refresh_ms, err) &&
               kf_conf_set(conf, "partition.assignment.strategy",
                           set->assignment == KF_EAGER ? "range,roundrobin" : "cooperative-sticky", err);
    default:
        return 1;
    }
}

rd_kafka_conf_t *kf_conf_new(const struct kf_settings *set, enum kf_role role, const char *service, struct eb_error *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (kf_conf_set(conf, "bootstrap.servers", set->bootstrap_servers, err) && kf_conf_set(conf, "client.id", service, err) &&
        set_security(conf, set, err) && set_defaults(conf, role, err) && kf_raw_options_set(conf, set, err) &&
        set_kept(conf, set, role, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kf_conf_new_client(rd_kafka_conf_t *conf, enum kf_role role, struct eb_error *err) {
    char why[512];
    rd_kafka_t *client = rd_kafka_new(role == KF_CONSUMER || role == KF_FETCHER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                                      why, sizeof why);

    if (!client) {
        rd_kafka_conf_destroy(conf);
        kf_misconfigured(err, "librdkafka %s: %s", rd_kafka_version_str(), why);
    }
    return client;
}
