/* core/base/error.c - see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

/* Ends text, of which only `room` bytes were kept, at the last whole UTF-8 character. */
static void end_at_character(char *text, size_t room) {
    size_t end = room - 1;

    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    text[end] = '\0';
}

/* Puts a "?" for each byte of what may not be shown: an argument may be any text. */
static void mend(char *text) {
    size_t len = strlen(text), step;
    enum ebi_printable what;
    uint32_t character;

    for (; len > 0; text += step, len -= step) {
        step = ebi_printable_step(text, len, &what, &character);
        if (what != EBI_SHOW)
            memset(text, '?', step);
    }
}

static void fill(struct eb_error *err, enum eb_status status, enum eb_kind kind, int64_t native, const char *format,
                 va_list args) {
    char text[EB_ERROR_ROOM]; /* an argument may be err's own text */
    int len = vsnprintf(text, sizeof text, format, args);

    if (len < 0)
        text[0] = '\0';
    else if ((size_t)len >= sizeof text)
        end_at_character(text, sizeof text - 1);
    mend(text);
    memset(err, 0, sizeof *err);
    err->status = status;
    err->kind = kind;
    err->native = native;
    memcpy(err->text, text, strlen(text));
}

enum eb_status ebi_error(struct eb_error *err, enum eb_status status, enum eb_kind kind, const char *format, ...) {
    va_list args;

    if (!err)
        return status;
    va_start(args, format);
    fill(err, status, kind, 0, format, args);
    va_end(args);
    return status;
}

enum eb_status ebi_error_errno(struct eb_error *err, enum eb_status status, enum eb_kind kind, const char *format, ...) {
    int number = errno;
    va_list args;

    if (!err)
        return status;
    va_start(args, format);
    fill(err, status, kind, number, format, args);
    va_end(args);
    char room[128];
    const char *reason = strerror_r(number, room, sizeof room); /* GNU's: returns the text */
    size_t len = strlen(err->text);
    int more = snprintf(err->text + len, sizeof err->text - len, ": %s", reason);
    if (more > 0 && len + (size_t)more >= sizeof err->text)
        end_at_character(err->text, sizeof err->text - 1);
    return status;
}

bool ebi_is_null(const void *argument, const char *what, struct eb_error *err) {
    if (!argument)
        ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is NULL", what);
    return !argument;
}

enum eb_status ebi_error_memory(struct eb_error *err) {
    return ebi_error(err, EB_FATAL, EB_KIND_SYSTEM, "out of memory");
}

void ebi_error_context(struct eb_error *err, const char *format, ...) {
    char context[EB_ERROR_ROOM], joined[EB_ERROR_ROOM];
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    int len = vsnprintf(context, sizeof context, format, args);
    va_end(args);
    if (len < 0)
        return;
    len = snprintf(joined, sizeof joined, "%s: %s", context, err->text);
    if (len >= (int)sizeof joined)
        end_at_character(joined, sizeof joined - 1);
    mend(joined);
    memset(err->text, 0, sizeof err->text);
    memcpy(err->text, joined, strlen(joined));
}
