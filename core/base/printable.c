/* core/base/printable.c - see printable.h. */
#include "base/printable.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

size_t ebi_printable_step(const char *text, size_t len, enum ebi_printable *what, uint32_t *character) {
    bool good;
    size_t step = ebi_utf8_step(text, len, &good);

    *character = good ? ebi_utf8_number(text, step) : 0;
    *what = !good ? EBI_BROKEN : eb_printable(*character) ? EBI_SHOW : EBI_ESCAPE;
    return step;
}

/* ---- Lines of text ---- */

static bool add_escape(struct ebi_bytes *to, uint32_t character) {
    if (character == '\n')
        return ebi_bytes_add_text(to, "\\n");
    if (character == '\t')
        return ebi_bytes_add_text(to, "\\t");
    return ebi_bytes_add_format(to, character < 0x100 ? "\\x%02x" : "\\u{%x}", (unsigned)character);
}

/* Returns where the plain ASCII from `at` on ends: at what is no ASCII, may not be shown, or is one of the two in `marked`. */
static size_t end_of_plain(const char *text, size_t at, size_t len, const char marked[2]) {
    while (at < len && text[at] >= 0x20 && text[at] < 0x7F && text[at] != marked[0] && text[at] != marked[1])
        at++;
    return at;
}

/* Adds text with a backslash before each of the two characters in `marked`; NULs: none is. */
static bool add(struct ebi_bytes *to, const char *text, size_t len, const char marked[2]) {
    enum ebi_printable what;
    uint32_t character;
    size_t step;
    bool ok = true;

    for (size_t at = 0; ok && at < len; at += step) {
        step = end_of_plain(text, at, len, marked) - at;
        if (step > 0) {
            ok = ebi_bytes_add(to, text + at, step);
            continue;
        }
        step = ebi_printable_step(text + at, len - at, &what, &character);
        if (what == EBI_BROKEN)
            ok = ebi_bytes_add_text(to, EBI_UTF8_BAD);
        else if (what == EBI_ESCAPE)
            ok = add_escape(to, character);
        else
            ok = (step > 1 || ebi_bytes_add(to, "\\", 1)) && ebi_bytes_add(to, text + at, step);
    }
    return ok;
}

bool ebi_printable_add(struct ebi_bytes *to, const char *text, size_t len) {
    return add(to, text, len, (const char[2]){ 0 });
}

bool ebi_printable_add_quoted(struct ebi_bytes *to, const char *text, size_t len) {
    return add(to, text, len, (const char[2]){ '"', '\\' });
}

/* ---- JSON text ---- */

/* Whether any of 8 bytes is DEL or part of a longer character. A carry may report one too many, which costs a look. */
static bool needs_look(const char *text) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return (word | ((word ^ (ones * 0x7F)) - ones)) & tops;
}

/* Returns where the first character from `at` on stands that JSON must escape to be shown, or len. */
static size_t find_hidden(const char *text, size_t at, size_t len) {
    enum ebi_printable what;
    uint32_t character;

    while (at < len) {
        if (len - at >= 8 && !needs_look(text + at)) {
            at += 8;
            continue;
        }
        size_t step = ebi_printable_step(text + at, len - at, &what, &character);
        if (what != EBI_SHOW && (unsigned char)text[at] >= 0x20)
            return at;
        at += step;
    }
    return len;
}

static bool add_json_escape(struct ebi_bytes *to, uint32_t character) {
    if (character < 0x10000)
        return ebi_bytes_add_format(to, "\\u%04x", (unsigned)character);
    character -= 0x10000;
    return ebi_bytes_add_format(to, "\\u%04x\\u%04x", 0xD800U + (unsigned)(character >> 10),
                                0xDC00U + (unsigned)(character & 0x3FF));
}

