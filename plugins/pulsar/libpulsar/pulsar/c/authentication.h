/* pulsar/c/authentication.h - see client.h beside it. */
#ifndef PULSAR_C_AUTHENTICATION_H
#define PULSAR_C_AUTHENTICATION_H

#include <pulsar/c/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library frees the token that a supplier returns, with free(3). */
typedef char *(*token_supplier)(void *ctx);

pulsar_authentication_t *pulsar_authentication_tls_create(const char *certificate_path, const char *key_path);
pulsar_authentication_t *pulsar_authentication_token_create_with_supplier(token_supplier, void *ctx);
void pulsar_authentication_free(pulsar_authentication_t *);

#ifdef __cplusplus
}
#endif
#endif
