/* core/schema/scan.h - finding what is not plain in text, eight bytes at a time. For this room. */
#ifndef EBI_SCAN_H
#define EBI_SCAN_H

#include <stdint.h>
#include "schema/node.h"

static const uint64_t ebi_ones = UINT64_C(0x0101010101010101), ebi_tops = UINT64_C(0x8080808080808080);

/* Each of these marks, by their top bits, the bytes of a word (as ebi_word reads it) that are such. A borrow may mark
 * some too many above a true one: only the first mark counts. */

/* '"', '\' and control characters: they must be escaped in JSON. */
static inline uint64_t ebi_mark_escaped(uint64_t word) {
    uint64_t quote = word ^ ebi_ones * '"', back = word ^ ebi_ones * '\\';

    return ((word - ebi_ones * 0x20) | (quote - ebi_ones) | (back - ebi_ones)) & ~word & ebi_tops;
}

/* The same, and what is not ASCII: a JSON string's plain characters end there. */
static inline uint64_t ebi_mark_special(uint64_t word) {
    uint64_t quote = word ^ ebi_ones * '"', back = word ^ ebi_ones * '\\';

    return ((word - ebi_ones * 0x20) | (quote - ebi_ones) | (back - ebi_ones) | word) & ebi_tops;
}

/* How many bytes stand before the first mark; there is one. */
static inline unsigned ebi_before_mark(uint64_t marks) {
    return (unsigned)__builtin_ctzll(marks) >> 3;
}

/* Whether all of a text is ASCII. */
static inline bool ebi_all_ascii(const char *text, size_t len) {
    uint64_t seen = 0;

    for (; len >= 8; text += 8, len -= 8)
        seen |= ebi_word(text);
    return !((seen | ebi_tail(text, len)) & ebi_tops);
}

#endif
