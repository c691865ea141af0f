/* plugins/kafka/client/nearest_property.h - which property of librdkafka was probably meant. */
#ifndef KF_NEAREST_PROPERTY_H
#define KF_NEAREST_PROPERTY_H

#include <stdbool.h>

enum { KF_NAME = 64 };

/* The name nearest to one that librdkafka does not know. False: none is near enough to suggest. */
bool kf_names_nearest(const char *given, char name[KF_NAME]);

#endif
