/* plugins/kafka/options.c - checks the options of a [broker] section together; see options.h. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/conf.h"
#include "client/raw_options.h"
#include "error.h"

/* ---- Security ---- */

static bool says_sasl(const struct kf_settings *set) {
    return set->security == KF_SASL_PLAINTEXT || set->security == KF_SASL_SSL;
}

static int32_t check_sasl(const struct kf_settings *set, struct eb_error *err) {
    const char *mechanism = kf_conf_mechanism(set);

    if (set->api_key)
        return EB_OK;
    if (!mechanism && (says_sasl(set) || kf_has_sasl(set)))
        return kf_misconfigured(err, "%s needs sasl_mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER",
                                set->sasl_username   ? "sasl_username"
                                : set->sasl_password ? "sasl_password"
                                                     : "security");
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
    if ((set->security == KF_PLAINTEXT || set->security == KF_SSL) && kf_has_sasl(set))
        return kf_misconfigured(err, "security is without SASL, and sasl_mechanism, sasl_username or sasl_password is set");
    if ((set->security == KF_PLAINTEXT || set->security == KF_SASL_PLAINTEXT) && kf_has_tls(set))
        return kf_misconfigured(err, "security is without TLS, and ssl_ca or ssl_cert is set");
    if (!set->cert != !set->cert_key)
        return kf_misconfigured(err, "%s is set and %s is not: the certificate and its private key go together",
                                set->cert ? "ssl_cert" : "ssl_cert_key", set->cert ? "ssl_cert_key" : "ssl_cert");
    return check_sasl(set, err);
}

/* ---- What librdkafka checks ---- */

static void drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

/* Creates a client and destroys it, since librdkafka checks some properties only then. Without an address it connects to
 * nothing. */
static int32_t check_role(const struct kf_settings *set, enum kf_role role, struct eb_error *err) {
    struct kf_settings nowhere = *set;
    rd_kafka_conf_t *conf;
    rd_kafka_t *client;

    nowhere.bootstrap_servers = NULL;
    conf = kf_conf_new(&nowhere, role, "check", err);
    if (!conf)
        return EB_PERMANENT;
    rd_kafka_conf_set_log_cb(conf, drop_log);
    client = kf_conf_new_client(conf, role, err);
    if (!client) {
        kf_raw_options_blame(set, err);
        return EB_PERMANENT;
    }
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return EB_OK;
}

/* ---- Files and addresses ---- */

static int32_t check_file(const char *key, const char *path, struct eb_error *err) {
    if (!path || strcmp(path, "probe") == 0 || access(path, R_OK) == 0) /* probe: librdkafka looks for the file */
        return EB_OK;
    return kf_misconfigured(err, "%s: cannot read %s: %s", key, path, strerror(errno));
}

static int32_t check_files(const struct kf_settings *set, struct eb_error *err) {
    int32_t status = check_file("ssl_ca", set->ca, err);

    if (status == EB_OK)
        status = check_file("ssl_cert", set->cert, err);
    return status == EB_OK ? check_file("ssl_cert_key", set->cert_key, err) : status;
}

/* Whether a text is [protocol://]host[:port]. An IPv6 address without brackets has no port. */
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

/* librdkafka would skip an address that it cannot parse, and cut a port's number to 16 bits. */
static int32_t check_servers(const char *servers, struct eb_error *err) {
    for (const char *at = servers + strspn(servers, " ,"); *at; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");

        if (!is_server(at, len))
            return kf_misconfigured(err, "bootstrap_servers: %.*s is not host:port", (int)len, at);
        at += len;
    }
    if (!servers[strspn(servers, " ,")])
        return kf_misconfigured(err, "bootstrap_servers is empty: set it to host:port[,host:port...]");
    return EB_OK;
}

/* ---- All of it ---- */

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
