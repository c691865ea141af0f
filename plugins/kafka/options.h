/* plugins/kafka/options.h - what the option table in plugin.c fills; one [broker] section. */
#ifndef KF_OPTIONS_H
#define KF_OPTIONS_H

#include <stdint.h>

#include "common/registry/registry.h"

enum kf_security { KF_AUTO = 0, KF_PLAINTEXT, KF_SSL, KF_SASL_PLAINTEXT, KF_SASL_SSL };
enum kf_assignment { KF_COOPERATIVE = 0, KF_EAGER };

struct kf_settings {
    const char *bootstrap_servers;
    const char *api_key, *api_secret;           /* both: SASL_SSL with PLAIN */
    int64_t security;                           /* enum kf_security */
    const char *ca, *cert, *cert_key, *cert_key_password;
    const char *sasl_mechanism, *sasl_username, *sasl_password;
    int64_t topic_wait_ms, topic_refresh_ms;
    int64_t assignment;                         /* enum kf_assignment */
    int64_t static_member, commit_interval_ms, revoke_timeout_ms;
    int64_t partitions, replication;            /* of topics that are made here; 0: the broker's default */
    struct sr_settings registry;                /* urls NULL: none */
    const char *const *raw_options;                  /* librdkafka's own: name, value, ..., NULL */
};

#endif
