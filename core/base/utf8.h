/* core/base/utf8.h - walks over text that should be UTF-8. */
#ifndef EBI_UTF8_H
#define EBI_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EBI_UTF8_BAD "\xef\xbf\xbd" /* U+FFFD, what stands for bytes that are no character */

/* The length of the character that text (len > 0) starts with, with *good true; or, with *good false, of the broken part of one, which is
 * replaced as a whole (as Python's errors="replace" does). Never 0. Surrogates, overlong forms and numbers above U+10FFFF are not
 * characters. */
size_t ebi_utf8_step(const char *text, size_t len, bool *good);

/* The number of a character that ebi_utf8_step found good. */
uint32_t ebi_utf8_number(const char *text, size_t step);

/* Whether all of it is UTF-8. */
bool ebi_utf8_valid(const char *text, size_t len);

#endif
