/* core/json/members.c - see members.h. */
#include "json/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "json/lexer.h"

enum { DEEPEST = 64, LONGEST_NAME = 255 };

static enum eb_status broken(const struct ebi_lexer *lex, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "not JSON at byte %zu: %s", (size_t)(lex->at - lex->start),
                     lex->at < lex->end ? lex->reason : "the text ends too early");
}

/* ---- Passing over values; `text` is where their strings are unescaped to ---- */

static bool pass_value(struct ebi_lexer *, char *text, int depth);

static bool pass_string(struct ebi_lexer *lex, char *text) {
    char *end;

    return ebi_lex_take(lex, '"', "expected a name in quotes") && ebi_lex_string(lex, text, &end);
}

/* Takes a comma, with which *more is true, or what closes the object or list. */
static bool pass_comma(struct ebi_lexer *lex, char close, bool *more) {
    char ch = ebi_lex_peek(lex);

    *more = ch == ',';
    lex->reason = close == '}' ? "expected ',' or '}'" : "expected ',' or ']'";
    if (ch != ',' && ch != close)
        return false;
    lex->at++;
    return true;
}

static bool pass_items(struct ebi_lexer *lex, char *text, int depth, char close) {
    bool more = true;

    lex->at++;
    if (ebi_lex_peek(lex) == close) {
        lex->at++;
        return true;
    }
    while (more) {
        if (close == '}' && !(pass_string(lex, text) && ebi_lex_take(lex, ':', "expected ':'")))
            return false;
        if (!pass_value(lex, text, depth + 1) || !pass_comma(lex, close, &more))
            return false;
    }
    return true;
}

/* Passes over numbers that are not finite, too: the reader of the value refuses them, and can say where they are. */
static bool pass_number(struct ebi_lexer *lex) {
    struct ebi_lexed_number number;

    if (ebi_lex_names_non_finite(lex)) {
        lex->at += *lex->at == '-';
        return ebi_lex_word(lex, *lex->at == 'N' ? "NaN" : "Infinity");
    }
    if (ebi_lex_number(lex, &number)) {
        lex->at = number.end;
        return true;
    }
    if (lex->at < lex->end && *lex->at != '-' && !ebi_is_digit(lex->at, lex->end))
        lex->reason = "a value cannot begin like this";
    return false;
}

static bool pass_value(struct ebi_lexer *lex, char *text, int depth) {
    if (depth > DEEPEST) {
        lex->reason = "more than 64 levels";
        return false;
    }
    switch (ebi_lex_peek(lex)) {
    case '{':
        return pass_items(lex, text, depth, '}');
    case '[':
        return pass_items(lex, text, depth, ']');
    case '"':
        return pass_string(lex, text);
    case 't':
        return ebi_lex_word(lex, "true");
    case 'f':
        return ebi_lex_word(lex, "false");
    case 'n':
        return ebi_lex_word(lex, "null");
    default:
        return pass_number(lex);
    }
}

/* ---- The interface ---- */

static bool read_name(struct ebi_lexer *lex, char *name) {
    char *end;

    if (!ebi_lex_take(lex, '"', "expected a name in quotes") || !ebi_lex_string(lex, name, &end))
        return false;
    if (end - name > LONGEST_NAME || strlen(name) < (size_t)(end - name)) {
        lex->reason = "a name of more than 255 bytes, or with U+0000, ends here";
        return false;
    }
    return ebi_lex_take(lex, ':', "expected ':'");
}

enum eb_status ebi_json_members(const char *json, size_t len,
                                enum eb_status (*each)(void *arg, const char *name, const char *value, size_t len,
                                                       struct eb_error *),
                                void *arg, struct eb_error *err) {
    struct ebi_lexer lex = { .start = json, .at = json, .end = json + len };
    char name[LONGEST_NAME + 1], *text = malloc(len + EBI_LEX_SLACK);
    enum eb_status status = EB_OK;
    bool more = true;

    if (!text)
        return ebi_error_memory(err);
    if (!ebi_lex_take(&lex, '{', "expected an object, {...}"))
        goto broken;
    if (ebi_lex_peek(&lex) == '}') {
        lex.at++;
        more = false;
    }
    while (more && status == EB_OK) {
        const char *value;

        if (!read_name(&lex, text))
            goto broken;
        strcpy(name, text);
        ebi_lex_skip_blanks(&lex);
        value = lex.at;
        if (!pass_value(&lex, text, 1))
            goto broken;
        status = each(arg, name, value, (size_t)(lex.at - value), err);
        if (status == EB_OK && !pass_comma(&lex, '}', &more))
            goto broken;
    }
    ebi_lex_skip_blanks(&lex);
    if (status == EB_OK && lex.at < lex.end) {
        lex.reason = "something follows the object";
        goto broken;
    }
    free(text);
    return status;
broken:
    free(text);
    return broken(&lex, err);
}

static enum eb_status keep_text(const char *name, const char *value, size_t len, char *text, struct eb_error *err) {
    struct ebi_lexer lex = { .start = value, .at = value + 1, .end = value + len };
    enum eb_status status;
    char *end;

    if (!ebi_lex_string(&lex, text, &end)) {
        status = broken(&lex, err);
        ebi_error_context(err, "%s", name);
        return status;
    }
    if (strlen(text) < (size_t)(end - text))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: holds U+0000", name);
    return EB_OK;
}

enum eb_status ebi_json_text(const char *name, const char *value, size_t len, char **text, struct eb_error *err) {
    enum eb_status status;
    char *read;

    if (len == 4 && memcmp(value, "null", 4) == 0)
        return EB_OK;
    if (len == 0 || *value != '"')
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected string", name);
    if (*text)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: given twice", name);
    read = malloc(len + EBI_LEX_SLACK);
    if (!read)
        return ebi_error_memory(err);
    status = keep_text(name, value, len, read, err);
    if (status == EB_OK)
        *text = read;
    else
        free(read);
    return status;
}

enum eb_status ebi_json_long(const char *name, const char *value, size_t len, int64_t *number, struct eb_error *err) {
    char digits[24], *end;

    if (len == 0 || len >= sizeof digits)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected a whole number", name);
    memcpy(digits, value, len);
    digits[len] = '\0';
    if (strspn(digits, "-0123456789") < len)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected a whole number", name);
    errno = 0;
    *number = strtoll(digits, &end, 10);
    if (errno || *end)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected a whole number of 64 bits", name);
    return EB_OK;
}
