/* core/schema/resolve.h - reading what another writer's schema wrote. */
#ifndef EBI_RESOLVE_H
#define EBI_RESOLVE_H

#include "avro/event_data.h"

/* The same for a body that another writer's schema wrote, by Avro's rules of resolution. The writer's text may be
 * hostile. A resolver is made once for a pair of schemas and is immutable: any thread. It borrows both schemas. */
struct ebi_resolution;
enum eb_status ebi_resolution_new(const struct ebi_schema *writer, const struct ebi_schema *reader,
                                  struct ebi_resolution **, struct eb_error *);
void ebi_resolution_free(struct ebi_resolution *);
enum eb_status ebi_data_from_avro_of(struct ebi_data *, const struct ebi_resolution *, const void *bytes, size_t len,
                                     struct eb_error *);

#endif
