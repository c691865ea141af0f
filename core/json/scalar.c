/* core/json/scalar.c - reads numbers as their nodes need them, and words the errors of values that do not fit: see
 * reader.h. */
#include "json/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "json/number.h"

/* ---- Refusals ---- */

bool ebi_json_refuse(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, const char *format,
                     ...) {
    char where[EBI_WHERE_ROOM], reason[384];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    json->status = ebi_error(json->err, EB_PERMANENT, EB_KIND_DATA, "%s: %s", ebi_where(json->root, node, place, where),
                             reason);
    return false;
}

bool ebi_json_broken(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place) {
    const char *reason = json->lex.at < json->lex.end ? json->lex.reason : "the text ends too early";

    return ebi_json_refuse(json, node, place, "not JSON at byte %zu: %s", (size_t)(json->lex.at - json->lex.start), reason);
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

static bool mismatch(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, const char *what) {
    struct eb_text type = node->kind == EBI_RECORD ? (struct eb_text){ "object", 6 } : node->type;

    return ebi_json_refuse(json, node, place, "expected %.*s%s, found %s", (int)type.len, type.data,
                           node->optional ? " or null" : "", what);
}

bool ebi_json_mismatch(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place) {
    const char *what = found(ebi_lex_peek(&json->lex));

    json->lex.reason = "a value cannot begin like this";
    return what ? mismatch(json, node, place, what) : ebi_json_broken(json, node, place);
}

/* ---- Numbers ---- */

bool ebi_json_looks_non_finite(const struct ebi_json *json) {
    double number;

    return json->printed && ebi_read_non_finite_json(json->lex.at, (size_t)(json->lex.end - json->lex.at), &number) > 0;
}

bool ebi_json_whole(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, int64_t *whole) {
    const char *at = json->lex.at, *end = json->lex.end;
    bool negative = at < end && *at == '-', beyond = false;
    uint64_t value = 0, most;

    if (!negative && !ebi_is_digit(at, end))
        return ebi_json_mismatch(json, node, place);
    if (!ebi_lex_begins_number(&json->lex))
        return ebi_json_broken(json, node, place);
    for (at += negative; ebi_is_digit(at, end); at++) {
        beyond = beyond || value > (UINT64_MAX - 9) / 10;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at < end && (*at == '.' || *at == 'e' || *at == 'E'))
        return mismatch(json, node, place, "number with a fraction or exponent");
    most = (node->kind == EBI_INT ? (uint64_t)INT32_MAX : (uint64_t)INT64_MAX) + negative;
    if (beyond || value > most)
        return mismatch(json, node, place, node->kind == EBI_INT ? "number beyond 32 bits" : "number beyond 64 bits");
    *whole = negative ? -(int64_t)(value - (value > 0)) - (value > 0) : (int64_t)value;
    json->lex.at = at;
    return true;
}

/* Reads a number through the standard library, from a copy with a NUL behind it, for which json->text has room. */
static double read_slowly(struct ebi_json *json, const struct ebi_node *node, size_t len) {
    memcpy(json->text, json->lex.at, len);
    json->text[len] = '\0';
    return node->kind == EBI_FLOAT ? (double)ebi_parse_float(json->text) : ebi_parse_double(json->text);
}

bool ebi_json_real(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, double *real) {
    struct ebi_lexer *lex = &json->lex;
    struct ebi_lexed_number number;

    if (json->printed) {
        size_t len = ebi_read_non_finite_json(lex->at, (size_t)(lex->end - lex->at), real);

        lex->at += len;
        if (len > 0)
            return true;
    }
    if (ebi_lex_names_non_finite(lex))
        return mismatch(json, node, place, "NaN or Infinity, which JSON does not have");
    if (!ebi_is_digit(lex->at, lex->end) && !(lex->at < lex->end && *lex->at == '-'))
        return ebi_json_mismatch(json, node, place);
    if (!ebi_lex_number(lex, &number))
        return ebi_json_broken(json, node, place);
    if (node->kind == EBI_DOUBLE && number.exact && ebi_quick_double(number.digits, number.exponent, real))
        *real = *lex->at == '-' ? -*real : *real;
    else
        *real = read_slowly(json, node, (size_t)(number.end - lex->at));
    if (isinf(*real))
        return mismatch(json, node, place, "number beyond its range");
    lex->at = number.end;
    return true;
}
