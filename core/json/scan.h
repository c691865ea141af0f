/* core/json/scan.h - finds characters of JSON that are not plain, eight bytes at a time. For this room. */
#ifndef EBI_SCAN_H
#define EBI_SCAN_H

#include "base/word.h"

/* Each of these functions sets the top bits of those bytes of a word (as ebi_word reads it) that are not plain. A
 * borrow may also set some above a true one, so only the lowest mark counts. */

/* Marks '"', '\' and control characters, which must be escaped in JSON. */
static inline uint64_t ebi_mark_escaped(uint64_t word) {
    uint64_t quote = word ^ ebi_ones * '"', back = word ^ ebi_ones * '\\';

    return ((word - ebi_ones * 0x20) | (quote - ebi_ones) | (back - ebi_ones)) & ~word & ebi_tops;
}

/* Marks these and what is not ASCII: the plain characters of a JSON string end there. */
static inline uint64_t ebi_mark_special(uint64_t word) {
    uint64_t quote = word ^ ebi_ones * '"', back = word ^ ebi_ones * '\\';

    return ((word - ebi_ones * 0x20) | (quote - ebi_ones) | (back - ebi_ones) | word) & ebi_tops;
}

/* Returns how many bytes stand before the lowest mark. There must be one. */
static inline unsigned ebi_before_mark(uint64_t marks) {
    return (unsigned)__builtin_ctzll(marks) >> 3;
}

#endif
