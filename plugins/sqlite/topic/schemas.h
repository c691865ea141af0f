/* plugins/sqlite/topic/schemas.h - writers' schemas: the file has each distinct one once, and messages refer to it by its
 * id. */
#ifndef SQ_SCHEMAS_H
#define SQ_SCHEMAS_H

#include "store/store.h"

enum {
    SQ_SCHEMAS_MOST = 1000,     /* so many are remembered; those not used lately are dropped */
    SQ_SCHEMAS_BYTES = 32 << 20 /* and so many bytes of their texts */
};

struct sq_schema;

/* Schemas that were sent, by the host's id, or that were received, by the row's id. Belongs to one thread; zeroed: empty. */
struct sq_schemas {
    struct sq_schema *by_id, *last;
    size_t bytes;
    uint64_t clock, swept; /* counts uses; its value when schemas were last dropped */
    uint64_t told;         /* counts ids given to the host: each is one text for ever, of whatever file */
};

void sq_schemas_free(struct sq_schemas *);

/* Within a transaction: sets *id to the row of this schema, which is inserted if there is none; 0 without a schema. EB_OK
 * or negative. */
int32_t sq_schemas_put(struct sq_schemas *, struct sq_store *, const struct eb_schema *, uint64_t transaction, uint64_t *id,
                       struct eb_error *);

/* The transaction was rolled back: forgets the rows that it inserted. */
void sq_schemas_undo(struct sq_schemas *, uint64_t transaction);

/* The schema of a row, with an id for the host; borrowed until two others have been asked for. NULL for 0, and when the
 * row is not there. EB_OK or negative. */
int32_t sq_schemas_get(struct sq_schemas *, struct sq_store *, uint64_t id, const struct eb_schema **, struct eb_error *);

#endif
