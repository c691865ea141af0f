/* plugins/kafka/client/nearest_property.h - which property of librdkafka was probably meant. */
#ifndef KF_NEAREST_PROPERTY_H
#define KF_NEAREST_PROPERTY_H

#include <stdbool.h>

enum { KF_PROPERTY_ROOM = 64 };

/* The name nearest to one that librdkafka does not know. False: none is near enough to suggest. */
bool kf_nearest_property(const char *given, char name[KF_PROPERTY_ROOM]);

#endif
