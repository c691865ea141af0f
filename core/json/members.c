/* core/json/members.c - see json.h. */
#include "json/members.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"

enum { DEEPEST = 64, LONGEST_NAME = 255 };

/* A text being read; one thread's. */
struct reader {
    const char *begin, *at, *end;
    struct eb_error *err;
    enum eb_status status;      /* why it failed */
};

static bool refuse(struct reader *reader, const char *what) {
    reader->status = ebi_error(reader->err, EB_PERMANENT, EB_KIND_DATA, "not JSON: %s at byte %zu", what,
                               (size_t)(reader->at - reader->begin) + 1);
    return false;
}

static bool no_memory(struct reader *reader) {
    reader->status = ebi_error_memory(reader->err);
    return false;
}

static void skip_blanks(struct reader *reader) {
    while (reader->at < reader->end && strchr(" \t\n\r", *reader->at) && *reader->at)
        reader->at++;
}

static bool take(struct reader *reader, char c) {
    if (reader->at >= reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* ---- Passing over values ---- */

static bool pass_word(struct reader *reader, const char *word) {
    size_t len = strlen(word);

    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return refuse(reader, "unknown word");
    reader->at += len;
    return true;
}

static size_t pass_digits(struct reader *reader) {
    const char *from = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - from);
}

static bool pass_number(struct reader *reader) {
    take(reader, '-');
    if (reader->at < reader->end && *reader->at == 'N')
        return pass_word(reader, "NaN");                /* who reads the value refuses it, and can say where it is */
    if (reader->at < reader->end && *reader->at == 'I')
        return pass_word(reader, "Infinity");
    if (!take(reader, '0') && pass_digits(reader) == 0)
        return refuse(reader, "a value is missing");
    if (take(reader, '.') && pass_digits(reader) == 0)
        return refuse(reader, "a digit is missing behind the point");
    if (take(reader, 'e') || take(reader, 'E')) {
        if (!take(reader, '+'))
            take(reader, '-');
        if (pass_digits(reader) == 0)
            return refuse(reader, "a digit is missing in the exponent");
    }
    return true;
}

/* One escape behind its backslash; *code is what it stands for. */
static bool read_escape(struct reader *reader, uint32_t *code) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    char digits[5] = "", *end;

    if (reader->at >= reader->end)
        return refuse(reader, "the text ends within a string");
    char c = *reader->at++;
    if (c && (letter = strchr(letters, c))) {
        *code = (unsigned char)meanings[letter - letters];
        return true;
    }
    if (c != 'u' || reader->end - reader->at < 4)
        return refuse(reader, "unknown escape");
    memcpy(digits, reader->at, 4);
    *code = (uint32_t)strtoul(digits, &end, 16);
    if (end != digits + 4 || strspn(digits, "0123456789abcdefABCDEF") != 4)
        return refuse(reader, "unknown escape");
    reader->at += 4;
    return true;
}

