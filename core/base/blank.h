/* core/base/blank.h - whether a text is blank. */
#ifndef EBI_BLANK_H
#define EBI_BLANK_H

#include <stdbool.h>
#include <string.h>

/* True for an empty text, and for one of blanks, tabs and line ends alone. */
static inline bool ebi_is_blank(const char *text) {
    return !text[strspn(text, " \t\r\n\v\f")];
}

#endif
