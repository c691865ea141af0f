/* core/schema/compile.h - compiles schemas. For this room. */
#ifndef EBI_COMPILE_H
#define EBI_COMPILE_H

#include "avro/node.h"

/* Fills the table of nodes and the index of paths from schema->json (compile.c). */
enum eb_status ebi_compile(struct ebi_schema *, struct eb_error *);

/* Adds the text that Python's json.dumps(value, sort_keys=True) gives (canonical.c). Returns false: no memory. */
bool ebi_canonical(const json_t *value, struct ebi_bytes *);

/* Adds the Avro form of a field's default (default.c). EB_PERMANENT: the default does not fit the type. */
enum eb_status ebi_default_to_avro(const struct ebi_schema *, const struct ebi_node *, const json_t *value, struct ebi_bytes *,
                                   struct eb_error *);

#endif