/* An escape that may be half of a pair. */
static bool read_character(struct reader *reader, uint32_t *code) {
    uint32_t low;

    if (!read_escape(reader, code))
        return false;
    if (*code < 0xD800 || *code > 0xDFFF)
        return true;
    if (*code > 0xDBFF || !take(reader, '\\') || !read_escape(reader, &low) || low < 0xDC00 || low > 0xDFFF)
        return refuse(reader, "half of a surrogate pair");
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static bool add_code(struct ebi_bytes *text, uint32_t code) {
    char utf8[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (len == 1)
        utf8[0] = (char)code;
    for (size_t i = len; len > 1 && i-- > 0; code >>= 6)
        utf8[i] = (char)(i == 0 ? (0xF00 >> len) | code : 0x80 | (code & 0x3F));
    return ebi_bytes_add(text, utf8, len);
}

/* A string, unescaped into text unless that is NULL. */
static bool read_string(struct reader *reader, struct ebi_bytes *text) {
    if (!take(reader, '"'))
        return refuse(reader, "a string is missing");
    for (;;) {
        const char *from = reader->at;
        uint32_t code;

        while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
               (unsigned char)*reader->at >= 0x20)
            reader->at++;
        if (!ebi_utf8_valid(from, (size_t)(reader->at - from)))
            return refuse(reader, "a string that is not UTF-8 ends");
        if (text && !ebi_bytes_add(text, from, (size_t)(reader->at - from)))
            return no_memory(reader);
        if (take(reader, '"'))
            return true;
        if (!take(reader, '\\'))
            return refuse(reader,
                          reader->at < reader->end ? "a control character in a string" : "the text ends within a string");
        if (!read_character(reader, &code))
            return false;
        if (text && !add_code(text, code))
            return no_memory(reader);
    }
}

static bool pass_value(struct reader *reader, int depth);

static bool pass_members(struct reader *reader, int depth, char close, bool named) {
    skip_blanks(reader);
    if (take(reader, close))
        return true;
    do {
        skip_blanks(reader);
        if (named) {
            if (!read_string(reader, NULL))
                return false;
            skip_blanks(reader);
            if (!take(reader, ':'))
                return refuse(reader, "a colon is missing");
        }
        if (!pass_value(reader, depth + 1))
            return false;
        skip_blanks(reader);
    } while (take(reader, ','));
    return take(reader, close) || refuse(reader, named ? "a comma or } is missing" : "a comma or ] is missing");
}

static bool pass_value(struct reader *reader, int depth) {
    skip_blanks(reader);
    if (depth > DEEPEST)
        return refuse(reader, "more than 64 levels");
    if (reader->at >= reader->end)
        return refuse(reader, "a value is missing");
    switch (*reader->at) {
    case '{':
        reader->at++;
        return pass_members(reader, depth, '}', true);
    case '[':
        reader->at++;
        return pass_members(reader, depth, ']', false);
    case '"':
        return read_string(reader, NULL);
    case 't':
        return pass_word(reader, "true");
    case 'f':
        return pass_word(reader, "false");
    case 'n':
        return pass_word(reader, "null");
    default:
        return pass_number(reader);
    }
}

/* ---- The interface ---- */

static bool read_name(struct reader *reader, struct ebi_bytes *name) {
    ebi_bytes_clear(name);
    if (!read_string(reader, name))
        return false;
    if (name->len > LONGEST_NAME || (name->len && memchr(name->data, 0, name->len)))
        return refuse(reader, "a name of more than 255 bytes, or with U+0000, ends");
    skip_blanks(reader);
    return take(reader, ':') || refuse(reader, "a colon is missing");
}

enum eb_status ebi_json_members(const char *json, size_t len,
                                enum eb_status (*each)(void *arg, const char *name, const char *value, size_t len,
                                                       struct eb_error *),
                                void *arg, struct eb_error *err) {
    struct reader reader = {.begin = json, .at = json, .end = json + len, .err = err, .status = EB_OK};
    struct ebi_bytes name = {0};

    skip_blanks(&reader);
    if (!take(&reader, '{')) {
        refuse(&reader, "expected an object, {...},");
        goto done;
    }
    skip_blanks(&reader);
    if (take(&reader, '}'))
        goto end;
    do {
        skip_blanks(&reader);
        if (!read_name(&reader, &name))
            goto done;
        skip_blanks(&reader);
        const char *value = reader.at;
        if (!pass_value(&reader, 1))
            goto done;
        reader.status = each(arg, name.data ? name.data : "", value, (size_t)(reader.at - value), err);
        if (reader.status != EB_OK)
            goto done;
        skip_blanks(&reader);
    } while (take(&reader, ','));
    if (!take(&reader, '}')) {
        refuse(&reader, "a comma or } is missing");
        goto done;
    }
end:
    skip_blanks(&reader);
    if (reader.at != reader.end)
        refuse(&reader, "something behind the object");
done:
    ebi_bytes_free(&name);
    return reader.status;
}

enum eb_status ebi_json_text(const char *name, const char *value, size_t len, char **text, struct eb_error *err) {
    struct reader reader = {.begin = value, .at = value, .end = value + len, .err = err};
    struct ebi_bytes read = {0};

    if (len == 4 && memcmp(value, "null", 4) == 0)
        return EB_OK;
    if (len == 0 || *value != '"')
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected string", name);
    if (*text)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: given twice", name);
    if (!ebi_bytes_reserve(&read, len))
        return ebi_error_memory(err);
    if (!read_string(&reader, &read)) {
        ebi_bytes_free(&read);
        ebi_error_context(err, "%s", name);
        return reader.status;
    }
    if (read.len && memchr(read.data, 0, read.len)) {
        ebi_bytes_free(&read);
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: holds U+0000", name);
    }
    read.data[read.len] = '\0';
    *text = read.data;
    return EB_OK;
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
