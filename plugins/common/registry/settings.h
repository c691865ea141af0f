/* plugins/common/registry/settings.h - the settings of a schema registry's client, which a plugin's options fill in, and its
 * limits, which nobody sets. */
#ifndef SR_SETTINGS_H
#define SR_SETTINGS_H

#include <stdint.h>
#include <eventbus/error.h>

enum {
    SR_SERVERS_MAX = 32,            /* addresses of one registry */
    SR_RESPONSE_MAX = 1 << 20,      /* bytes of a response; a larger one is refused */
    SR_SCHEMAS_MAX = 1000,          /* schemas kept by id; those not used for longest are dropped */
    SR_SCHEMA_BYTES_MAX = 32 << 20, /* what they may take together */
    SR_AT_ONCE = 8,                 /* requests under way */
    SR_WAIT_FIRST_MS = 100,         /* how long a server that failed is left alone; up to a fifth less at random */
    SR_WAIT_MAX_MS = 10000,
    SR_REFUSED_MS = 30000, /* how long a refusal is remembered */
    SR_CONFIRM_MS = 250,   /* how long after its first 404 an id is requested once more */
    SR_CONFIRMED_MAX = 10  /* after so many confirmed 404s in SR_REFUSED_MS the next ids do not wait for that */
};

/* The layout of a plugin's option table, see options.h. Borrowed until sr_close has returned. */
struct sr_settings {
    const char *const *urls;       /* NULL-ended; http or https, up to what comes before /subjects; user and password
                                    * are not part of it but key and secret */
    const char *key, *secret;      /* Basic auth, sent when both are set */
    const char *ca;                /* file of CA certificates (PEM); NULL: the system's */
    const char *cert, *cert_key;   /* files of the client certificate and its key (PEM); NULL: none */
    const char *cert_key_password; /* NULL: the key is not encrypted */
    int64_t connect_timeout_ms;    /* 0: 5000 */
    int64_t timeout_ms;            /* of a whole request; 0: 10000 */
};

/* Checks settings without connecting. Returns EB_OK, or EB_PERMANENT with what is wrong. */
int32_t sr_check(const struct sr_settings *, struct eb_error *);

#endif
