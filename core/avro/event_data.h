/* core/avro/event_data.h - the values of one event, and their Avro form. json/event_data.h has their JSON form,
 * signal/accessors.c sets and reads them by path. */
#ifndef EBI_EVENT_DATA_H
#define EBI_EVENT_DATA_H

#include <stddef.h>
#include <eventbus/error.h>
#include "base/bytes.h"

struct ebi_schema;

/* The values of one event of a schema. They belong to one thread at a time, and keep their memory from one use to the
 * next. */
struct ebi_data;

struct ebi_data *ebi_data_new(const struct ebi_schema *); /* all fields unset; NULL: no memory */
void ebi_data_free(struct ebi_data *);
void ebi_data_clear(struct ebi_data *); /* all fields unset again */
const struct ebi_schema *ebi_data_schema(const struct ebi_data *);

/* Returns EB_PERMANENT, with the path, where a required field is not set. */
enum eb_status ebi_data_complete(const struct ebi_data *, struct eb_error *);

/* Adds the Avro body to the bytes: maps in code point order of their keys, arrays and maps as one block. EB_PERMANENT:
 * a required field is not set. */
enum eb_status ebi_data_to_avro(const struct ebi_data *, struct ebi_bytes *, struct eb_error *);

/* Decodes an Avro body that this very schema wrote. The memory is bounded in proportion to `len`. EB_PERMANENT: what is
 * wrong, at which byte and path, bytes left over among it; the data is then empty. */
enum eb_status ebi_data_from_avro(struct ebi_data *, const void *bytes, size_t len, struct eb_error *);

/* Decodes the first of several bodies that follow each other; *used is its length. */
enum eb_status ebi_data_from_avro_first(struct ebi_data *, const void *bytes, size_t len, size_t *used, struct eb_error *);

#endif
