/* core/consume/writer_schemas.h - the schemas that events were written with, as one instance of a plugin names them. */
#ifndef EBI_WRITER_SCHEMAS_H
#define EBI_WRITER_SCHEMAS_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "avro/event_data.h"
#include "signal/registry.h"

/* Copies of the schemas that a plugin delivered, by the plugin's ids. At most 10,000 of them and 64 MiB are kept; those that were
 * not used for longest make room. The loop's thread alone uses it; a copy is immutable, and any thread may read it. */
struct ebi_writer_schemas;

/* A callback of ebi_writer_schemas_take: calls ebi_writer_schemas_keep for each schema that a message still refers to. */
typedef void (*ebi_writer_schemas_in_use)(void *arg, struct ebi_writer_schemas *);

/* in_use NULL: messages refer to a copy only until the next ebi_writer_schemas_take. Returns NULL without memory. */
struct ebi_writer_schemas *ebi_writer_schemas_new(const struct ebi_signals *, ebi_writer_schemas_in_use, void *arg);
void ebi_writer_schemas_free(struct ebi_writer_schemas *);

/* Keeps a copy although another one needs room. Ignores NULL and schemas that are not copies. */
void ebi_writer_schemas_keep(struct ebi_writer_schemas *, const struct eb_schema *);

/* Finds or makes the copy of a plugin's schema, which has an id of the core's own; NULL for NULL. Adds the bytes that were copied to
 * *copied. EB_RETRIABLE: no memory; EB_PERMANENT: the schema is larger than 1 MiB. */
enum eb_status ebi_writer_schemas_take(struct ebi_writer_schemas *, const struct eb_schema *, const struct eb_schema **,
                                       size_t *copied, struct eb_error *);

/* Forgets the plugin's ids, since its instance is closed. The copies stay. */
void ebi_writer_schemas_forget_ids(struct ebi_writer_schemas *);

#endif
