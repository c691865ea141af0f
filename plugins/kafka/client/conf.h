/* plugins/kafka/client/conf.h - turns settings into a configuration of librdkafka, which checks each property itself. */
#ifndef KF_CONF_H
#define KF_CONF_H

#include <librdkafka/rdkafka.h>
#include <eventbus/error.h>

#include "options.h"

enum kf_role { KF_PRODUCER, KF_CONSUMER, KF_ADMIN, KF_FETCHER }; /* KF_FETCHER: a consumer without a group */

/* The configuration of one role, without callbacks and without a consumer's group. NULL: see err, EB_PERMANENT. */
rd_kafka_conf_t *kf_conf_new(const struct kf_settings *, enum kf_role, const char *service, struct eb_error *);

/* Sets one property; value NULL: leaves it alone. Returns false if librdkafka refuses it, see err. */
int kf_conf_set(rd_kafka_conf_t *, const char *name, const char *value, struct eb_error *);

/* The SASL mechanism, whichever option sets it; NULL: none. */
const char *kf_conf_mechanism(const struct kf_settings *);

/* The value of a property that is a number; -1: it is not. */
long long kf_conf_number(const rd_kafka_conf_t *, const char *name);

/* Creates a client, and owns conf in any case. NULL: see err, EB_PERMANENT. */
rd_kafka_t *kf_conf_new_client(rd_kafka_conf_t *, enum kf_role, struct eb_error *);

#endif
