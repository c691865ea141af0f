/* core/schema/schema.h - one Avro schema of this process, parsed by avro-c and compiled for the codec. */
#ifndef EBI_SCHEMA_H
#define EBI_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>
#include <eventbus/plugin.h>
#include "base/bytes.h"

/* Immutable once made: any thread. */
struct ebi_schema;

/* Parses and compiles the text of a schema file. EB_PERMANENT, EB_KIND_DATA: what is wrong with it, where.
 * A type name that Avro forbids but its Python library takes (a "-" in the namespace) is accepted. */
enum eb_status ebi_schema_parse(const char *json, size_t len, struct ebi_schema **, struct eb_error *);
enum eb_status ebi_schema_read_file(const char *path, size_t limit, struct ebi_schema **, struct eb_error *);
void ebi_schema_free(struct ebi_schema *);

const char *ebi_schema_type(const struct ebi_schema *);         /* the namespace of the outermost record: event type */
/* As it crosses to plugins: a process-wide id, name and the text with sorted keys, ", " and ": ". */
const struct eb_schema *ebi_schema_public(const struct ebi_schema *);

/* An id that no other schema of this process has, for copies of schemas that are not parsed. Any thread. */
uint64_t ebi_schema_new_id(void);

/* Calls each(arg, path, type, optional) for all fields in order, nested ones after their record; type as users know it:
 * "string", "long", "list of string", "record". */
void ebi_schema_fields(const struct ebi_schema *,
                       void (*each)(void *arg, const char *path, const char *type, bool optional), void *arg);

/* What differs between an older and a newer schema of one type, by the rules of Open edX: only new top-level fields,
 * and either must decode what the other wrote. Calls each(arg, problem) for each breach; answers how many, or -1 with
 * the error when the two cannot be compared. */
int ebi_schema_evolution(const struct ebi_schema *older, const struct ebi_schema *newer,
                         void (*each)(void *arg, const char *problem), void *arg, struct eb_error *);

#endif
