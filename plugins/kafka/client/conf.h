/* plugins/kafka/client/conf.h - settings to a configuration of librdkafka, which judges every property of its own. */
#ifndef KF_CONF_H
#define KF_CONF_H

#include <librdkafka/rdkafka.h>
#include <eventbus/error.h>

#include "options.h"

enum kf_role { KF_PRODUCER, KF_CONSUMER, KF_ADMIN, KF_FETCHER };     /* fetcher: a consumer without a group */

/* The whole configuration of one role, but for callbacks, and a consumer's group. NULL: EB_PERMANENT is in err. */
rd_kafka_conf_t *kf_conf_new(const struct kf_settings *, enum kf_role, const char *service, struct eb_error *);

/* Sets one property of the plugin's own choice. False: err tells. */
int kf_conf_set(rd_kafka_conf_t *, const char *name, const char *value, struct eb_error *);

/* The SASL mechanism, by whichever name it was given; NULL: none. */
const char *kf_conf_mechanism(const struct kf_settings *);

/* A number as librdkafka has it; -1: no number. */
long long kf_conf_number(const rd_kafka_conf_t *, const char *name);

/* A client, which owns conf whether it worked or not. NULL: EB_PERMANENT is in err. */
rd_kafka_t *kf_conf_new_client(rd_kafka_conf_t *, enum kf_role, struct eb_error *);

/* Settings together, without connecting: every property, files of certificates, what excludes what. */
int32_t kf_options_check(const void *settings, struct eb_error *);

#endif
