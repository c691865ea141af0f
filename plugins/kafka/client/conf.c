/* plugins/kafka/client/conf.c - see conf.h. */
#include "conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool has_tls(const struct kf_settings *set) {
    return set->ca || set->cert;
}

static bool has_sasl(const struct kf_settings *set) {
    return set->api_key || set->sasl_mechanism || set->sasl_username || set->sasl_password;
}

static bool says_sasl(const struct kf_settings *set) {
    return set->security == KF_SASL_PLAINTEXT || set->security == KF_SASL_SSL;
}

/* No password goes out in the clear unless that is asked for. */
static const char *protocol(const struct kf_settings *set) {
    static const char *const names[] = { [KF_PLAINTEXT] = "plaintext", [KF_SSL] = "ssl",
                                         [KF_SASL_PLAINTEXT] = "sasl_plaintext", [KF_SASL_SSL] = "sasl_ssl" };

    if (set->security > KF_AUTO && set->security <= KF_SASL_SSL)
        return names[set->security];
    if (kf_raw_options_value(set, "security.protocol", ""))
        return NULL;
    return has_sasl(set) ? names[KF_SASL_SSL] : has_tls(set) ? names[KF_SSL] : NULL;     /* NULL: librdkafka's default */
}

const char *kf_conf_mechanism(const struct kf_settings *set) {
    if (set->api_key)
        return "PLAIN";
    return set->sasl_mechanism ? set->sasl_mechanism : kf_raw_options_value(set, "sasl.mechanisms", "sasl.mechanism");
}

static int32_t check_sasl(const struct kf_settings *set, struct eb_error *err) {
    const char *mechanism = kf_conf_mechanism(set);

    if (set->api_key)
        return EB_OK;
    if (!mechanism && (says_sasl(set) || has_sasl(set)))
        return kf_misconfigured(err, "%s needs sasl_mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER",
                                set->sasl_username ? "sasl_username" : set->sasl_password ? "sasl_password" : "security");
    if (mechanism && strcmp(mechanism, "OAUTHBEARER") == 0 && !kf_raw_options_value(set, "sasl.oauthbearer.method", "") &&
        !kf_raw_options_value(set, "enable.sasl.oauthbearer.unsecure.jwt", ""))
        return kf_misconfigured(err, "sasl_mechanism: OAUTHBEARER needs rdkafka.sasl.oauthbearer.method = oidc and where its "
                                "tokens come from, or else rdkafka.enable.sasl.oauthbearer.unsecure.jwt = true");
    if (!set->sasl_mechanism || (strcmp(mechanism, "PLAIN") != 0 && strncmp(mechanism, "SCRAM-", 6) != 0))
        return EB_OK;
    if (!set->sasl_username && !kf_raw_options_value(set, "sasl.username", ""))
        return kf_misconfigured(err, "sasl_mechanism: %s needs sasl_username", mechanism);
    if (!set->sasl_password && !kf_raw_options_value(set, "sasl.password", ""))
        return kf_misconfigured(err, "sasl_mechanism: %s needs sasl_password", mechanism);
    return EB_OK;
}

