/* core/avro/reader.c - reads the pieces of an Avro body, each bounded by the bytes that are left: see reader.h. */
#include "avro/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/utf8.h"

bool ebi_avro_begin(struct ebi_avro_reader *reader, const char *bytes, size_t len, struct ebi_arena *arena,
                    struct eb_error *err) {
    *reader = (struct ebi_avro_reader){
        .start = bytes, .at = bytes, .end = bytes + len, .root = "data", .slots = ebi_slots_for(len), .arena = arena, .err = err
    };
    /* each text takes its NUL's byte from the one that held its length */
    reader->text = ebi_arena_take(arena, len + EBI_TEXT_SLACK);
    return reader->text || ebi_avro_no_memory(reader);
}

bool ebi_avro_no_memory(struct ebi_avro_reader *reader) {
    reader->status = ebi_error_memory(reader->err);
    return false;
}

bool ebi_avro_refuse(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                     const char *format, ...) {
    char where[EBI_WHERE_ROOM], reason[256];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    reader->status = ebi_error(reader->err, EB_PERMANENT, EB_KIND_DATA, "%s, byte %zu: %s",
                               ebi_where(reader->root, node, place, where), (size_t)(reader->at - reader->start), reason);
    return false;
}

static size_t left(const struct ebi_avro_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

/* ---- Numbers ---- */

bool ebi_avro_read_long_slowly(struct ebi_avro_reader *reader, int64_t *value) {
    uint64_t bits = 0;
    const char *at = reader->at;

    for (unsigned shift = 0; shift < 64 && at < reader->end; shift += 7) {
        unsigned char byte = (unsigned char)*at++;

        if (shift == 63 && byte > 1)
            return false;
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            reader->at = at;
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return true;
        }
    }
    return false;
}

bool ebi_avro_read_long(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                        int64_t *value) {
    return ebi_avro_read_raw_long(reader, value) ||
           ebi_avro_refuse(reader, node, place, left(reader) < 10 ? "ends inside a number" : "a number of more than 64 bits");
}

static bool read_whole(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place, int64_t min,
                       int64_t max, const char *what, struct ebi_slot *slot) {
    const char *before = reader->at;

    if (!ebi_avro_read_long(reader, node, place, &slot->whole))
        return false;
    if (slot->whole >= min && slot->whole <= max)
        return true;
    reader->at = before;
    return ebi_avro_refuse(reader, node, place, "%s", what);
}

static bool read_boolean(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                         struct ebi_slot *slot) {
    if (left(reader) == 0)
        return ebi_avro_refuse(reader, node, place, "ends before a boolean");
    if (*reader->at != 0 && *reader->at != 1)
        return ebi_avro_refuse(reader, node, place, "a boolean other than 0 and 1");
    slot->whole = *reader->at++;
    return true;
}

static bool read_real(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                      struct ebi_slot *slot) {
    uint64_t bits;
    uint32_t float_bits;
    float real;

    if (left(reader) < node->min_bytes)
        return ebi_avro_refuse(reader, node, place, "ends inside a %.*s", (int)node->type.len, node->type.data);
    if (node->kind == EBI_DOUBLE) {
        bits = ebi_word(reader->at);
        memcpy(&slot->real, &bits, sizeof slot->real);
        reader->at += sizeof bits;
        return true;
    }
    memcpy(&float_bits, reader->at, sizeof float_bits);
    float_bits = le32toh(float_bits);
    memcpy(&real, &float_bits, sizeof real);
    slot->real = (double)real;
    reader->at += sizeof real;
    return true;
}

/* ---- Texts ---- */

static const uint64_t tops = UINT64_C(0x8080808080808080);

/* Copies the text, and up to 7 bytes more where both sides have room for them. Returns whether all of the text is
 * ASCII. */
static inline bool copy_ascii(char *to, const char *from, size_t len, const char *end) {
    uint64_t seen = 0, word;

    for (; len >= sizeof word; to += sizeof word, from += sizeof word, len -= sizeof word) {
        memcpy(&word, from, sizeof word);
        memcpy(to, &word, sizeof word);
        seen |= word;
    }
    if (len > 0 && (size_t)(end - from) >= sizeof word) {
        memcpy(&word, from, sizeof word);
        memcpy(to, &word, sizeof word);
        seen |= htole64(le64toh(word) & ~(UINT64_MAX << 8 * len));
    } else if (len > 0) {
        word = 0;
        memcpy(&word, from, len);
        memcpy(to, &word, sizeof word);
        seen |= word;
    }
    return !(seen & tops);
}

static bool read_length(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                        size_t *len) {
    const char *before = reader->at;
    int64_t length;

    if (!ebi_avro_read_long(reader, node, place, &length))
        return false;
    if ((uint64_t)length <= left(reader) && length <= EBI_TEXT_MOST) { /* a negative one, unsigned, is huge */
        *len = (size_t)length;
        return true;
    }
    reader->at = before;
    return ebi_avro_refuse(reader, node, place,
                           length < 0 ? "a length of %" PRId64 " bytes" : "a length of %" PRId64 " bytes, more than are left",
                           length);
}

/* Copies the next `len` bytes, which the caller has checked to be there, to the room for texts. Returns whether they
 * are ASCII. */
static bool take_text(struct ebi_avro_reader *reader, size_t len, struct ebi_slot *slot) {
    bool ascii = copy_ascii(reader->text, reader->at, len, reader->end);

    slot->text = reader->text;
    slot->len = (uint32_t)len;
    reader->text[len] = '\0';
    reader->text += len + 1;
    reader->at += len;
    return ascii;
}

