/* core/config/value.h - the text of one value to what its option's type says. */
#ifndef EBI_VALUE_H
#define EBI_VALUE_H

#include <stdbool.h>
#include "config/store.h"

/* The bytes that an option fills in its settings struct; 0: of a type that this version does not know. */
size_t ebi_value_size(const struct eb_option *);

/* Whether a text or list says nothing: blanks alone, or separators. */
bool ebi_value_is_empty(const struct eb_option *, const char *text);

/* Reads text and puts the result at `to`, of that size; not for EB_OPT_PAIRS. An empty text is read as config.h says. hide: text is secret, the error must not show it.
 * EB_PERMANENT, EB_KIND_CONFIG: what was found and what was expected. */
enum eb_status ebi_value_read(struct ebi_config *, const struct eb_option *, const char *text, bool hide, void *to,
                              struct eb_error *);

#endif
