/* client/topic_name.h - the event bus's names of topics as Pulsar's, and back: "user-login" is
 * persistent://TENANT/NAMESPACE/user-login, whose partitions are ...user-login-partition-0 and so on. */
#ifndef PL_TOPIC_NAME_H
#define PL_TOPIC_NAME_H

#include "options.h"

/* The longest full name, with its NUL. */
enum { PL_TOPIC_ROOM = 1024 };

/* Writes Pulsar's name. EB_PERMANENT, EB_KIND_CONFIG: Pulsar has no such topic, because of a character, the length, or an end
 * that looks like a partition's. */
int32_t pl_topic_name(const struct pl_settings *, const char *topic, char out[PL_TOPIC_ROOM], struct eb_error *);

/* The other way, for a topic of the settings' namespace: writes the topic without the partition, and sets *partition, -1 for a
 * topic or a name without one. False: the name is of another namespace, or not persistent. */
bool pl_topic_of(const struct pl_settings *, const char *name, char out[PL_TOPIC_ROOM], int *partition);

/* EB_PERMANENT, EB_KIND_CONFIG: Pulsar takes no subscription of this name. */
int32_t pl_group_check(const char *group, struct eb_error *);

#endif
