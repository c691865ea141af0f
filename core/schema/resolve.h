/* core/schema/resolve.h - reads what another writer's schema wrote, by Avro's rules of resolution. */
#ifndef EBI_RESOLVE_H
#define EBI_RESOLVE_H

#include "avro/event_data.h"

/* How the bodies of one schema become values of another. It is made once for a pair of schemas and is immutable: any
 * thread may use it. It borrows both schemas. The text of the writer's schema may be hostile. EB_PERMANENT: the
 * writer's values cannot be read as the reader's. */
struct ebi_resolution;
enum eb_status ebi_resolution_new(const struct ebi_schema *writer, const struct ebi_schema *reader, struct ebi_resolution **,
                                  struct eb_error *);
void ebi_resolution_free(struct ebi_resolution *);

/* Decodes a body that the writer's schema wrote; errors as those of ebi_data_from_avro. */
enum eb_status ebi_data_from_avro_of(struct ebi_data *, const struct ebi_resolution *, const void *bytes, size_t len,
                                     struct eb_error *);

#endif
