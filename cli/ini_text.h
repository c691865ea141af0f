/* cli/ini_text.h - writes a key and its value so that the INI reader gets the same value. */
#ifndef CLI_INI_TEXT_H
#define CLI_INI_TEXT_H

#include <stdbool.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* Adds "key = value" with any value; the reader does not replace a "${" in it. The value goes on in indented lines where one
 * has no room. EB_PERMANENT, EB_KIND_CONFIG: an INI cannot hold the value; the error names `setting`, which it is from. */
enum eb_status cli_ini_add(struct ebi_bytes *ini, const char *setting, const char *key, const char *value,
                           struct eb_error *err);

/* The same with a value that is written for the reader, which replaces each ${...} in it. */
enum eb_status cli_ini_add_raw(struct ebi_bytes *ini, const char *setting, const char *key, const char *value,
                               struct eb_error *err);

/* Whether a text has a control character, which no line of an INI may have; U+0080 to U+009F are such, too. */
bool cli_ini_has_control(const char *text);

/* The error for such a value. */
enum eb_status cli_ini_refuse_control(const char *setting, const char *key, struct eb_error *err);

#endif
