/* eventbus/printable.h - which characters of a text from outside may be shown to people as they are.
 *
 * A key, a topic, a header or a broker's error is written by somebody else. Shown unchanged it can move a terminal's
 * cursor, forge a log line or turn the order of what is read around. The command, the library's log and the
 * conformance kit decide by this function alone. A plugin need not: the host escapes what a plugin logs or returns. */
#ifndef EVENTBUS_PRINTABLE_H
#define EVENTBUS_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns whether a Unicode character may be shown as it is. False for
 * - control characters: U+0000 to U+001F (tab and newline too), U+007F, and U+0080 to U+009F, which terminals obey;
 * - what ends a line for some readers: U+2028, U+2029;
 * - what changes the direction of text: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069;
 * - what nobody sees: U+00AD, U+180E, U+200B, U+2060 to U+206F, U+FEFF, U+FFF9 to U+FFFB, U+1BCA0 to U+1BCA3,
 *   U+1D173 to U+1D17A, U+E0000 to U+E0FFF; but for U+200C and U+200D, which words and emoji are made with;
 * - what is no character: surrogates, and what is above U+10FFFF.
 * Any thread, any time. */
static inline bool eb_printable(uint32_t character) {
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        { 0x0000, 0x001F }, { 0x007F, 0x009F }, { 0x00AD, 0x00AD },   { 0x061C, 0x061C },   { 0x180E, 0x180E },
        { 0x200B, 0x200B }, { 0x200E, 0x200F }, { 0x2028, 0x202E },   { 0x2060, 0x206F },   { 0xD800, 0xDFFF },
        { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF },
    };

    if (character >= 0x20 && character < 0x7F)
        return true;
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (character <= hidden[i].last)
            return character < hidden[i].first;
    return character <= 0x10FFFF;
}

#ifdef __cplusplus
}
#endif
#endif
