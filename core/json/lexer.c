/* core/json/lexer.c - strings and numbers of JSON text, and what is told when they are wrong: see json_read.h. */
#include "json/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/utf8.h"
#include "json/number.h"
#include "json/scan.h"

/* ---- Refusals ---- */

bool ebi_json_refuse(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place,
                     const char *format, ...) {
    char where[EBI_WHERE_ROOM], reason[384];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    json->status = ebi_error(json->err, EB_PERMANENT, EB_KIND_DATA, "%s: %s", ebi_where(json->root, node, place, where),
                             reason);
    return false;
}

bool ebi_json_broken(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place,
                     const char *reason) {
    if (json->at >= json->end)
        reason = "it ends too early";
    return ebi_json_refuse(json, node, place, "not JSON at byte %zu: %s", (size_t)(json->at - json->start), reason);
}

static const char *found(char ch) {
    switch (ch) {
    case '"':
        return "string";
    case '{':
        return "object";
    case '[':
        return "list";
    case 't':
    case 'f':
        return "boolean";
    case 'n':
        return "null";
    default:
        return ch == '-' || (ch >= '0' && ch <= '9') ? "number" : NULL;
    }
}

static bool misfit(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place,
                   const char *what) {
    struct eb_text type = node->kind == EBI_RECORD ? (struct eb_text){ "object", 6 } : node->type;

    return ebi_json_refuse(json, node, place, "expected %.*s%s, found %s", (int)type.len, type.data,
                           node->optional ? " or null" : "", what);
}

bool ebi_json_misfit(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place) {
    const char *what = found(ebi_json_peek(json));

    return what ? misfit(json, node, place, what) : ebi_json_broken(json, node, place, "no value begins so");
}

/* ---- Strings ---- */

