/* plugins/common/registry/fail.c - see fail.h. */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/printable.h>

int32_t sr_fail(struct eb_error *err, enum eb_status status, enum eb_kind kind, int64_t native, const char *format,
                ...) {
    va_list args;

    if (!err)
        return status;
    *err = (struct eb_error){.status = status, .kind = kind, .native = native};
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

int32_t sr_no_memory(struct eb_error *err) {
    return sr_fail(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "schema registry: no memory");
}

void sr_context(struct eb_error *err, const char *format, ...) {
    char cause[sizeof err->text];
    va_list args;

    if (!err)
        return;
    memcpy(cause, err->text, sizeof cause);
    va_start(args, format);
    int wrote = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = wrote < 0 ? 0 : (size_t)wrote;
    if (used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - used, ": %s", cause);
}

/* How many bytes the UTF-8 character at text has; 0: it is none. */
static size_t character(const unsigned char *text, size_t len) {
    size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : (text[0] & 0xF0) == 0xE0 ? 3
               : text[0] >= 0xF0 && text[0] < 0xF5 ? 4 : 0;

    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xF0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xED && text[1] > 0x9F) || (text[0] == 0xF4 && text[1] > 0x8F);
    return n > 1 && (overlong || beyond) ? 0 : n;
}

/* Whether the character, of n bytes, may be shown as it is. */
static bool may_be_shown(const unsigned char *text, size_t n) {
    uint32_t number = n == 1 ? text[0] : text[0] & (0x7FU >> n);

    for (size_t i = 1; i < n; i++)
        number = number << 6 | (text[i] & 0x3F);
    return eb_printable(number);
}

void sr_clean(char *out, size_t room, const char *text, size_t len) {
    static const char more[] = "...";
    size_t used = 0, dots = 0, step;    /* dots: the last place where they fit */

    for (size_t at = 0; at < len; at += step) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t n = character(here, len - at);
        bool plain = n && may_be_shown(here, n);
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
