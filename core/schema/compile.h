/* core/schema/compile.h - from a schema's JSON to its table of nodes. For this room. */
#ifndef EBI_COMPILE_H
#define EBI_COMPILE_H

#include "avro/node.h"

/* compile.c: fills the table from schema->json. */
enum eb_status ebi_compile(struct ebi_schema *, struct eb_error *);

/* canonical.c: adds the text that Python's json.dumps(value, sort_keys=True) gives. False: no memory. */
bool ebi_canonical(const json_t *value, struct ebi_bytes *);

/* default.c: adds a default's Avro form. EB_PERMANENT: it does not fit the type. */
enum eb_status ebi_default_to_avro(const struct ebi_schema *, const struct ebi_node *, const json_t *value,
                                   struct ebi_bytes *, struct eb_error *);

#endif
