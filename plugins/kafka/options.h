/* plugins/kafka/options.h - the settings of one [broker] section, which the option table in plugin.c fills in. */
#ifndef KF_OPTIONS_H
#define KF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/error.h>

#include "common/registry/registry.h"

enum kf_security { KF_AUTO = 0, KF_PLAINTEXT, KF_SSL, KF_SASL_PLAINTEXT, KF_SASL_SSL };
enum kf_assignment { KF_COOPERATIVE = 0, KF_EAGER };

struct kf_settings {
    const char *bootstrap_servers;
    const char *api_key, *api_secret; /* both: SASL_SSL with PLAIN */
    int64_t security;                 /* enum kf_security */
    const char *ca, *cert, *cert_key, *cert_key_password;
    const char *sasl_mechanism, *sasl_username, *sasl_password;
    int64_t topic_wait_ms, topic_refresh_ms;
    int64_t assignment; /* enum kf_assignment */
    int64_t static_member, commit_interval_ms, revoke_timeout_ms;
    int64_t partitions, replication; /* of topics that the plugin creates; 0: the broker's default */
    struct sr_settings registry;     /* urls NULL: no registry */
    const char *const *raw_options;  /* rdkafka.NAME: name, value, ..., NULL */
};

static inline bool kf_has_tls(const struct kf_settings *set) {
    return set->ca || set->cert;
}

static inline bool kf_has_sasl(const struct kf_settings *set) {
    return set->api_key || set->sasl_mechanism || set->sasl_username || set->sasl_password;
}

/* Checks the settings together without connecting: each property, certificate files, options that exclude each other. */
int32_t kf_options_check(const void *settings, struct eb_error *);

#endif
