/* plugins/kafka/conf.c - see conf.h. */
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

struct pair {
    const char *name, *value;
};

/* What the promises of plugin.h rest on is not for the user to change: name, and what to do instead. */
static const struct pair kept[] = {
    { "bootstrap.servers", "set bootstrap_servers" },
    { "metadata.broker.list", "set bootstrap_servers" },
    { "group.id", "the group is the consumer's" },
    { "enable.auto.commit", "offsets are committed when the event is settled" },
    { "auto.commit.enable", "offsets are committed when the event is settled" },
    { "enable.auto.offset.store", "offsets are committed when the event is settled" },
    { "auto.offset.reset", "where a new group starts is the consumer's --from" },
    { "enable.partition.eof", "use --exit-at-end" },
    { "enable.idempotence", "without it a retry could store events twice or out of order" },
    { "message.timeout.ms", "set delivery_timeout in [eventbus]" },
    { "delivery.timeout.ms", "set delivery_timeout in [eventbus]" },
    { "transactional.id", "transactions are not used" },
    { "partition.assignment.strategy", "set assignment" },
    { "topic.metadata.propagation.max.ms", "set topic_wait" },
    { "allow.auto.create.topics", "a consumer makes no topics" },
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

static const char *protocol(const struct kf_settings *set) {
    static const char *const names[] = {
        [KF_PLAINTEXT] = "plaintext", [KF_SSL] = "ssl", [KF_SASL_PLAINTEXT] = "sasl_plaintext", [KF_SASL_SSL] = "sasl_ssl"
    };
    int tls = set->ca || set->cert;

    if (set->security > KF_AUTO && set->security <= KF_SASL_SSL)
        return names[set->security];
    if (set->api_key)
        return names[KF_SASL_SSL];
    if (set->sasl_mechanism || set->sasl_username)
        return names[tls ? KF_SASL_SSL : KF_SASL_PLAINTEXT];
    return tls ? names[KF_SSL] : NULL;          /* NULL: librdkafka's default, or what rdkafka.security.protocol says */
}

static int32_t check_security(const struct kf_settings *set, struct eb_error *err) {
    if (!set->api_key != !set->api_secret)
        return kf_misconfigured(err, "%s is set and %s is not: api_key and api_secret go together",
                                set->api_key ? "api_key" : "api_secret", set->api_key ? "api_secret" : "api_key");
    if (set->api_key && (set->sasl_mechanism || set->sasl_username || set->sasl_password))
        return kf_misconfigured(err, "api_key is short for sasl_mechanism, sasl_username and sasl_password: set the "
                                "one or the others");
    if (set->api_key && (set->security == KF_PLAINTEXT || set->security == KF_SSL))
        return kf_misconfigured(err, "api_key needs security = sasl_ssl, which is the default with it");
    if (!set->cert != !set->cert_key)
        return kf_misconfigured(err, "ssl_cert and ssl_cert_key go together: the certificate and its private key");
    return EB_OK;
}

static int set_security(rd_kafka_conf_t *conf, const struct kf_settings *set, struct eb_error *err) {
    return kf_conf_set(conf, "security.protocol", protocol(set), err) &&
           kf_conf_set(conf, "ssl.ca.location", set->ca, err) &&
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

/* Defaults that rdkafka.* may change. */
static int set_defaults(rd_kafka_conf_t *conf, enum kf_role role, struct eb_error *err) {
    static const struct pair all[] = {
        { "reconnect.backoff.max.ms", "2000" },
        { "log.connection.close", "false" },            /* brokers close idle connections: no news */
        { "socket.keepalive.enable", "true" },
    }, producer[] = {
        { "partitioner", "consistent_random" },         /* the Python client's: one key, one partition, from both sides */
        { "linger.ms", "1" },                           /* the bus lingers itself */
        { "message.max.bytes", "10485760" },            /* the broker knows its limit, and says so */
    }, consumer[] = {
        { "fetch.error.backoff.ms", "100" },
        { "queued.max.messages.kbytes", "8192" },
    };

    if (!set_all(conf, all, sizeof all / sizeof *all, err))
        return 0;
    if (role == KF_PRODUCER)
        return set_all(conf, producer, sizeof producer / sizeof *producer, err);
    return role != KF_CONSUMER || set_all(conf, consumer, sizeof consumer / sizeof *consumer, err);
}

static int set_kept(rd_kafka_conf_t *conf, const struct kf_settings *set, enum kf_role role, struct eb_error *err) {
    static const struct pair producer[] = {
        { "enable.idempotence", "true" },
        { "message.timeout.ms", "0" },                  /* the host gives up, in delivery_timeout; in order */
    }, consumer[] = {
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "earliest" },            /* also where retention took the group's place away */
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

static int set_native(rd_kafka_conf_t *conf, const char *const *native, struct eb_error *err) {
    char why[512];

    for (; native && native[0]; native += 2) {
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (strcmp(native[0], kept[i].name) == 0) {
                kf_misconfigured(err, "rdkafka.%s cannot be set: %s", native[0], kept[i].value);
                return 0;
            }
        if (rd_kafka_conf_set(conf, native[0], native[1], why, sizeof why) != RD_KAFKA_CONF_OK) {
            kf_misconfigured(err, "rdkafka.%s: librdkafka %s: %s", native[0], rd_kafka_version_str(), why);
            return 0;
        }
    }
    return 1;
}

rd_kafka_conf_t *kf_conf_new(const struct kf_settings *set, enum kf_role role, const char *service,
                             struct eb_error *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (kf_conf_set(conf, "bootstrap.servers", set->bootstrap_servers, err) &&
        kf_conf_set(conf, "client.id", service, err) && set_security(conf, set, err) && set_defaults(conf, role, err) &&
        set_native(conf, set->native, err) && set_kept(conf, set, role, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kf_client_new(rd_kafka_conf_t *conf, enum kf_role role, struct eb_error *err) {
    char why[512];
    rd_kafka_t *client =
        rd_kafka_new(role == KF_CONSUMER || role == KF_FETCHER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, why, sizeof why);

    if (!client) {
        rd_kafka_conf_destroy(conf);
        kf_misconfigured(err, "librdkafka %s: %s", rd_kafka_version_str(), why);
    }
    return client;
}

/* ---- Checking ---- */

static void say_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

/* Some of it librdkafka checks only when a client is made. Without an address it connects to nothing. */
static int32_t check_role(const struct kf_settings *set, enum kf_role role, struct eb_error *err) {
    struct kf_settings nowhere = *set;
    rd_kafka_conf_t *conf;
    rd_kafka_t *client;

    nowhere.bootstrap_servers = NULL;
    conf = kf_conf_new(&nowhere, role, "check", err);
    if (!conf)
        return EB_PERMANENT;
    rd_kafka_conf_set_log_cb(conf, say_nothing);
    client = kf_client_new(conf, role, err);
    if (!client)
        return EB_PERMANENT;
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return EB_OK;
}

int32_t kf_check(const void *settings, struct eb_error *err) {
    const struct kf_settings *set = settings;
    int32_t status = check_security(set, err);

    if (status == EB_OK && !set->bootstrap_servers[0])
        status = kf_misconfigured(err, "bootstrap_servers is empty: set it to host:port[,host:port...]");
    if (status == EB_OK && set->registry.urls)
        status = sr_check(&set->registry, err);
    if (status == EB_OK)
        status = check_role(set, KF_PRODUCER, err);
    return status == EB_OK ? check_role(set, KF_CONSUMER, err) : status;
}
