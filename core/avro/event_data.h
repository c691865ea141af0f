/* core/avro/event_data.h - the values of one event, and their Avro form. */
#ifndef EBI_EVENT_DATA_H
#define EBI_EVENT_DATA_H

#include <stddef.h>
#include <eventbus/error.h>
#include "base/bytes.h"

struct ebi_schema;

/* Values of a schema; belongs to one thread at a time. Its memory is kept from one use to the next. */
struct ebi_data;

struct ebi_data *ebi_data_new(const struct ebi_schema *);       /* all fields unset; NULL: no memory */
void ebi_data_free(struct ebi_data *);
void ebi_data_clear(struct ebi_data *);                         /* all fields unset again */
const struct ebi_schema *ebi_data_schema(const struct ebi_data *);

/* EB_PERMANENT where a required field is not set: its path. */
enum eb_status ebi_data_complete(const struct ebi_data *, struct eb_error *);

/* Adds the Avro body: maps in code point order of their keys, arrays and maps as one block. Checks completeness. */
enum eb_status ebi_data_to_avro(const struct ebi_data *, struct ebi_bytes *, struct eb_error *);

/* Takes an Avro body of this very schema. Bounded: memory in proportion to len. EB_PERMANENT: what is wrong at which
 * byte and path; data is then empty. Bytes left over are an error too. */
enum eb_status ebi_data_from_avro(struct ebi_data *, const void *bytes, size_t len, struct eb_error *);

/* The same for the first of several bodies that stand one behind the other; *used is its length. */
enum eb_status ebi_data_from_avro_first(struct ebi_data *, const void *bytes, size_t len, size_t *used,
                                        struct eb_error *);

#endif
