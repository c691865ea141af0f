/* plugins/kafka/client/raw_options.c - see raw_options.h. */
#include "raw_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "nearest_property.h"

/* Properties that the promises of plugin.h rest on, which the user may not set. */
static const struct {
    const char *name, *instead;
} kept[] = {
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
    { "retries", "events are tried until delivery_timeout of [eventbus]" },
    { "message.send.max.retries", "events are tried until delivery_timeout of [eventbus]" },
    { "delivery.report.only.error", "each event's delivery is reported" },
    { "produce.offset.report", "each event's position is reported" },
    { "partition.assignment.strategy", "set assignment" },
    { "group.instance.id", "set static_member" },
    { "topic.metadata.propagation.max.ms", "set topic_wait" },
    { "topic.metadata.refresh.interval.ms", "set topic_refresh" },
    { "allow.auto.create.topics", "a consumer creates no topics" },
    { "offset.store.method", "the brokers keep a group's offsets" },
    { "offset.store.path", "the brokers keep a group's offsets" },
    { "log.queue", "its log goes into the bus's" },
};

/* Properties that an option of the plugin sets. */
static const struct twin {
    const char *name, *alias, *key;
    size_t offset; /* of the option's text */
} twins[] = {
    { "ssl.ca.location", "", "ssl_ca", offsetof(struct kf_settings, ca) },
    { "ssl.certificate.location", "", "ssl_cert", offsetof(struct kf_settings, cert) },
    { "ssl.key.location", "", "ssl_cert_key", offsetof(struct kf_settings, cert_key) },
    { "ssl.key.password", "", "ssl_cert_key_password", offsetof(struct kf_settings, cert_key_password) },
    { "sasl.mechanisms", "sasl.mechanism", "sasl_mechanism", offsetof(struct kf_settings, sasl_mechanism) },
    { "sasl.username", "", "sasl_username", offsetof(struct kf_settings, sasl_username) },
    { "sasl.password", "", "sasl_password", offsetof(struct kf_settings, sasl_password) },
    { "sasl.mechanisms", "sasl.mechanism", "api_key", offsetof(struct kf_settings, api_key) },
    { "sasl.username", "", "api_key", offsetof(struct kf_settings, api_key) },
    { "sasl.password", "", "api_secret", offsetof(struct kf_settings, api_secret) },
};

const char *kf_raw_options_value(const struct kf_settings *set, const char *name, const char *alias) {
    for (const char *const *pair = set->raw_options; pair && pair[0]; pair += 2)
        if (strcmp(pair[0], name) == 0 || strcmp(pair[0], alias) == 0)
            return pair[1];
    return NULL;
}

static const char *text_at(const struct kf_settings *set, size_t offset) {
    return *(const char *const *)((const char *)set + offset);
}

/* The option of the plugin that has set this property already; NULL: none. */
static const char *set_already(const struct kf_settings *set, const char *name) {
    if (strcmp(name, "security.protocol") == 0)
        return set->security != KF_AUTO ? "security" : NULL;
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
        if ((strcmp(name, twins[i].name) == 0 || strcmp(name, twins[i].alias) == 0) && text_at(set, twins[i].offset))
            return twins[i].key;
    return NULL;
}

/* Refuses what librdkafka would accept and the plugin cannot. */
static int may_be_set(const struct kf_settings *set, const char *name, const char *value, struct eb_error *err) {
    const char *key = set_already(set, name);

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcmp(name, kept[i].name) == 0) {
            kf_misconfigured(err, "rdkafka.%s cannot be set: %s", name, kept[i].instead);
            return 0;
        }
    if (strcmp(name, "partitioner") == 0 && strcmp(value, "random") == 0) {
        kf_misconfigured(err, "rdkafka.partitioner cannot be random: events of one key would lose their order");
        return 0;
    }
    if (key)
        kf_misconfigured(err, "rdkafka.%s is what %s has set already: leave one of them out", name, key);
    return !key;
}

int kf_raw_options_set(rd_kafka_conf_t *conf, const struct kf_settings *set, struct eb_error *err) {
    char why[512], nearest[KF_PROPERTY_ROOM];

    for (const char *const *pair = set->raw_options; pair && pair[0]; pair += 2) {
        if (!may_be_set(set, pair[0], pair[1], err))
            return 0;
        switch (rd_kafka_conf_set(conf, pair[0], pair[1], why, sizeof why)) {
        case RD_KAFKA_CONF_OK:
            break;
        case RD_KAFKA_CONF_UNKNOWN:
            if (kf_nearest_property(pair[0], nearest))
                kf_misconfigured(err, "rdkafka.%s is not a property of librdkafka %s; did you mean rdkafka.%s?", pair[0],
                                 rd_kafka_version_str(), nearest);
            else
                kf_misconfigured(err,
                                 "rdkafka.%s is not a property of librdkafka %s; its documentation has them all in "
                                 "CONFIGURATION.md",
                                 pair[0], rd_kafka_version_str());
            return 0;
        default:
            kf_misconfigured(err, "rdkafka.%s: librdkafka %s: %s", pair[0], rd_kafka_version_str(), why);
            return 0;
        }
    }
    return 1;
}

/* ---- Which option an error is about ---- */

/* Whether a text names a property as a whole word: not "retries" in "max.retries". */
static bool names(const char *text, const char *name) {
    static const char inside[] = "abcdefghijklmnopqrstuvwxyz0123456789._";
    size_t len = strlen(name);

    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || !strchr(inside, at[-1])) && (!at[len] || !strchr(inside, at[len]) || at[len] == '.'))
            return true;
    return false;
}

static void put_in_front(struct eb_error *err, const char *prefix, const char *key) {
    char text[sizeof err->text];

    memcpy(text, err->text, sizeof text);
    snprintf(err->text, sizeof err->text, "%s%s: %.*s", prefix, key, (int)(sizeof text - 100), text);
}

/* An error about a mechanism names its value. */
static bool is_about(const char *text, const struct kf_settings *set, const struct twin *twin) {
    const char *value = text_at(set, twin->offset);

    return value && (names(text, twin->name) || (strcmp(twin->key, "sasl_mechanism") == 0 && strstr(text, value)));
}

void kf_raw_options_blame(const struct kf_settings *set, struct eb_error *err) {
    for (const char *const *pair = err ? set->raw_options : NULL; pair && pair[0]; pair += 2)
        if (names(err->text, pair[0])) {
            put_in_front(err, "rdkafka.", pair[0]);
            return;
        }
    for (size_t i = 0; err && i < sizeof twins / sizeof *twins; i++)
        if (is_about(err->text, set, &twins[i])) {
            put_in_front(err, "", twins[i].key);
            return;
        }
}
