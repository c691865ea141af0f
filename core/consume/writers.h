/* core/consume/writers.h - the schemas that events were written with, as one instance of a plugin names them. */
#ifndef EBI_WRITERS_H
#define EBI_WRITERS_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "schema/data.h"
#include "signal/registry.h"

/* Copies of the schemas a plugin handed over, by its ids; each for as long as this lives. Belongs to the thread that
 * receives; the copies are immutable and may be read by any thread. */
struct ebi_writers;

struct ebi_writers *ebi_writers_new(const struct ebi_signals *);        /* NULL: no memory */
void ebi_writers_free(struct ebi_writers *);

/* Our copy of a plugin's schema, with an id of ours; NULL for NULL. EB_RETRIABLE: no memory; EB_PERMANENT: there are more
 * than 10,000 different ones, which no topic of ours has. */
enum eb_status ebi_writers_take(struct ebi_writers *, const struct eb_schema *, const struct eb_schema **,
                                struct eb_error *);

/* The plugin's ids mean nothing any more; the copies stay. */
void ebi_writers_forget_ids(struct ebi_writers *);

/* Decodes bodies for one thread: keeps a resolver for each pair of writer and reader. */
struct ebi_decoder;

struct ebi_decoder *ebi_decoder_new(void);
void ebi_decoder_free(struct ebi_decoder *);

/* Reads a body into data by the writer's schema (of ebi_writers_take); NULL: written with the reader's own. */
enum eb_status ebi_decoder_read(struct ebi_decoder *, struct ebi_data *, const struct eb_schema *writer,
                                struct eb_text body, struct eb_error *);

#endif
