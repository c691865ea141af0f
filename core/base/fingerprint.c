/* core/base/fingerprint.c - see fingerprint.h. */
#include "base/fingerprint.h"

#include <stdint.h>
#include <stdio.h>
#include <nettle/sha2.h>

void ebi_fingerprint(const void *data, size_t len, char text[9]) {
    struct sha256_ctx context;
    uint8_t digest[4];

    sha256_init(&context);
    sha256_update(&context, len, data);
    sha256_digest(&context, sizeof digest, digest);
    snprintf(text, 9, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}
