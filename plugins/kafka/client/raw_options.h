/* plugins/kafka/client/raw_options.h - properties of librdkafka by their own names: rdkafka.NAME = value. */
#ifndef KF_RAW_OPTIONS_H
#define KF_RAW_OPTIONS_H

#include <librdkafka/rdkafka.h>
#include <eventbus/error.h>

#include "options.h"

/* Sets them all. False: one is unknown, has no such value, is not the user's to set, or an option has set it already. */
int kf_raw_options_set(rd_kafka_conf_t *, const struct kf_settings *, struct eb_error *);

/* The value that the user gave to a property, or to its alias; NULL: none. */
const char *kf_raw_options_value(const struct kf_settings *, const char *name, const char *alias);

/* Where an error of librdkafka's about all settings together names a property that the user has set: puts the key in
 * front, so that it is told with its line. */
void kf_raw_options_blame(const struct kf_settings *, struct eb_error *);

#endif
