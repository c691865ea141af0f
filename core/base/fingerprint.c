/* core/base/fingerprint.c - see fingerprint.h. */
#include "base/fingerprint.h"

#include <stdint.h>
#include <stdio.h>
#include <nettle/sha2.h>

static void digest_of(const void *data, size_t len, uint8_t *digest, size_t bytes, char *text) {
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, len, data);
    sha256_digest(&context, bytes, digest);
    for (size_t i = 0; i < bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void ebi_fingerprint(const void *data, size_t len, char text[9]) {
    uint8_t digest[4];

    digest_of(data, len, digest, sizeof digest, text);
}

void ebi_digest(const void *data, size_t len, char text[EBI_DIGEST_ROOM]) {
    uint8_t digest[SHA256_DIGEST_SIZE];

    digest_of(data, len, digest, sizeof digest, text);
}