static bool add_json_shown(struct ebi_bytes *to, const char *text, size_t len) {
    size_t at = 0;

    for (;;) {
        size_t hidden = find_hidden(text, at, len);
        enum ebi_printable what;
        uint32_t character;

        if (!ebi_bytes_add(to, text + at, hidden - at))
            return false;
        if (hidden == len)
            return true;
        at = hidden + ebi_printable_step(text + hidden, len - hidden, &what, &character);
        if (!(what == EBI_BROKEN ? ebi_bytes_add_text(to, EBI_UTF8_BAD) : add_json_escape(to, character)))
            return false;
    }
}

bool ebi_printable_json(struct ebi_bytes *json, size_t from) {
    size_t first = find_hidden(json->data, from, json->len);
    struct ebi_bytes tail = { 0 };

    if (first >= json->len)
        return true;
    if (!ebi_bytes_add(&tail, json->data + first, json->len - first))
        return false;
    json->len = first;
    bool added = add_json_shown(json, tail.data, tail.len);
    if (!added) { /* as it was: there is room for that */
        json->len = first;
        ebi_bytes_add(json, tail.data, tail.len);
    }
    ebi_bytes_free(&tail);
    return added;
}

/* ---- Strings of JSON ---- */

/* Whether none of 8 bytes needs a closer look: no control character, quote, backslash, or part of a longer character. Each
 * term sets the top bit of a byte it has found; a borrow may set one more after that, which only costs a closer look. */
static bool all_plain(const char *text) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word, quote, back;

    memcpy(&word, text, sizeof word);
    quote = word ^ (ones * '"');
    back = word ^ (ones * '\\');
    return !(((word - ones * 0x20) | (quote - ones) | (back - ones) | word) & tops);
}

static size_t plain_run(const char *text, size_t len) {
    size_t run = 0;

    while (len - run >= 8 && all_plain(text + run))
        run += 8;
    while (run < len && (unsigned char)text[run] >= 0x20 && (unsigned char)text[run] < 0x80 && text[run] != '"' &&
           text[run] != '\\')
        run++;
    return run;
}

static bool add_escaped(struct ebi_bytes *bytes, char c) {
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */
    char escape[2] = { '\\', 0 };

    for (size_t i = 0; short_forms[i]; i += 2)
        if (short_forms[i] == c) {
            escape[1] = short_forms[i + 1];
            return ebi_bytes_add(bytes, escape, sizeof escape);
        }
    return ebi_bytes_add_format(bytes, "\\u%04x", (unsigned)(unsigned char)c);
}

static bool add_json_content(struct ebi_bytes *bytes, const char *text, size_t len) {
    size_t step;

    for (size_t at = 0; at < len; at += step) {
        bool good = true;

        step = plain_run(text + at, len - at);
        if (step == 0 && (unsigned char)text[at] < 0x80) {
            if (!add_escaped(bytes, text[at]))
                return false;
            step = 1;
            continue;
        }
        if (step == 0)
            step = ebi_utf8_step(text + at, len - at, &good);
        if (!(good ? ebi_bytes_add(bytes, text + at, step) : ebi_bytes_add_text(bytes, EBI_UTF8_BAD)))
            return false;
    }
    return true;
}

static bool undo(struct ebi_bytes *bytes, size_t before) {
    bytes->len = before;
    if (bytes->data)
        bytes->data[before] = '\0';
    return false;
}

bool ebi_bytes_add_json_least(struct ebi_bytes *bytes, const char *text, size_t len) {
    size_t before = bytes->len;

    if (len < SIZE_MAX / 2 && ebi_bytes_reserve(bytes, len + 2) && ebi_bytes_add(bytes, "\"", 1) &&
        add_json_content(bytes, text, len) && ebi_bytes_add(bytes, "\"", 1))
        return true;
    return undo(bytes, before);
}

bool ebi_bytes_add_json_string(struct ebi_bytes *bytes, const char *text, size_t len) {
    size_t before = bytes->len;

    if (ebi_bytes_add_json_least(bytes, text, len) && ebi_printable_json(bytes, before))
        return true;
    return undo(bytes, before);
}