/* Four hex digits; -1: they are none. */
static int32_t hex4(const char *at, const char *end) {
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (const char *ch = at; ch < at + 4; ch++) {
        value <<= 4;
        if (*ch >= '0' && *ch <= '9')
            value |= *ch - '0';
        else if ((*ch | 0x20) >= 'a' && (*ch | 0x20) <= 'f')
            value |= (*ch | 0x20) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (char)(0xE0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    } else {
        *out++ = (char)(0xF0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    }
    return out;
}

/* Behind "\u". Answers where the character ends that was put; NULL: it is wrong, and *reason says how. */
static char *unicode(struct ebi_json *json, char *out, const char **reason) {
    int32_t first = hex4(json->at, json->end), second;

    *reason = "\\u needs four hex digits";
    if (first < 0)
        return NULL;
    json->at += 4;
    if (first < 0xD800 || first > 0xDFFF)
        return put_utf8(out, (uint32_t)first);
    *reason = "half of a surrogate pair, which is no character";
    if (first > 0xDBFF || json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
        return NULL;
    second = hex4(json->at + 2, json->end);
    if (second < 0xDC00 || second > 0xDFFF)
        return NULL;
    json->at += 6;
    return put_utf8(out, 0x10000 + ((uint32_t)(first - 0xD800) << 10 | (uint32_t)(second - 0xDC00)));
}

/* Behind the backslash. */
static char *escape(struct ebi_json *json, char *out, const char **reason) {
    static const char meant[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                     ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
    unsigned char ch = json->at < json->end ? (unsigned char)*json->at : 0;

    if (meant[ch]) {
        json->at++;
        *out = meant[ch];
        return out + 1;
    }
    *reason = "no escape is written so";
    if (ch != 'u')
        return NULL;
    json->at++;
    return unicode(json, out, reason);
}

/* Characters beyond ASCII up to the next one within. */
static char *beyond_ascii(struct ebi_json *json, char *out, const char **reason) {
    while (json->at < json->end && (unsigned char)*json->at >= 0x80) {
        bool good;
        size_t step = ebi_utf8_step(json->at, (size_t)(json->end - json->at), &good);

        *reason = "not UTF-8";
        if (!good)
            return NULL;
        memcpy(out, json->at, step);
        out += step;
        json->at += step;
    }
    return out;
}

/* Copies plain characters, whole words at a time; up to 7 bytes too many. */
static inline char *plain(struct ebi_json *json, char *out) {
    const char *at = json->at;

    while (json->end - at >= 8) {
        uint64_t word = ebi_word(at), marks = ebi_mark_special(word);

        memcpy(out, at, sizeof word);
        if (marks) {
            json->at = at + ebi_before_mark(marks);
            return out + ebi_before_mark(marks);
        }
        out += 8;
        at += 8;
    }
    while (at < json->end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        *out++ = *at++;
    json->at = at;
    return out;
}

bool ebi_json_string(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, char **end) {
    char *out = json->text;
    const char *reason = "a control character in a string; it must be escaped";

    while (out) {
        out = plain(json, out);
        if (json->at >= json->end)
            break;
        if (*json->at == '"') {
            json->at++;
            *out = '\0';
            *end = out;
            return true;
        }
        if (*json->at == '\\') {
            json->at++;
            out = escape(json, out, &reason);
        } else {
            out = (unsigned char)*json->at >= 0x80 ? beyond_ascii(json, out, &reason) : NULL;
        }
    }
    return ebi_json_broken(json, node, place, reason);
}

/* ---- Numbers ---- */

static bool digit(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

bool ebi_json_looks_whole(const struct ebi_json *json) {
    const char *at = json->at + (json->at < json->end && *json->at == '-');

    while (digit(at, json->end))
        at++;
    return at == json->end || (*at != '.' && *at != 'e' && *at != 'E');
}

static bool begins_number(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place) {
    const char *first = json->at + (json->at < json->end && *json->at == '-');

    if (!digit(first, json->end) && first == json->at)
        return ebi_json_misfit(json, node, place);
    if (!digit(first, json->end) || (*first == '0' && digit(first + 1, json->end)))
        return ebi_json_broken(json, node, place, "no number is written so");
    return true;
}

bool ebi_json_whole(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, int64_t *whole) {
    const char *at = json->at;
    bool negative = at < json->end && *at == '-', beyond = false;
    uint64_t value = 0, most;

    if (!begins_number(json, node, place))
        return false;
    for (at += negative; digit(at, json->end); at++) {
        beyond = beyond || value > (UINT64_MAX - 9) / 10;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at < json->end && (*at == '.' || *at == 'e' || *at == 'E'))
        return misfit(json, node, place, "number with a fraction or exponent");
    most = (node->kind == EBI_INT ? (uint64_t)INT32_MAX : (uint64_t)INT64_MAX) + negative;
    if (beyond || value > most)
        return misfit(json, node, place, node->kind == EBI_INT ? "number beyond 32 bits" : "number beyond 64 bits");
    *whole = negative ? -(int64_t)(value - (value > 0)) - (value > 0) : (int64_t)value;
    json->at = at;
    return true;
}

/* What a number's text says: its digits without the point, and the power of ten they stand for. */
struct parts {
    uint64_t digits;
    int exponent;
    bool all;                   /* all of its digits fit */
};

static const char *add_digits(struct parts *parts, const char *at, const char *end, int down) {
    for (; digit(at, end); at++) {
        if (parts->digits > (UINT64_MAX - 9) / 10)
            parts->all = false;
        parts->digits = parts->digits * 10 + (uint64_t)(*at - '0');
        if (parts->exponent > -10000)
            parts->exponent -= down;
    }
    return at;
}

static const char *add_exponent(struct parts *parts, const char *at, const char *end) {
    bool down = at < end && *at == '-';
    int exponent = 0;

    for (at += at < end && (*at == '-' || *at == '+'); digit(at, end); at++)
        if (exponent < 10000)
            exponent = exponent * 10 + (*at - '0');
    parts->exponent += down ? -exponent : exponent;
    return at;
}

/* Where the number ends; NULL: it is written wrong. */
static const char *split_number(const struct ebi_json *json, struct parts *parts) {
    const char *end = json->end, *at = add_digits(parts, json->at + (*json->at == '-'), end, 0);

    if (at < end && *at == '.') {
        if (!digit(at + 1, end))
            return NULL;
        at = add_digits(parts, at + 1, end, 1);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = add_exponent(parts, at + 1, end);
        if (!digit(at - 1, end))
            return NULL;
    }
    return at;
}

/* Through the library, from a copy with a NUL behind it: there is room at json->text. */
static double read_slowly(struct ebi_json *json, const struct ebi_node *node, size_t len) {
    memcpy(json->text, json->at, len);
    json->text[len] = '\0';
    return node->kind == EBI_FLOAT ? (double)ebi_parse_float(json->text) : ebi_parse_double(json->text);
}

bool ebi_json_looks_non_finite(const struct ebi_json *json) {
    double number;

    return json->printed && ebi_read_non_finite_json(json->at, (size_t)(json->end - json->at), &number) > 0;
}

/* As some writers of JSON do, Python's among them. */
static bool names_non_finite(const struct ebi_json *json) {
    const char *at = json->at + (json->at < json->end && *json->at == '-');

    return at < json->end && (*at == 'N' || *at == 'I');
}

bool ebi_json_real(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, double *real) {
    struct parts parts = { .all = true };
    const char *end;

    if (json->printed) {
        size_t len = ebi_read_non_finite_json(json->at, (size_t)(json->end - json->at), real);

        json->at += len;
        if (len > 0)
            return true;
    }
    if (names_non_finite(json))
        return misfit(json, node, place, "NaN or Infinity, which are no numbers of JSON");
    if (!begins_number(json, node, place))
        return false;
    end = split_number(json, &parts);
    if (!end)
        return ebi_json_broken(json, node, place, "no number is written so");
    if (node->kind == EBI_DOUBLE && parts.all && ebi_quick_double(parts.digits, parts.exponent, real))
        *real = *json->at == '-' ? -*real : *real;
    else
        *real = read_slowly(json, node, (size_t)(end - json->at));
    if (isinf(*real))
        return misfit(json, node, place, "number beyond its range");
    json->at = end;
    return true;
}
