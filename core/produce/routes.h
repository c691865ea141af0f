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
    const char *name;                   /* of the section; NULL: made by a program's own call */
    const struct eb_signal *signal;
    const char *topic, *full_topic;     /* without and with the prefix */
    const struct ebi_key_field *key;    /* NULL: none */
    int enabled;
};

/* Immutable once loaded but for what ebi_routes_key_field adds, which has a lock: any thread. */
struct ebi_routes;

/* Reads and checks them all, the disabled ones too: FILE:LINE for a missing or unknown event, a missing topic, a key field
 * that is none. prefix "" or NULL: none. */
enum eb_status ebi_routes_load(struct ebi_config *, const struct ebi_signals *, const char *prefix, struct ebi_routes **,
                               struct eb_error *);
void ebi_routes_free(struct ebi_routes *);

/* The enabled routes of a signal in order; *n may be 0. */
const struct ebi_route *const *ebi_routes_of(const struct ebi_routes *, const struct eb_signal *, size_t *n);

bool ebi_routes_any(const struct ebi_routes *);         /* is at least one enabled? */

/* The key field that some route, enabled or not, has for this event and full topic; NULL: none. */
const struct ebi_key_field *ebi_routes_key(const struct ebi_routes *, const struct eb_signal *, const char *full_topic);

/* A key field by its path, made once. */
enum eb_status ebi_routes_key_field(struct ebi_routes *, const struct eb_signal *, const char *path,
                                    const struct ebi_key_field **, struct eb_error *);

#endif
