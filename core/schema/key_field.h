/* core/schema/key_field.h - the field from which the key of a topic's messages is taken. */
#ifndef EBI_KEY_FIELD_H
#define EBI_KEY_FIELD_H

#include <eventbus/plugin.h>
#include "avro/event_data.h"

/* A field that can be a key: text, bytes, a number or a boolean, and never null. EB_PERMANENT: the field cannot be a
 * key. */
struct ebi_key_field;
enum eb_status ebi_key_field_new(const struct ebi_schema *, const char *path, struct ebi_key_field **, struct eb_error *);
void ebi_key_field_free(struct ebi_key_field *);
const char *ebi_key_field_path(const struct ebi_key_field *);
/* Returns the field's schema as plugins get it: json is the field object itself ({"name": "username", "type":
 * "string"}), name is its type ("string"). */
const struct eb_schema *ebi_key_field_schema(const struct ebi_key_field *);

/* Adds the key of an event as plain text (numbers in decimal, booleans true/false) and as an Avro body. EB_PERMANENT:
 * the field is not set. */
enum eb_status ebi_data_key(const struct ebi_data *, const struct ebi_key_field *, struct ebi_bytes *text,
                            struct ebi_bytes *avro, struct eb_error *);

#endif
