/* plugins/kafka/client/nearest_property.h - finds the property of librdkafka that a misspelt name probably means. */
#ifndef KF_NEAREST_PROPERTY_H
#define KF_NEAREST_PROPERTY_H

#include <stdbool.h>

enum { KF_PROPERTY_ROOM = 64 };

/* Sets the name nearest to one that librdkafka does not know. Returns false if none is near enough to suggest. */
bool kf_nearest_property(const char *given, char name[KF_PROPERTY_ROOM]);

#endif
