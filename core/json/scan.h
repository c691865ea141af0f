/* core/json/scan.h - finding what is not plain in text, eight bytes at a time. For this room. */
#ifndef EBI_SCAN_H
#define EBI_SCAN_H

#include "base/word.h"

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

#endif
