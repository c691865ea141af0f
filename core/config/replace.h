/* core/config/replace.h - replaces ${...} in values. */
#ifndef EBI_REPLACE_H
#define EBI_REPLACE_H

#include <stdbool.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* Adds text to out, with each ${...} replaced: ${STATE} by state; ${NAME} by that environment variable;
 * ${NAME:-default} by the default where the variable is not set or empty; ${file:PATH} by what the file holds, one
 * final newline removed, and *secret true. A default and a PATH may hold ${...} themselves. $${ writes ${.
 * EB_PERMANENT, EB_KIND_CONFIG: the error shows no text of the value, except for a variable's name or a path. What was added to out
 * before stays there. */
enum eb_status ebi_replace(const char *text, const char *state, struct ebi_bytes *out, bool *secret, struct eb_error *);

#endif
