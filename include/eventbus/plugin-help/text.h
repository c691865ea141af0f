/* eventbus/plugin-help/text.h - struct eb_text: compare, copy, make from a string; and text from a stranger on one line.
 *
 * A text may hold any bytes, NUL too, and need not end with one. data NULL is an absent text, which is not an empty one. Any
 * thread. */
#ifndef EBP_TEXT_H
#define EBP_TEXT_H

#include <eventbus/plugin-help/base.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>
#include <eventbus/printable.h>

/* ---- Making ---- */

static inline struct eb_text ebp_text(const char *data, size_t len) {
    struct eb_text text;

    text.data = data;
    text.len = data ? len : 0;
    return text;
}

/* The text of a string, which it borrows; NULL gives an absent text. */
static inline struct eb_text ebp_text_of(const char *string) {
    return ebp_text(string, string ? strlen(string) : 0);
}

/* ---- Comparing ---- */

/* An absent text equals only an absent one. */
static inline bool ebp_text_equal(struct eb_text a, struct eb_text b) {
    return !a.data == !b.data && a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Whether it has the bytes of the string; an absent text has those of no string but NULL. */
static inline bool ebp_text_is(struct eb_text text, const char *string) {
    return ebp_text_equal(text, ebp_text_of(string));
}

static inline bool ebp_text_begins(struct eb_text text, const char *string) {
    size_t len = strlen(string);

    return text.data && text.len >= len && memcmp(text.data, string, len) == 0;
}

/* Returns a number below, equal to or above 0, by the bytes; an absent text comes before an empty one. */
static inline int ebp_text_compare(struct eb_text a, struct eb_text b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int by_bytes = len > 0 ? memcmp(a.data, b.data, len) : 0;

    if (!a.data || !b.data)
        return (a.data != NULL) - (b.data != NULL);
    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

/* ---- Copying ---- */

/* Copies the bytes and a NUL behind them into `to` of `room` bytes; an absent text gives "". Returns false and copies
 * nothing if they do not fit, or if there is a NUL among them, at which a string would end too early. */
static inline bool ebp_text_copy(struct eb_text text, char *to, size_t room) {
    if (text.len >= room || (text.len > 0 && memchr(text.data, 0, text.len)))
        return false;
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    to[text.len] = 0;
    return true;
}

/* Makes a copy with a NUL behind it, which ebp_text_free frees; a copy of an absent text is absent. Returns false without
 * memory: *copy is absent then. */
static inline bool ebp_text_dup(struct eb_text text, struct eb_text *copy) {
    char *data = text.data && text.len < SIZE_MAX ? (char *)malloc(text.len + 1) : NULL;

    if (data && text.len > 0)
        memcpy(data, text.data, text.len);
    if (data)
        data[text.len] = 0;
    *copy = ebp_text(data, text.len);
    return data || !text.data;
}

/* Frees what ebp_text_dup made; the text is absent afterwards. */
static inline void ebp_text_free(struct eb_text *copy) {
    free((void *)(uintptr_t)copy->data);
    *copy = ebp_text(NULL, 0);
}

/* ---- Showing ---- */

/* Returns how many bytes the UTF-8 character at text has; 0 for bytes that are not UTF-8. */
static inline size_t ebp_utf8_length(const unsigned char *text, size_t len) {
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

/* Whether the UTF-8 character of n bytes can be shown as it is. */
static inline bool ebp_utf8_printable(const unsigned char *text, size_t n) {
    uint32_t number = n == 1 ? text[0] : text[0] & (0x7FU >> n);

    for (size_t i = 1; i < n; i++)
        number = number << 6 | (text[i] & 0x3FU);
    return eb_printable(number);
}

/* Copies text into `out` of `room` bytes (NUL included; at least 4) as one line of UTF-8: characters that cannot be printed
 * become blanks, bytes that are not UTF-8 become '?', and a text that is too long ends in "...". The host escapes by itself
 * what a plugin logs or returns; this is for a text that is cut, or put between others. */
static inline void ebp_one_line(char *out, size_t room, const char *text, size_t len) {
    static const char more[] = "...";
    size_t used = 0, dots = 0, step; /* dots: the last place where they fit */

    assert(room >= sizeof more);
    for (size_t at = 0; at < len; at += step) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t n = ebp_utf8_length(here, len - at);
        bool plain = n && ebp_utf8_printable(here, n);
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

#endif
