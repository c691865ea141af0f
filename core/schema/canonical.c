/* core/schema/canonical.c - writes JSON exactly as Python's json.dumps(value, sort_keys=True) does: the Open edX
 * producers register their schemas in this form, and a registry finds them again by it. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/printable.h"
#include "json/number.h"
#include "schema/compile.h"

static uint32_t code_point(const unsigned char *text, size_t *len) {
    if (text[0] < 0xE0) {
        *len = 2;
        return (text[0] & 0x1Fu) << 6 | (text[1] & 0x3Fu);
    }
    if (text[0] < 0xF0) {
        *len = 3;
        return (text[0] & 0x0Fu) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
    }
    *len = 4;
    return (text[0] & 0x07u) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 | (text[3] & 0x3Fu);
}

static bool add_beyond_ascii(struct ebi_bytes *out, uint32_t point) {
    if (point < 0x10000)
        return ebi_bytes_add_format(out, "\\u%04" PRIx32, point);
    point -= 0x10000;
    return ebi_bytes_add_format(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF));
}

/* Escapes what is beyond ASCII; all else as little as JSON allows, as Python does. */
static bool add_string(const char *text, size_t len, struct ebi_bytes *out) {
    struct ebi_bytes quoted = { 0 };
    size_t plain = 0, step;
    bool good = ebi_bytes_add_json_least(&quoted, text, len);

    for (size_t at = 0; good && at < quoted.len; at += step) {
        step = 1;
        if ((unsigned char)quoted.data[at] < 0x80)
            continue;
        good = ebi_bytes_add(out, quoted.data + plain, at - plain) &&
               add_beyond_ascii(out, code_point((const unsigned char *)quoted.data + at, &step));
        plain = at + step;
    }
    good = good && ebi_bytes_add(out, quoted.data + plain, quoted.len - plain);
    ebi_bytes_free(&quoted);
    return good;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* bytes of UTF-8 sort as code points do */
}

static bool add_object(const json_t *object, struct ebi_bytes *out) {
    size_t n = 0, size = json_object_size(object);
    const char **names = malloc((size + 1) * sizeof *names);
    bool good = names && ebi_bytes_add_text(out, "{");

    for (void *at = json_object_iter((json_t *)object); good && at; at = json_object_iter_next((json_t *)object, at))
        names[n++] = json_object_iter_key(at);
    if (good)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n && good; i++)
        good = ebi_bytes_add_text(out, i ? ", " : "") && add_string(names[i], strlen(names[i]), out) &&
               ebi_bytes_add_text(out, ": ") && ebi_canonical(json_object_get(object, names[i]), out);
    free(names);
    return good && ebi_bytes_add_text(out, "}");
}

static bool add_array(const json_t *array, struct ebi_bytes *out) {
    bool good = ebi_bytes_add_text(out, "[");

    for (size_t i = 0; i < json_array_size(array) && good; i++)
        good = ebi_bytes_add_text(out, i ? ", " : "") && ebi_canonical(json_array_get(array, i), out);
    return good && ebi_bytes_add_text(out, "]");
}

bool ebi_canonical(const json_t *value, struct ebi_bytes *out) {
    char number[EBI_NUMBER_ROOM];

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return add_object(value, out);
    case JSON_ARRAY:
        return add_array(value, out);
    case JSON_STRING:
        return add_string(json_string_value(value), json_string_length(value), out);
    case JSON_INTEGER:
        return ebi_bytes_add_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        ebi_print_double(json_real_value(value), number);
        return ebi_bytes_add_text(out, number);
    case JSON_TRUE:
        return ebi_bytes_add_text(out, "true");
    case JSON_FALSE:
        return ebi_bytes_add_text(out, "false");
    case JSON_NULL:
        return ebi_bytes_add_text(out, "null");
    }
    return false;
}
