/* core/base/utf8.c - walks over text that should be UTF-8: see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* What may follow a first byte: how many bytes, and the range of the first of them (all others: 80..BF). */
struct follow {
    unsigned char count, low, high;
};

static struct follow follow_of(unsigned char first) {
    if (first >= 0xC2 && first <= 0xDF)
        return (struct follow){ 1, 0x80, 0xBF };
    if (first == 0xE0)
        return (struct follow){ 2, 0xA0, 0xBF }; /* below: overlong */
    if (first == 0xED)
        return (struct follow){ 2, 0x80, 0x9F }; /* above: surrogates */
    if (first >= 0xE1 && first <= 0xEF)
        return (struct follow){ 2, 0x80, 0xBF };
    if (first == 0xF0)
        return (struct follow){ 3, 0x90, 0xBF };
    if (first == 0xF4)
        return (struct follow){ 3, 0x80, 0x8F }; /* above: beyond U+10FFFF */
    if (first >= 0xF1 && first <= 0xF3)
        return (struct follow){ 3, 0x80, 0xBF };
    return (struct follow){ 0, 0, 0 };
}

size_t ebi_utf8_step(const char *text, size_t len, bool *good) {
    struct follow follow = follow_of((unsigned char)text[0]);
    size_t at = 1;

    *good = (unsigned char)text[0] < 0x80;
    while (at <= follow.count && at < len && (unsigned char)text[at] >= follow.low && (unsigned char)text[at] <= follow.high) {
        follow.low = 0x80;
        follow.high = 0xBF;
        at++;
    }
    if (follow.count && at == (size_t)follow.count + 1)
        *good = true;
    return at;
}

uint32_t ebi_utf8_number(const char *text, size_t step) {
    unsigned char first = (unsigned char)text[0];
    uint32_t number = step == 1 ? first : first & (0x7FU >> step);

    for (size_t i = 1; i < step; i++)
        number = number << 6 | ((unsigned char)text[i] & 0x3F);
    return number;
}

bool ebi_utf8_valid(const char *text, size_t len) {
    size_t at = 0;
    bool good = true;

    while (good && at < len) {
        uint64_t word;

        if (len - at >= sizeof word) { /* most text is ASCII: 8 bytes at a time */
            memcpy(&word, text + at, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof word;
                continue;
            }
        }
        at += ebi_utf8_step(text + at, len - at, &good);
    }
    return good;
}
