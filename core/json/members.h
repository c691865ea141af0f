/* core/json/members.h - reads the outermost object of a JSON text member by member, without a tree. */
#ifndef EBI_JSON_MEMBERS_H
#define EBI_JSON_MEMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

/* Checks that the text is one JSON object, as strictly as ebi_data_from_json, and calls `each` for each member: `name`
 * is unescaped and NUL-ended (a name of more than 255 bytes or with U+0000 is refused), `value` is the raw JSON text.
 * Nested values are checked as well, 64 levels deep at most. NaN and Infinity are passed over like numbers, so that the
 * reader of the value can say where they are. If `each` returns another status than EB_OK, that ends the walk and is
 * returned. EB_PERMANENT, EB_KIND_DATA: what is wrong, at which byte; EB_FATAL: no memory. */
enum eb_status ebi_json_members(const char *json, size_t len,
                                enum eb_status (*each)(void *arg, const char *name, const char *value, size_t len,
                                                       struct eb_error *),
                                void *arg, struct eb_error *);

/* Reads a value that must be text without U+0000. The caller frees *text; JSON null leaves it NULL. */
enum eb_status ebi_json_text(const char *name, const char *value, size_t len, char **text, struct eb_error *);

/* Reads a value that must be a whole number of 64 bits. */
enum eb_status ebi_json_long(const char *name, const char *value, size_t len, int64_t *number, struct eb_error *);

#endif
