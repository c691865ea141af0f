/* core/produce/routes.h - the [route] sections: which events go to which topics, by which key. */
#ifndef EBI_ROUTES_H
#define EBI_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/topic.h"
#include "config/config.h"
#include "schema/key_field.h"
#include "signal/registry.h"

struct ebi_route {
    const char *name; /* of the section; NULL: made by a call of the program */
    const struct eb_signal *signal;
    const char *topic, *full_topic;  /* without and with the prefix */
    const struct ebi_key_field *key; /* NULL: none */
    int enabled;
};

/* Immutable once loaded, except for the key fields that ebi_routes_key_field adds under a lock, and the routes of added signals. Any thread. */
struct ebi_routes;

/* Reads and checks all routes, also the disabled ones. Errors have FILE:LINE: an event is missing or unknown, a topic is missing, a key
 * field does not exist. prefix: "" or NULL for no prefix. */
enum eb_status ebi_routes_load(struct ebi_config *, const struct ebi_signals *, const char *prefix, struct ebi_routes **,
                               struct eb_error *);
void ebi_routes_free(struct ebi_routes *);

/* Gives a signal that was added the routes of the one whose place it takes. One thread at a time, before the signal is
 * published. EB_PERMANENT: a key field of theirs is not in its schema. */
enum eb_status ebi_routes_follow(struct ebi_routes *, const struct eb_signal *earlier, const struct eb_signal *,
                                 struct eb_error *);

/* The enabled routes of a signal, in the order of the configuration; *n may be 0. */
const struct ebi_route *const *ebi_routes_of(const struct ebi_routes *, const struct eb_signal *, size_t *n);

bool ebi_routes_any(const struct ebi_routes *); /* whether at least one is enabled */

/* The key field that a route, enabled or not, has for this signal and full topic; NULL: no route has one. */
const struct ebi_key_field *ebi_routes_key(const struct ebi_routes *, const struct eb_signal *, const char *full_topic);

/* A key field by its path; it is made once. */
enum eb_status ebi_routes_key_field(struct ebi_routes *, const struct eb_signal *, const char *path,
                                    const struct ebi_key_field **, struct eb_error *);

#endif
