/* core/base/bytes.c - a growing run of bytes: see bytes.h. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 63 }; /* with the NUL: one cache line */

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

void ebi_bytes_clear(struct ebi_bytes *bytes) {
    bytes->len = 0;
    if (bytes->data)
        bytes->data[0] = '\0';
}

void ebi_bytes_free(struct ebi_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct ebi_bytes){ 0 };
}
