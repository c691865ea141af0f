/* core/schema/resolution_steps.h - how the bytes of a writer's schema become values of a reader's. For this room. */
#ifndef EBI_RESOLUTION_STEPS_H
#define EBI_RESOLUTION_STEPS_H

#include "avro/node.h"

enum ebi_move {
    EBI_MOVE_SKIP, /* the reader has no such field */
    EBI_MOVE_TAKE, /* the value becomes one of the reader's node */
    EBI_MOVE_FAIL  /* the reader cannot take the type: if such a value comes, it is refused */
};

/* What is done with the values of one of the writer's nodes. */
struct ebi_step {
    uint8_t move;          /* enum ebi_move, for a value that is not null */
    uint32_t reader;       /* EBI_MOVE_TAKE: the reader's node; of a union, its branch */
    uint32_t null;         /* where the writer has null: the reader's node for it; 0: it takes none */
    uint32_t first, count; /* of a record: its part of `absent` */
};

/* Immutable once made: any thread may use it. */
struct ebi_resolution {
    const struct ebi_schema *writer, *reader;
    struct ebi_step *steps; /* one for each of the writer's nodes */
    uint32_t *absent;       /* the reader's fields that the writer does not have: they get their defaults */
    uint32_t n_absent, room;
};

#endif