static bool read_bytes(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                       struct ebi_slot *slot) {
    size_t len;

    if (!read_length(reader, node, place, &len))
        return false;
    take_text(reader, len, slot);
    return true;
}

/* Takes memory of its own: a fixed has no byte for its length, so the room for texts has none for its NUL. */
static bool read_fixed(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                       struct ebi_slot *slot) {
    if (node->count > left(reader))
        return ebi_avro_refuse(reader, node, place, "ends inside a fixed of %u bytes", (unsigned)node->count);
    slot->text = ebi_arena_take(reader->arena, node->count + (size_t)EBI_TEXT_SLACK);
    if (!slot->text)
        return ebi_avro_no_memory(reader);
    memcpy(slot->text, reader->at, node->count);
    slot->text[node->count] = '\0';
    slot->len = node->count;
    reader->at += node->count;
    return true;
}

bool ebi_avro_read_text(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                        struct ebi_slot *slot) {
    size_t len;

    if (!read_length(reader, node, place, &len))
        return false;
    if (take_text(reader, len, slot) || ebi_utf8_valid(slot->text, len))
        return true;
    reader->at -= len;
    return ebi_avro_refuse(reader, node, place, "a text that is not UTF-8");
}

bool ebi_avro_read_key(struct ebi_avro_reader *reader, const struct ebi_node *map, const struct ebi_place *place,
                       struct ebi_slot *slot) {
    slot->state = EBI_SET;
    return ebi_avro_read_text(reader, map + 1, place, slot);
}

bool ebi_avro_read_plain(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                         struct ebi_slot *slot) {
    switch ((enum ebi_kind)node->kind) {
    case EBI_BOOLEAN:
        return read_boolean(reader, node, place, slot);
    case EBI_INT:
        return read_whole(reader, node, place, INT32_MIN, INT32_MAX, "a number beyond 32 bits for an int", slot);
    case EBI_LONG:
        return ebi_avro_read_long(reader, node, place, &slot->whole);
    case EBI_FLOAT:
    case EBI_DOUBLE:
        return read_real(reader, node, place, slot);
    case EBI_STRING:
        return ebi_avro_read_text(reader, node, place, slot);
    case EBI_BYTES:
        return read_bytes(reader, node, place, slot);
    case EBI_FIXED:
        return read_fixed(reader, node, place, slot);
    case EBI_ENUM:
        return read_whole(reader, node, place, 0, (int64_t)node->count - 1, "a number beyond the symbols of the enum", slot);
    case EBI_NULL:
    case EBI_RECORD:
    case EBI_ARRAY:
    case EBI_MAP:
    case EBI_UNION:
        break;
    }
    return true; /* null has no bytes, and the others are not plain */
}

/* ---- Branches and blocks ---- */

static bool read_branch_number(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                               uint32_t count, int64_t *branch) {
    const char *before = reader->at;

    if (!ebi_avro_read_long(reader, node, place, branch))
        return false;
    if (*branch >= 0 && *branch < count)
        return true;
    reader->at = before;
    return ebi_avro_refuse(reader, node, place, "branch %" PRId64 " of a union that has %u", *branch, (unsigned)count);
}

bool ebi_avro_read_optional(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                            bool *null) {
    int64_t branch;

    if (!read_branch_number(reader, node, place, 2, &branch))
        return false;
    *null = (branch == 0) == (node->optional == EBI_NULL_FIRST);
    return true;
}

const struct ebi_node *ebi_avro_read_branch(struct ebi_avro_reader *reader, const struct ebi_schema *schema,
                                            const struct ebi_node *node, const struct ebi_place *place) {
    const struct ebi_node *branch = node + 1;
    int64_t number;

    if (!read_branch_number(reader, node, place, node->count, &number))
        return NULL;
    while (branch->branch != number)
        branch = ebi_node_after(schema, branch);
    return branch;
}

/* Refuses more items than the bytes left can hold, and more slots than an input of this length may take. */
static bool charge(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place, uint64_t items,
                   uint32_t slots) {
    uint32_t min_bytes = node[1].min_bytes + (node->kind == EBI_MAP);

    if (min_bytes > 0 && items > left(reader) / min_bytes)
        return ebi_avro_refuse(reader, node, place, "%" PRIu64 " items, more than the bytes left can hold", items);
    if (slots == 0)
        slots = 1; /* skipping takes time instead of memory */
    if (items > reader->slots / slots)
        return ebi_avro_refuse(reader, node, place, "%" PRIu64 " items, too many for an event of %zu bytes", items,
                               (size_t)(reader->end - reader->start));
    reader->slots -= (size_t)items * slots;
    return true;
}

bool ebi_avro_read_block(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                         uint32_t slots, struct ebi_avro_block *block) {
    int64_t items, size;
    const char *before = reader->at;

    *block = (struct ebi_avro_block){ 0 };
    if (!ebi_avro_read_long(reader, node, place, &items))
        return false;
    if (items < 0) {
        if (!ebi_avro_read_long(reader, node, place, &size))
            return false;
        if (size < 0 || (uint64_t)size > left(reader)) {
            reader->at = before;
            return ebi_avro_refuse(reader, node, place, "a block of %" PRId64 " bytes, more than are left", size);
        }
        block->end = reader->at + size;
    }
    block->items = items < 0 ? -(uint64_t)items : (uint64_t)items;
    return charge(reader, node, place, block->items, slots);
}

bool ebi_avro_read_block_end(struct ebi_avro_reader *reader, const struct ebi_node *node, const struct ebi_place *place,
                             const struct ebi_avro_block *block) {
    return !block->end || reader->at == block->end || ebi_avro_refuse(reader, node, place, "a block is not as long as it says");
}
