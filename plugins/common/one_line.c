/* plugins/common/one_line.c - see one_line.h. */
#include "one_line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/printable.h>

/* Returns how many bytes the UTF-8 character at text has; 0 for bytes that are not UTF-8. */
static size_t utf8_length(const unsigned char *text, size_t len) {
    size_t n = text[0] < 0x80                      ? 1
               : text[0] >= 0xC2 && text[0] < 0xE0 ? 2
               : (text[0] & 0xF0) == 0xE0          ? 3
               : text[0] >= 0xF0 && text[0] < 0xF5 ? 4
                                                   : 0;

    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xF0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xED && text[1] > 0x9F) || (text[0] == 0xF4 && text[1] > 0x8F);
    return n > 1 && (overlong || beyond) ? 0 : n;
}

/* Whether the character of n bytes can be shown as it is. */
static bool is_printable(const unsigned char *text, size_t n) {
    uint32_t number = n == 1 ? text[0] : text[0] & (0x7FU >> n);

    for (size_t i = 1; i < n; i++)
        number = number << 6 | (text[i] & 0x3F);
    return eb_printable(number);
}

void ebp_one_line(char *out, size_t room, const char *text, size_t len) {
    static const char more[] = "...";
    size_t used = 0, dots = 0, step; /* dots: the last place where they fit */

    assert(room >= sizeof more);
    for (size_t at = 0; at < len; at += step) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t n = utf8_length(here, len - at);
        bool plain = n && is_printable(here, n);
        size_t adds = plain ? n : 1;
        step = n ? n : 1;
        if (used + sizeof more <= room)
            dots = used;
        if (used + adds + 1 > room) {
            snprintf(out + dots, room - dots, "%s", more);
            return;
        }
        if (plain)
            memcpy(out + used, here, n);
        else
            out[used] = n ? ' ' : '?';
        used += adds;
    }
    out[used] = 0;
}
