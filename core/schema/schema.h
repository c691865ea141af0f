/* core/schema/schema.h - one Avro schema of this process, parsed by avro-c and compiled for the codec. */
#ifndef EBI_SCHEMA_H
#define EBI_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>
#include <eventbus/plugin.h>
#include "base/bytes.h"

/* Immutable once made: any thread may use it. */
struct ebi_schema;

/* Parses and compiles the text of a schema file. EB_PERMANENT, EB_KIND_DATA: what is wrong with it, and where. It
 * accepts type names that Avro forbids but its Python library takes (a "-" in the namespace). */
enum eb_status ebi_schema_parse(const char *json, size_t len, struct ebi_schema **, struct eb_error *);
enum eb_status ebi_schema_read_file(const char *path, size_t limit, struct ebi_schema **, struct eb_error *);
void ebi_schema_free(struct ebi_schema *);

/* The event type, which is the namespace of the outermost record. */
const char *ebi_schema_type(const struct ebi_schema *);

/* Returns the schema as plugins get it: a process-wide id, the name, and the text with sorted keys, ", " and ": ". */
const struct eb_schema *ebi_schema_public(const struct ebi_schema *);

/* Returns an id that no other schema of this process has, for copies of schemas that are not parsed. Any thread may
 * call it. */
uint64_t ebi_schema_new_id(void);

/* Calls each(arg, path, type, optional) for all fields in order, nested ones after their record. `type` is as users
 * know it: "string", "long", "list of string", "record". */
void ebi_schema_fields(const struct ebi_schema *, void (*each)(void *arg, const char *path, const char *type, bool optional),
                       void *arg);

/* Compares an older and a newer schema of one type by the rules of Open edX: only new top-level fields, and either must
 * decode what the other wrote. Calls each(arg, problem) for each breach. Returns how many there are, or -1 with the
 * error when the two cannot be compared. */
int ebi_schema_evolution(const struct ebi_schema *older, const struct ebi_schema *newer,
                         void (*each)(void *arg, const char *problem), void *arg, struct eb_error *);

#endif
