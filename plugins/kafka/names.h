/* plugins/kafka/names.h - which property of librdkafka was probably meant. */
#ifndef KF_NAMES_H
#define KF_NAMES_H

#include <stdbool.h>

enum { KF_NAME = 64 };

/* The name nearest to one that librdkafka does not know. False: none is near enough to suggest. */
bool kf_names_nearest(const char *given, char name[KF_NAME]);

#endif
