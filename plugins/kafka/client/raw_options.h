/* plugins/kafka/client/raw_options.h - options of the form rdkafka.NAME = value: librdkafka's properties by their names. */
#ifndef KF_RAW_OPTIONS_H
#define KF_RAW_OPTIONS_H

#include <librdkafka/rdkafka.h>
#include <eventbus/error.h>

#include "options.h"

/* Sets all of them. Returns false, see err, if librdkafka does not know one or its value, if the user may not set it, or if
 * an option of the plugin has set it already. */
int kf_raw_options_set(rd_kafka_conf_t *, const struct kf_settings *, struct eb_error *);

/* The value that the user gave to a property or its alias; NULL: none. */
const char *kf_raw_options_value(const struct kf_settings *, const char *name, const char *alias);

/* Puts the key of a property that the user has set in front of librdkafka's error about all settings together, if the error
 * names it: the host then reports the key's line. */
void kf_raw_options_blame(const struct kf_settings *, struct eb_error *);

#endif
