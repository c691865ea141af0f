/* core/base/bytes.c - a growing run of bytes: see bytes.h. */
#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"

enum {
    FIRST_ROOM = 63, /* with the NUL: one cache line */
    READ_STEP = 16384
};

bool ebi_bytes_reserve(struct ebi_bytes *bytes, size_t more) {
    size_t need, room;
    char *data;

    if (bytes->data && more <= bytes->room - bytes->len)
        return true;
    if (more > SIZE_MAX / 2 - bytes->len)
        return false;
    need = bytes->len + more;
    room = bytes->room ? bytes->room * 2 + 1 : FIRST_ROOM; /* +1: the NUL's place doubles too */
    if (room < need)
        room = need;
    data = realloc(bytes->data, room + 1);
    if (!data)
        return false;
    bytes->data = data;
    bytes->data[bytes->len] = '\0';
    bytes->room = room;
    return true;
}

bool ebi_bytes_add(struct ebi_bytes *bytes, const void *data, size_t len) {
    if (!ebi_bytes_reserve(bytes, len))
        return false;
    if (len)
        memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
    bytes->data[bytes->len] = '\0';
    return true;
}

bool ebi_bytes_add_text(struct ebi_bytes *bytes, const char *text) {
    return ebi_bytes_add(bytes, text, strlen(text));
}

bool ebi_bytes_add_format(struct ebi_bytes *bytes, const char *format, ...) {
    va_list args;
    bool added;

    va_start(args, format);
    added = ebi_bytes_add_vformat(bytes, format, args);
    va_end(args);
    return added;
}

bool ebi_bytes_add_vformat(struct ebi_bytes *bytes, const char *format, va_list args) {
    va_list again;
    bool added = false;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && ebi_bytes_reserve(bytes, (size_t)len)) {
        vsnprintf(bytes->data + bytes->len, (size_t)len + 1, format, again);
        bytes->len += (size_t)len;
        added = true;
    }
    va_end(again);
    return added;
}

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

enum eb_status ebi_bytes_fill(struct ebi_bytes *bytes, int fd, size_t limit, struct eb_error *err) {
    size_t left = limit;

    for (;;) {
        ssize_t got;

        if (!ebi_bytes_reserve(bytes, READ_STEP))
            return ebi_error_memory(err);
        got = read(fd, bytes->data + bytes->len, READ_STEP);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read");
        if (got == 0)
            return EB_OK;
        if ((size_t)got > left)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "larger than %zu bytes", limit);
        left -= (size_t)got;
        bytes->len += (size_t)got;
        bytes->data[bytes->len] = '\0';
    }
}

void ebi_bytes_clear(struct ebi_bytes *bytes) {
    bytes->len = 0;
    if (bytes->data)
        bytes->data[0] = '\0';
}

void ebi_bytes_free(struct ebi_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct ebi_bytes){ 0 };
}
