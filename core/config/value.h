/* core/config/value.h - converts the text of one value to the type of its option. */
#ifndef EBI_VALUE_H
#define EBI_VALUE_H

#include <stdbool.h>
#include "config/store.h"

/* The number of bytes that an option fills in its settings struct; 0: this version does not know its type. */
size_t ebi_value_size(const struct eb_option *);

/* Whether a text or list is empty: blanks alone, or separators. */
bool ebi_value_is_empty(const struct eb_option *, const char *text);

/* Reads text and stores the result at `to`, of that size; not for EB_OPT_PAIRS. An empty text is read as config.h says. hide: the text is
 * secret, and the error must not show it. EB_PERMANENT, EB_KIND_CONFIG: the error says what was found and what was expected. */
enum eb_status ebi_value_read(struct ebi_config *, const struct eb_option *, const char *text, bool hide, void *to,
                              struct eb_error *);

#endif
