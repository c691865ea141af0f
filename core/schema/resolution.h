/* core/schema/resolution.h - how one schema's bytes become another one's values. For this room. */
#ifndef EBI_RESOLUTION_H
#define EBI_RESOLUTION_H

#include "avro/node.h"

enum ebi_move {
    EBI_MOVE_SKIP,              /* the reader has nothing for it */
    EBI_MOVE_TAKE,              /* it becomes a value of the reader's node */
    EBI_MOVE_FAIL               /* it is of a type that the reader cannot take: if such a value comes, it is refused */
};

/* For each of the writer's nodes. */
struct ebi_step {
    uint8_t move;               /* enum ebi_move, of a value that is not null */
    uint32_t reader;            /* EBI_MOVE_TAKE: the node; of a union, its branch */
    uint32_t null;              /* of what may be null: the node that null goes to; 0: the reader takes none */
    uint32_t first, count;      /* of a record: which of `absent` the writer has not */
};

/* Immutable once made. */
struct ebi_resolution {
    const struct ebi_schema *writer, *reader;
    struct ebi_step *steps;     /* one for each of the writer's nodes */
    uint32_t *absent;           /* fields of the reader's that get their defaults */
    uint32_t n_absent, room;
};

#endif
