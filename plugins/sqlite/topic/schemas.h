/* plugins/sqlite/topic/schemas.h - writers' schemas: each distinct one stands once in the file, messages refer to it. */
#ifndef SQ_SCHEMAS_H
#define SQ_SCHEMAS_H

#include "store/store.h"

enum {
    SQ_SCHEMAS_MOST = 1000,             /* that are remembered; those not used lately make room */
    SQ_SCHEMAS_BYTES = 32 << 20         /* and what their texts may take */
};

struct sq_schema;

/* Either those sent, by the host's id, or those received, by the row's. Belongs to one thread; zeroed: empty. */
struct sq_schemas {
    struct sq_schema *by_id, *last;
    size_t bytes;
    uint64_t clock, swept;              /* a stamp for each use; that of the last time that room was made */
    uint64_t told;                      /* ids that the host was told, each for one text for ever, whatever file it is of */
};

void sq_schemas_free(struct sq_schemas *);

/* Within a transaction: the row of this schema, written if need be; 0 for none. EB_OK or negative. */
int32_t sq_schemas_put(struct sq_schemas *, struct sq_store *, const struct eb_schema *, uint64_t transaction, uint64_t *id,
                       struct eb_error *);

/* The transaction did not happen: forgets what it wrote. */
void sq_schemas_undo(struct sq_schemas *, uint64_t transaction);

/* The schema of a row, under an id for the host; borrowed until two others have been asked for; NULL for 0, and when it is not
 * there. EB_OK or negative. */
int32_t sq_schemas_get(struct sq_schemas *, struct sq_store *, uint64_t id, const struct eb_schema **, struct eb_error *);

#endif
