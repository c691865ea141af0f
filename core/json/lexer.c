/* core/json/lexer.c - see lexer.h. */
#include "json/lexer.h"

#include <string.h>

#include "base/utf8.h"
#include "json/scan.h"

bool ebi_lex_word(struct ebi_lexer *lex, const char *word) {
    size_t len = strlen(word);

    if ((size_t)(lex->end - lex->at) < len || memcmp(lex->at, word, len) != 0) {
        lex->reason = "unknown value";
        return false;
    }
    lex->at += len;
    return true;
}

/* ---- Strings ---- */

/* Returns the value of four hex digits; -1: these are not hex digits. */
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

/* Reads what follows "\u" and puts the character to `out`. Returns where it ends; NULL: the escape is wrong. */
static char *unicode(struct ebi_lexer *lex, char *out) {
    int32_t first = hex4(lex->at, lex->end), second;

    lex->reason = "\\u needs four hex digits";
    if (first < 0)
        return NULL;
    lex->at += 4;
    if (first < 0xD800 || first > 0xDFFF)
        return put_utf8(out, (uint32_t)first);
    lex->reason = "half of a surrogate pair";
    if (first > 0xDBFF || lex->end - lex->at < 2 || lex->at[0] != '\\' || lex->at[1] != 'u')
        return NULL;
    second = hex4(lex->at + 2, lex->end);
    if (second < 0xDC00 || second > 0xDFFF)
        return NULL;
    lex->at += 6;
    return put_utf8(out, 0x10000 + ((uint32_t)(first - 0xD800) << 10 | (uint32_t)(second - 0xDC00)));
}

/* Reads what follows a backslash, and does the same. */
static char *escape(struct ebi_lexer *lex, char *out) {
    static const char meant[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
    };
    unsigned char ch = lex->at < lex->end ? (unsigned char)*lex->at : 0;

    if (meant[ch]) {
        lex->at++;
        *out = meant[ch];
        return out + 1;
    }
    lex->reason = "unknown escape";
    if (ch != 'u')
        return NULL;
    lex->at++;
    return unicode(lex, out);
}

/* Copies characters up to the next one of ASCII. Returns the end of the copy; NULL: they are not UTF-8. */
static char *beyond_ascii(struct ebi_lexer *lex, char *out) {
    while (lex->at < lex->end && (unsigned char)*lex->at >= 0x80) {
        bool good;
        size_t step = ebi_utf8_step(lex->at, (size_t)(lex->end - lex->at), &good);

        lex->reason = "not UTF-8";
        if (!good)
            return NULL;
        memcpy(out, lex->at, step);
        out += step;
        lex->at += step;
    }
    return out;
}

/* Copies plain ASCII characters, whole words at a time, so up to 7 bytes too many. Returns the end of the copy. */
static inline char *plain(struct ebi_lexer *lex, char *out) {
    const char *at = lex->at;

    while (lex->end - at >= 8) {
        uint64_t word = ebi_word(at), marks = ebi_mark_special(word);

        memcpy(out, at, sizeof word);
        if (marks) {
            lex->at = at + ebi_before_mark(marks);
            return out + ebi_before_mark(marks);
        }
        out += 8;
        at += 8;
    }
    while (at < lex->end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        *out++ = *at++;
    lex->at = at;
    return out;
}

bool ebi_lex_string(struct ebi_lexer *lex, char *text, char **end) {
    char *out = text;

    while (out) {
        out = plain(lex, out);
        if (lex->at >= lex->end)
            break;
        if (*lex->at == '"') {
            lex->at++;
            *out = '\0';
            *end = out;
            return true;
        }
        if (*lex->at == '\\') {
            lex->at++;
            out = escape(lex, out);
        } else if ((unsigned char)*lex->at >= 0x80) {
            out = beyond_ascii(lex, out);
        } else {
            lex->reason = "a control character in a string; it must be escaped";
            out = NULL;
        }
    }
    return false;
}

/* ---- Numbers ---- */

bool ebi_lex_begins_number(struct ebi_lexer *lex) {
    const char *first = lex->at + (lex->at < lex->end && *lex->at == '-');

    lex->reason = "malformed number";
    return ebi_is_digit(first, lex->end) && !(*first == '0' && ebi_is_digit(first + 1, lex->end));
}

bool ebi_lex_looks_whole(const struct ebi_lexer *lex) {
    const char *at = lex->at + (lex->at < lex->end && *lex->at == '-');

    while (ebi_is_digit(at, lex->end))
        at++;
    return at == lex->end || (*at != '.' && *at != 'e' && *at != 'E');
}

static const char *add_digits(struct ebi_lexed_number *number, const char *at, const char *end, int down) {
    for (; ebi_is_digit(at, end); at++) {
        if (number->digits > (UINT64_MAX - 9) / 10)
            number->exact = false;
        number->digits = number->digits * 10 + (uint64_t)(*at - '0');
        if (number->exponent > -10000)
            number->exponent -= down;
    }
    return at;
}

static const char *add_exponent(struct ebi_lexed_number *number, const char *at, const char *end) {
    bool down = at < end && *at == '-';
    int exponent = 0;

    for (at += at < end && (*at == '-' || *at == '+'); ebi_is_digit(at, end); at++)
        if (exponent < 10000)
            exponent = exponent * 10 + (*at - '0');
    number->exponent += down ? -exponent : exponent;
    return at;
}

bool ebi_lex_number(struct ebi_lexer *lex, struct ebi_lexed_number *number) {
    const char *end = lex->end, *at;

    *number = (struct ebi_lexed_number){ .exact = true };
    if (!ebi_lex_begins_number(lex))
        return false;
    at = add_digits(number, lex->at + (*lex->at == '-'), end, 0);
    if (at < end && *at == '.') {
        if (!ebi_is_digit(at + 1, end))
            return false;
        at = add_digits(number, at + 1, end, 1);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = add_exponent(number, at + 1, end);
        if (!ebi_is_digit(at - 1, end))
            return false;
    }
    number->end = at;
    return true;
}

bool ebi_lex_names_non_finite(const struct ebi_lexer *lex) {
    const char *at = lex->at + (lex->at < lex->end && *lex->at == '-');

    return at < lex->end && (*at == 'N' || *at == 'I');
}
