/* core/avro/reader.h - reads the bytes of an Avro body, never beyond their end. For the rooms avro and schema.
 *
 * Functions that return bool or a node return false or NULL with the error in `err` and its status in `status`, unless
 * they say otherwise. */
#ifndef EBI_AVRO_READER_H
#define EBI_AVRO_READER_H

#include "avro/slots.h"

/* An Avro body being read. */
struct ebi_avro_reader {
    const char *start, *at, *end;
    const char *root; /* what the data is called in errors */
    size_t slots;     /* how many more slots items may take */
    struct ebi_arena *arena;
    char *text; /* where the next text is copied to; it has room for all that the body can hold */
    struct eb_error *err;
    enum eb_status status; /* why reading failed */
};

/* Begins to read a body; takes memory for its texts from the arena. */
bool ebi_avro_begin(struct ebi_avro_reader *, const char *bytes, size_t len, struct ebi_arena *, struct eb_error *);

/* Sets the error "data.x, byte 7: ..." and returns false. */
bool ebi_avro_refuse(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool ebi_avro_no_memory(struct ebi_avro_reader *);

bool ebi_avro_read_long_slowly(struct ebi_avro_reader *, int64_t *);

/* Reads a number. Returns false without an error when the number is cut off or too long. */
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

/* Reads a string, or the key of a map's item, into a slot, and checks that it is UTF-8. */
bool ebi_avro_read_text(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, struct ebi_slot *);
bool ebi_avro_read_key(struct ebi_avro_reader *, const struct ebi_node *map, const struct ebi_place *, struct ebi_slot *);

/* Reads a boolean, number, enum, text, bytes or fixed, by its node's kind. */
bool ebi_avro_read_plain(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, struct ebi_slot *);

/* Reads which branch of an optional node follows: *null, or a value of the node. */
bool ebi_avro_read_optional(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, bool *null);

/* Reads which branch of a union follows and returns its node. */
const struct ebi_node *ebi_avro_read_branch(struct ebi_avro_reader *, const struct ebi_schema *, const struct ebi_node *,
                                            const struct ebi_place *);

/* Reads where a block of a list or map begins and ends. `slots`: how many an item takes. */
struct ebi_avro_block {
    size_t items;    /* 0: this was the last block */
    const char *end; /* where the block says that it ends; NULL: it does not say */
};
bool ebi_avro_read_block(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *, uint32_t slots,
                         struct ebi_avro_block *);
bool ebi_avro_read_block_end(struct ebi_avro_reader *, const struct ebi_node *, const struct ebi_place *,
                             const struct ebi_avro_block *);

/* Decodes the nodes from one up to `end`, all of one frame, of a body that this very schema wrote. */
bool ebi_avro_decode(struct ebi_avro_reader *, const struct ebi_schema *, const struct ebi_node *, const struct ebi_node *end,
                     struct ebi_slot *frame, const struct ebi_place *);

#endif
