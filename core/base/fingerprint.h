/* core/base/fingerprint.h - digests that are shown instead of personal data: equal for equal data, and not reversible. */
#ifndef EBI_FINGERPRINT_H
#define EBI_FINGERPRINT_H

#include <stddef.h>

/* The first 8 hex digits of the SHA-256, NUL-ended. */
void ebi_fingerprint(const void *data, size_t len, char text[9]);

/* All 64 of them, NUL-ended. */
enum { EBI_DIGEST_ROOM = 65 };
void ebi_digest(const void *data, size_t len, char text[EBI_DIGEST_ROOM]);

#endif
