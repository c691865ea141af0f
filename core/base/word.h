/* core/base/word.h - looks at text eight bytes at a time. */
#ifndef EBI_WORD_H
#define EBI_WORD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A word whose bytes are all 1, and one whose bytes have only their top bit. */
static const uint64_t ebi_ones = UINT64_C(0x0101010101010101), ebi_tops = UINT64_C(0x8080808080808080);

/* Returns eight bytes as a number, the first one lowest. */
static inline uint64_t ebi_word(const void *bytes) {
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

/* Returns the last up to seven bytes of a text as a number, in which some of them may stand twice. */
static inline uint64_t ebi_tail(const char *bytes, size_t len) {
    uint32_t first, last;

    if (len >= sizeof first) {
        memcpy(&first, bytes, sizeof first);
        memcpy(&last, bytes + len - sizeof last, sizeof last);
        return (uint64_t)last << 32 | first;
    }
    if (len == 0)
        return 0;
    return (uint64_t)(unsigned char)bytes[0] | (uint64_t)(unsigned char)bytes[len / 2] << 8 |
           (uint64_t)(unsigned char)bytes[len - 1] << 16;
}

/* Returns whether all of a text of at least eight bytes is ASCII without control characters. */
static inline bool ebi_all_plain(const char *text, size_t len) {
    uint64_t bad = 0;

    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = ebi_word(text + (at + 8 <= len ? at : len - 8)), del = word ^ ebi_ones * 0x7f;

        bad |= word | (word - ebi_ones * 0x20) | (del - ebi_ones);
    }
    return !(bad & ebi_tops);
}

/* Returns whether all of a text is ASCII. */
static inline bool ebi_all_ascii(const char *text, size_t len) {
    uint64_t seen = 0;

    for (; len >= 8; text += 8, len -= 8)
        seen |= ebi_word(text);
    return !((seen | ebi_tail(text, len)) & ebi_tops);
}

#endif
