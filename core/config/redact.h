/* core/config/redact.h - values of the configuration as they may be shown: without passwords. */
#ifndef EBI_REDACT_H
#define EBI_REDACT_H

#include <stdbool.h>
#include "base/bytes.h"

/* Adds a value that is one URL: redis://user:***@host/0, https://host/path?***. What may be part of a password is hidden,
 * so more than that where the URL is not well formed, and everything where it has no scheme. Returns false: no memory. */
bool ebi_redact_url(struct ebi_bytes *, const char *url);

/* Adds any text; of each URL in it the password is hidden. Returns false: no memory. */
bool ebi_redact_text(struct ebi_bytes *, const char *text);

#endif
