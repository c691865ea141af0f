/* plugins/common/registry/options.h - rows of an option table that fill struct sr_settings; the same in each plugin:
 *
 *     struct settings { const char *bootstrap; struct sr_settings registry; };
 *     static const struct eb_option options[] = { ..., SR_OPTIONS(struct settings, registry, 0), ... };
 *
 * The last argument is EB_OPT_REQUIRED, or 0 for a plugin that also works without a registry (urls is NULL then). */
#ifndef SR_OPTIONS_H
#define SR_OPTIONS_H

#include <eventbus/plugin.h>

#include "settings.h"

#define SR_OFFSET(settings, member, field) (offsetof(settings, member) + offsetof(struct sr_settings, field))

/* clang-format off */
#define SR_OPTIONS(settings, member, required)                                                                          \
    { .key = "schema_registry", .type = EB_OPT_LIST, .flags = (required) | EB_OPT_URL, .offset = SR_OFFSET(settings, member, urls),     \
      .help = "Where the schema registry is: http[s]://host[:port][/path], several where it has several servers" },    \
    { .key = "schema_registry_key", .type = EB_OPT_TEXT, .offset = SR_OFFSET(settings, member, key),                       \
      .help = "The user, or API key, that the schema registry asks for" },                                             \
    { .key = "schema_registry_secret", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET,                                    \
      .offset = SR_OFFSET(settings, member, secret), .help = "The password, or API secret, for the schema registry" },     \
    { .key = "schema_registry_ca", .type = EB_OPT_TEXT, .offset = SR_OFFSET(settings, member, ca),                         \
      .help = "File of the CA certificates (PEM) that the schema registry's is checked by; else the system's" },       \
    { .key = "schema_registry_cert", .type = EB_OPT_TEXT, .offset = SR_OFFSET(settings, member, cert),                     \
      .help = "File of this client's certificate (PEM) for the schema registry" },                                     \
    { .key = "schema_registry_cert_key", .type = EB_OPT_TEXT, .offset = SR_OFFSET(settings, member, cert_key),             \
      .help = "File of the certificate's private key (PEM)" },                                                         \
    { .key = "schema_registry_cert_key_password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET,                         \
      .offset = SR_OFFSET(settings, member, cert_key_password), .help = "What that private key is encrypted with" },       \
    { .key = "schema_registry_timeout", .type = EB_OPT_MS, .fallback = "10s", .min = 100, .max = 600000,               \
      .offset = SR_OFFSET(settings, member, timeout_ms), .help = "How long a request to the schema registry may take" }
/* clang-format on */

#endif
