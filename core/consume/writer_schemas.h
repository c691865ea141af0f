/* core/consume/writer_schemas.h - the schemas that events were written with, as one instance of a plugin names them. */
#ifndef EBI_WRITER_SCHEMAS_H
#define EBI_WRITER_SCHEMAS_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "avro/event_data.h"
#include "signal/registry.h"

/* Copies of the schemas that a plugin named, by its ids. At most 10,000 of them and 64 MiB are kept; those that were not
 * used for longest make room. Belongs to the thread that receives; a copy is immutable, and any thread may read it. */
struct ebi_writer_schemas;

/* Calls ebi_writer_schemas_keep for each schema that a message still refers to. Called in ebi_writer_schemas_take. */
typedef void (*ebi_writer_schemas_in_use)(void *arg, struct ebi_writer_schemas *);

/* in_use NULL: no message refers to a copy longer than to the next ebi_writer_schemas_take. NULL: no memory. */
struct ebi_writer_schemas *ebi_writer_schemas_new(const struct ebi_signals *, ebi_writer_schemas_in_use, void *arg);
void ebi_writer_schemas_free(struct ebi_writer_schemas *);

/* Keeps the copy although another needs room. NULL, and what is no copy, is passed over. */
void ebi_writer_schemas_keep(struct ebi_writer_schemas *, const struct eb_schema *);

/* Our copy of a plugin's schema, with an id of ours; NULL for NULL. Adds the bytes that were copied to *copied. Errors:
 * EB_RETRIABLE, no memory; EB_PERMANENT, the schema is larger than 1 MiB, which no topic of ours has. */
enum eb_status ebi_writer_schemas_take(struct ebi_writer_schemas *, const struct eb_schema *, const struct eb_schema **,
                                size_t *copied, struct eb_error *);

/* The plugin's ids mean nothing any more; the copies stay. */
void ebi_writer_schemas_forget_ids(struct ebi_writer_schemas *);

#endif