static int32_t check_security(const struct kf_settings *set, struct eb_error *err) {
    if (!set->api_key != !set->api_secret)
        return kf_misconfigured(err, "%s is set and %s is not: api_key and api_secret go together",
                                set->api_key ? "api_key" : "api_secret", set->api_key ? "api_secret" : "api_key");
    if (set->api_key && (set->sasl_mechanism || set->sasl_username || set->sasl_password))
        return kf_misconfigured(err, "api_key is short for sasl_mechanism, sasl_username and sasl_password: set the "
                                "one or the others");
    if (set->api_key && set->security != KF_AUTO && !says_sasl(set))
        return kf_misconfigured(err, "api_key needs security = sasl_ssl, which is the default with it");
    if ((set->security == KF_PLAINTEXT || set->security == KF_SSL) && has_sasl(set))
        return kf_misconfigured(err, "security is without SASL, and sasl_mechanism, sasl_username or sasl_password is set");
    if ((set->security == KF_PLAINTEXT || set->security == KF_SASL_PLAINTEXT) && has_tls(set))
        return kf_misconfigured(err, "security is without TLS, and ssl_ca or ssl_cert is set");
    if (!set->cert != !set->cert_key)
        return kf_misconfigured(err, "%s is set and %s is not: the certificate and its private key go together",
                                set->cert ? "ssl_cert" : "ssl_cert_key", set->cert ? "ssl_cert_key" : "ssl_cert");
    return check_sasl(set, err);
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
        { "ssl.endpoint.identification.algorithm", "https" },   /* older librdkafka checks no host names by itself */
    }, producer[] = {
        { "partitioner", "consistent_random" },         /* the Python client's: one key, one partition, from both sides */
        { "linger.ms", "1" },                           /* the bus lingers itself */
        { "message.max.bytes", "104857600" },           /* the broker knows its limit, and says so */
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

rd_kafka_conf_t *kf_conf_new(const struct kf_settings *set, enum kf_role role, const char *service,
                             struct eb_error *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (kf_conf_set(conf, "bootstrap.servers", set->bootstrap_servers, err) &&
        kf_conf_set(conf, "client.id", service, err) && set_security(conf, set, err) && set_defaults(conf, role, err) &&
        kf_raw_options_set(conf, set, err) && set_kept(conf, set, role, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kf_conf_new_client(rd_kafka_conf_t *conf, enum kf_role role, struct eb_error *err) {
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
    client = kf_conf_new_client(conf, role, err);
    if (!client) {
        kf_raw_options_blame(set, err);
        return EB_PERMANENT;
    }
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return EB_OK;
}

static int32_t check_file(const char *key, const char *path, struct eb_error *err) {
    if (!path || strcmp(path, "probe") == 0 || access(path, R_OK) == 0)     /* probe: a word of librdkafka's */
        return EB_OK;
    return kf_misconfigured(err, "%s: cannot read %s: %s", key, path, strerror(errno));
}

static int32_t check_files(const struct kf_settings *set, struct eb_error *err) {
    int32_t status = check_file("ssl_ca", set->ca, err);

    if (status == EB_OK)
        status = check_file("ssl_cert", set->cert, err);
    return status == EB_OK ? check_file("ssl_cert_key", set->cert_key, err) : status;
}

/* [protocol://]host[:port]. An IPv6 address without brackets has no port. */
static bool is_server(const char *text, size_t len) {
    const char *protocol = memmem(text, len, "://", 3), *host = protocol ? protocol + 3 : text;
    size_t host_len = len - (size_t)(host - text);
    const char *colon = memrchr(host, ':', host_len);
    long port;
    char *end;

    if (protocol && strncasecmp(text, "plaintext:", 10) != 0 && strncasecmp(text, "ssl:", 4) != 0 &&
        strncasecmp(text, "sasl_plaintext:", 15) != 0 && strncasecmp(text, "sasl_ssl:", 9) != 0)
        return false;
    if (!colon || (colon > host && memchr(host, ':', (size_t)(colon - host)) && colon[-1] != ']'))
        return host_len > 0;
    port = strtol(colon + 1, &end, 10);
    return colon > host && colon[1] >= '0' && colon[1] <= '9' && end == text + len && port > 0 && port < 65536;
}

/* librdkafka leaves out an address that it cannot read, and cuts a port's number to 16 bits. */
static int32_t check_servers(const char *servers, struct eb_error *err) {
    for (const char *at = servers + strspn(servers, " ,"); *at; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");

        if (!is_server(at, len))
            return kf_misconfigured(err, "bootstrap_servers: %.*s is no host:port", (int)len, at);
        at += len;
    }
    if (!servers[strspn(servers, " ,")])
        return kf_misconfigured(err, "bootstrap_servers is empty: set it to host:port[,host:port...]");
    return EB_OK;
}

int32_t kf_options_check(const void *settings, struct eb_error *err) {
    const struct kf_settings *set = settings;
    int32_t status = check_security(set, err);

    if (status == EB_OK)
        status = check_servers(set->bootstrap_servers, err);
    if (status == EB_OK && set->registry.urls)
        status = sr_check(&set->registry, err);
    if (status == EB_OK)
        status = check_files(set, err);
    if (status == EB_OK)
        status = check_role(set, KF_PRODUCER, err);
    return status == EB_OK ? check_role(set, KF_CONSUMER, err) : status;
}
