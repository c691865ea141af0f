/* plugins/common/registry/response.h - what a registry's response means. Takes each one for hostile. No network, no
 * state. */
#ifndef SR_RESPONSE_H
#define SR_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

struct sr_response {
    long http; /* the HTTP status */
    const char *body;
    size_t len;
    bool cut; /* the body was longer than SR_RESPONSE_MAX, and this is not all of it */
};

/* A schema in one block: its JSON text and a NUL, then its name and a NUL. */
struct sr_schema_text {
    char *block; /* the caller frees it */
    size_t json_len, name_len;
};

/* Reads the id that the registry gave to a schema it was sent. Returns EB_OK, EB_RETRIABLE or EB_PERMANENT; err holds the
 * reason without the server's name. */
int32_t sr_response_id(const struct sr_response *, uint32_t *id, struct eb_error *);

/* Reads the schema that the registry has under an id. Returns likewise, and EB_FATAL without memory. */
int32_t sr_response_schema(const struct sr_response *, struct sr_schema_text *, struct eb_error *);

/* Whether the server rejects this client, whatever it requests. A 403 with a registry's own error code rejects only this
 * request. */
bool sr_response_rejects_auth(const struct sr_response *);

#endif
