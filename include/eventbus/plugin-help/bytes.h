/* eventbus/plugin-help/bytes.h - bytes that grow, and what is written into them and read back: numbers of variable length,
 * texts, pairs of names and values. Reading never goes past the end, whatever the bytes are.
 *
 * A number has 7 bits a byte, the lowest first, and the upper bit in all bytes but the last. A text is its length plus 1 and
 * its bytes, or 0 where it is absent. A pair is the number of a usual name, or 0 and the name as a text, and the value as a
 * text. Plugins keep such bytes for years: none of this changes. */
#ifndef EBP_BYTES_H
#define EBP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/array.h>

/* ---- Writing ---- */

/* Belongs to one thread. Zeroed: empty. */
struct ebp_bytes {
    unsigned char *data;
    size_t len, room;
};

/* Makes room for more bytes behind len. Returns false without memory; nothing has changed then. */
static inline bool ebp_bytes_reserve(struct ebp_bytes *bytes, size_t more) {
    return more <= SIZE_MAX - bytes->len && EBP_RESERVE(bytes->data, bytes->room, bytes->len + more);
}

static inline void ebp_bytes_free(struct ebp_bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

/* The most bytes of a number. Each ebp_put_... appends, and the room has to be reserved before. */
enum { EBP_NUMBER_MAX = 10 };

static inline void ebp_put_number(struct ebp_bytes *bytes, uint64_t number) {
    for (; number > 0x7F; number >>= 7)
        bytes->data[bytes->len++] = (unsigned char)((number & 0x7F) | 0x80);
    bytes->data[bytes->len++] = (unsigned char)number;
}

static inline void ebp_put_bytes(struct ebp_bytes *bytes, const void *data, size_t len) {
    if (len > 0)
        memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

/* The room for a text. */
static inline size_t ebp_text_room(struct eb_text text) {
    return EBP_NUMBER_MAX + (text.data ? text.len : 0);
}

static inline void ebp_put_text(struct ebp_bytes *bytes, struct eb_text text) {
    ebp_put_number(bytes, text.data ? (uint64_t)text.len + 1 : 0);
    if (text.data)
        ebp_put_bytes(bytes, text.data, text.len);
}

/* ---- Reading ---- */

struct ebp_reader {
    const unsigned char *at, *end;
};

static inline struct ebp_reader ebp_reader_of(const void *data, size_t len) {
    struct ebp_reader reader;

    reader.at = (const unsigned char *)data;
    reader.end = len > 0 ? reader.at + len : reader.at;
    return reader;
}

/* Each ebp_get_... returns false, and what it points to is of no use, where the bytes end too early or are no such thing. */
static inline bool ebp_get_number(struct ebp_reader *reader, uint64_t *number) {
    *number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;

        if (shift == 63 && byte > 1)
            return false; /* beyond 64 bits */
        *number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The text lies in the bytes that are read. */
static inline bool ebp_get_bytes(struct ebp_reader *reader, uint64_t len, struct eb_text *text) {
    if (len > (uint64_t)(reader->end - reader->at))
        return false;
    text->data = (const char *)reader->at;
    text->len = (size_t)len;
    reader->at += len;
    return true;
}

static inline bool ebp_get_text(struct ebp_reader *reader, struct eb_text *text) {
    uint64_t len;

    text->data = NULL;
    text->len = 0;
    return ebp_get_number(reader, &len) && (len == 0 || ebp_get_bytes(reader, len - 1, text));
}

/* ---- Attributes and headers ---- */

/* Returns the usual name of a number from 1 on, or NULL if no name has this number. A later version adds numbers and never
 * gives a number to another name, because packed messages that a broker keeps hold them. */
static inline const char *ebp_usual_name(uint64_t number) {
    static const char *const usual[] = { "type",       "id",        "source",          "time",        "minorversion",
                                         "sourcehost", "sourcelib", "datacontenttype", "specversion", "content-type" };

    return number >= 1 && number <= sizeof usual / sizeof usual[0] ? usual[number - 1] : NULL;
}

static inline uint64_t ebp_usual_number(struct eb_text name) {
    const char *usual;

    for (uint64_t i = 1; name.data && (usual = ebp_usual_name(i)); i++)
        if (strlen(usual) == name.len && memcmp(usual, name.data, name.len) == 0)
            return i;
    return 0;
}

static inline size_t ebp_pairs_room(const struct eb_header *pairs, size_t n) {
    size_t room = EBP_NUMBER_MAX;

    for (size_t i = 0; i < n; i++)
        room += EBP_NUMBER_MAX + ebp_text_room(pairs[i].name) + ebp_text_room(pairs[i].value);
    return room;
}

/* Appends how many pairs there are, and each of them. */
static inline void ebp_put_pairs(struct ebp_bytes *bytes, const struct eb_header *pairs, size_t n) {
    ebp_put_number(bytes, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t number = ebp_usual_number(pairs[i].name);

        ebp_put_number(bytes, number);
        if (number == 0)
            ebp_put_text(bytes, pairs[i].name);
        ebp_put_text(bytes, pairs[i].value);
    }
}

/* Pairs that were read, one list behind the other. Belongs to one thread. Zeroed: empty; to be used again for the next
 * message with n set to 0, and freed in the end. */
struct ebp_pairs {
    struct eb_header *all;
    size_t n, room;
};

static inline void ebp_pairs_free(struct ebp_pairs *pairs) {
    free(pairs->all);
    memset(pairs, 0, sizeof *pairs);
}

static inline bool ebp_get_pair(struct ebp_reader *reader, struct eb_header *pair) {
    const char *usual;
    uint64_t number;

    if (!ebp_get_number(reader, &number))
        return false;
    usual = ebp_usual_name(number);
    if (usual) {
        pair->name.data = usual;
        pair->name.len = strlen(usual);
    } else if (number > 0 || !ebp_get_text(reader, &pair->name)) {
        return false;
    }
    return ebp_get_text(reader, &pair->value);
}

/* Adds the pairs that ebp_put_pairs wrote, at most `most`, and sets *count. Returns EB_OK; EB_FULL: there are more; EB_GONE:
 * these are no pairs; EB_RETRIABLE: no memory. Each pair takes two bytes at least, so a wrong count asks for no memory. */
static inline int32_t ebp_get_pairs(struct ebp_reader *reader, size_t most, struct ebp_pairs *pairs, size_t *count) {
    uint64_t n;

    *count = 0;
    if (!ebp_get_number(reader, &n) || n > (uint64_t)(reader->end - reader->at) / 2)
        return EB_GONE;
    if (n > most)
        return EB_FULL;
    if (!EBP_RESERVE(pairs->all, pairs->room, pairs->n + (size_t)n))
        return EB_RETRIABLE;
    for (uint64_t i = 0; i < n; i++) {
        if (!ebp_get_pair(reader, &pairs->all[pairs->n]))
            return EB_GONE;
        pairs->n++;
        ++*count;
    }
    return EB_OK;
}

#endif
