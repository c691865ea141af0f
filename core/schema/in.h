/* core/schema/in.h - reading Avro's bytes, never beyond their end. For this room. */
#ifndef EBI_IN_H
#define EBI_IN_H

#include "schema/values.h"

/* An Avro body being read. */
struct ebi_in {
    const char *start, *at, *end;
    const char *root;           /* what the data is called in errors */
    size_t slots;               /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text;                 /* where the next text is copied to: there is room for all that the body can hold */
    struct eb_error *err;
    enum eb_status status;      /* why it failed */
};

/* Takes memory for the texts. False: none. */
bool ebi_in_begin(struct ebi_in *, const char *bytes, size_t len, struct ebi_arena *, struct eb_error *);

/* "data.x, byte 7: ..."; answers false. */
bool ebi_in_refuse(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool ebi_in_no_memory(struct ebi_in *);

bool ebi_in_long_slowly(struct ebi_in *, int64_t *);

/* False, and nothing told: it is cut off or too long. */
static inline bool ebi_in_raw_long(struct ebi_in *in, int64_t *value) {
    unsigned char byte;

    if (in->at < in->end && (byte = (unsigned char)*in->at) < 0x80) {
        in->at++;
        *value = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
        return true;
    }
    return ebi_in_long_slowly(in, value);
}

bool ebi_in_long(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, int64_t *);

/* A string, or the key of a map's item, checked to be UTF-8 and copied into the slot. */
bool ebi_in_text(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, struct ebi_slot *);
bool ebi_in_key(struct ebi_in *, const struct ebi_node *map, const struct ebi_place *, struct ebi_slot *);

/* A value of boolean, number, enum, text, bytes or fixed, by its node's kind. */
bool ebi_in_plain(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, struct ebi_slot *);

/* The branch that comes: *null, or a value of the node. */
bool ebi_in_optional(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, bool *null);

/* The branch of a union that comes; NULL: refused. */
const struct ebi_node *ebi_in_branch(struct ebi_in *, const struct ebi_schema *, const struct ebi_node *,
                                     const struct ebi_place *);

/* The blocks of a list or map, one after the other. */
struct ebi_block {
    size_t items;               /* of this block; 0: there is no further one */
    const char *end;            /* where it says that it ends; NULL: it does not say */
};
bool ebi_in_block(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, uint32_t slots,
                  struct ebi_block *);
bool ebi_in_block_end(struct ebi_in *, const struct ebi_node *, const struct ebi_place *, const struct ebi_block *);

/* Nodes from one up to another, all of one frame, as this very schema wrote them. */
bool ebi_decode(struct ebi_in *, const struct ebi_schema *, const struct ebi_node *, const struct ebi_node *end,
                struct ebi_slot *frame, const struct ebi_place *);

#endif
