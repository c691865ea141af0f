/* core/avro/reader.h - reading Avro's bytes, never beyond their end. For this room. */
#ifndef EBI_AVRO_READER_H
#define EBI_AVRO_READER_H

#include "avro/slots.h"

/* An Avro body being read. */
struct ebi_avro_reader {
    const char *start, *at, *end;
    const char *root;           /* what the data is called in errors */
    size_t slots;               /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text;                 /* where the next text is copied to: there is room for all that the body can hold */
    struct eb_error *err;
    enum eb_status status;      /* why it failed */
};

/* Takes memory for the texts. False: none. */
bool ebi_avro_begin(struct ebi_avro_reader *, const char *bytes, size_t len, struct ebi_arena *, struct eb_error *);

/* "data.x, byte 7: ..."; answers false. */
bool ebi_avro_refuse(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, const char *format,
                     ...)
    __attribute__((format(printf, 4, 5)));
bool ebi_avro_no_memory(struct ebi_avro_reader *);

bool ebi_avro_read_long_slowly(struct ebi_avro_reader *, int64_t *);

/* False, and nothing told: it is cut off or too long. */
static inline bool ebi_avro_read_raw_long(struct ebi_avro_reader *reader, int64_t *value) {
    unsigned char byte;

    if (reader->at < reader->end && (byte = (unsigned char)*reader->at) < 0x80) {
        reader->at++;
        *value = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
        return true;
    }
    return ebi_avro_read_long_slowly(reader, value);
}

bool ebi_avro_read_long(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, int64_t *);

/* A string, or the key of a map's item, checked to be UTF-8 and copied into the slot. */
bool ebi_avro_read_text(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, struct ebi_slot *);
bool ebi_avro_read_key(struct ebi_avro_reader *, const struct ebi_node *map, const struct ebi_place *,
                       struct ebi_slot *);

/* A value of boolean, number, enum, text, bytes or fixed, by its node's kind. */
bool ebi_avro_read_plain(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *,
                         struct ebi_slot *);

/* The branch that comes: *null, or a value of the node. */
bool ebi_avro_read_optional(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, bool *null);

/* The branch of a union that comes; NULL: refused. */
const struct ebi_node *ebi_avro_read_branch(struct ebi_avro_reader *, const struct ebi_schema *,
                                            const struct ebi_node *, const struct ebi_place *);

/* The blocks of a list or map, one after the other. */
struct ebi_avro_block {
    size_t items;               /* of this block; 0: there is no further one */
    const char *end;            /* where it says that it ends; NULL: it does not say */
};
bool ebi_avro_read_block(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, uint32_t slots,
                         struct ebi_avro_block *);
bool ebi_avro_read_block_end(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *,
                             const struct ebi_avro_block *);

/* Nodes from one up to another, all of one frame, as this very schema wrote them. */
bool ebi_avro_decode(struct ebi_avro_reader *, const struct ebi_schema *, const struct ebi_node *,
                     const struct ebi_node *end, struct ebi_slot *frame, const struct ebi_place *);

#endif
