/* core/config/redact.h - hides passwords in values of the configuration, so that they may be shown. */
#ifndef EBI_REDACT_H
#define EBI_REDACT_H

#include <stdbool.h>
#include "base/bytes.h"

/* Adds a value that is one URL: redis://user:***@host/0, https://host/path?***. Everything that may be part of a password
 * is hidden: more than the password where the URL is not well formed, and all of it where it has no scheme. False: no memory. */
bool ebi_redact_url(struct ebi_bytes *, const char *url);

/* Adds any text, with the password of each URL in it hidden. False: no memory. */
bool ebi_redact_text(struct ebi_bytes *, const char *text);

#endif
