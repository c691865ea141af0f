/* core/receiver/detail.c - see detail.h. */
#include "receiver/detail.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/printable.h"

void ebi_detail_add(struct ebi_detail *detail, const char *text, size_t len) {
    const size_t room = sizeof detail->tail;

    if (len >= room) {
        memcpy(detail->tail, text + len - room, room);
        detail->len = room;
        return;
    }
    size_t keep = detail->len < room - len ? detail->len : room - len;
    memmove(detail->tail, detail->tail + detail->len - keep, keep);
    memcpy(detail->tail + keep, text, len);
    detail->len = keep + len;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* ---- Personal data ---- */

/* Bytes of a value, or a word of one, that is masked; and where it is masked within a longer word, too: "Ann" is in "cannot". */
enum { LEAST = 3, LEAST_WITHIN = 5 };

/* Returns what is behind the string whose opening quote is at `at`. The JSON was written by this program: it is well formed. */
static const char *behind_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static bool is_letter(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool stands_at(const char *line, const char *at, const char *word, size_t len) {
    return strncasecmp(at, word, len) == 0 &&
           (len >= LEAST_WITHIN || ((at == line || !is_letter(at[-1])) && !is_letter(at[len])));
}

static void mask_all(char *line, const char *word, size_t len) {
    static const char stars[] = "***";
    const size_t n = sizeof stars - 1;

    for (char *at = line; *at;) {
        if (!stands_at(line, at, word, len)) {
            at++;
            continue;
        }
        memcpy(at, stars, n); /* not longer than a word */
        memmove(at + n, at + len, strlen(at + len) + 1);
        at += n;
    }
}

static const char between[] = " \t,;<>()\"\\";

/* Masks a value as it is written in the address of a request. */
static void mask_in_address(char *line, const char *value, size_t len) {
    char text[3 * EBI_DETAIL_ROOM + 1], *to = text;

    for (size_t i = 0; i < len; i++)
        if (is_letter(value[i]) && (unsigned char)value[i] < 0x80)
            *to++ = value[i];
        else
            to += strchr("-._~", value[i]) ? sprintf(to, "%c", value[i]) : sprintf(to, "%%%02X", (unsigned char)value[i]);
    if ((size_t)(to - text) > len)
        mask_all(line, text, (size_t)(to - text));
}

/* Masks a value, which is UTF-8, as it is written in JSON of ASCII characters only. */
static void mask_in_ascii(char *line, const char *value, size_t len) {
    char text[12 * EBI_DETAIL_ROOM + 1], *to = text;

    for (size_t i = 0, step; i < len; i += step) {
        enum ebi_printable what;
        uint32_t character;

        step = ebi_printable_step(value + i, len - i, &what, &character);
        if (step == 1)
            *to++ = value[i];
        else if (character < 0x10000)
            to += sprintf(to, "\\u%04x", (unsigned)character);
        else
            to += sprintf(to, "\\u%04x\\u%04x", 0xd7c0 + (unsigned)(character >> 10), 0xdc00 + (unsigned)(character & 0x3ff));
    }
    if ((size_t)(to - text) > len)
        mask_all(line, text, (size_t)(to - text));
}

static void mask_text(char *line, const char *text, size_t len) {
    if (len < LEAST || len >= EBI_DETAIL_ROOM)
        return;
    mask_all(line, text, len);
    mask_in_address(line, text, len);
    mask_in_ascii(line, text, len);
}

/* The JSON has escapes that the line has not: what is between two of them is masked by itself. */
static void mask_value(char *line, const char *value, size_t len) {
    const char *end = value + len;

    mask_text(line, value, len);
    for (const char *word = value; word < end;) {
        size_t n = 0;

        while (word + n < end && !strchr(between, word[n]))
            n++;
        if (n < len)
            mask_text(line, word, n);
        word += n + 1;
    }
}

/* Masks all strings and numbers of the JSON value at `at`, but no keys. Returns what is behind it. */
static const char *mask_value_at(char *line, const char *at, const char *end) {
    int depth = 0;

    for (; at < end; at++) {
        const char *start = at;

        if (*at == '"') {
            at = behind_string(at, end);
            if (at == end || *at != ':')
                mask_value(line, start + 1, (size_t)(at - start) - 2);
            at--;
        } else if (strchr("-0123456789", *at)) {
            at += strspn(at, "-+.eE0123456789") - 1;
            mask_value(line, start, (size_t)(at - start) + 1);
        }
        depth += *at == '{' || *at == '[' ? 1 : *at == '}' || *at == ']' ? -1 : 0;
        if (depth < 0 || (depth == 0 && (at + 1 == end || strchr(",}]", at[1]))))
            return at + 1;
    }
    return end;
}

/* Whether this string is the key of personal data. */
static bool is_personal(const char *string, size_t len) {
    static const char *const keys[] = { "\"pii\"", "\"name\"", "\"username\"", "\"email\"" };
    static const char ending[] = "_email\"";

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (len == strlen(keys[i]) && memcmp(string, keys[i], len) == 0)
            return true;
    return len > sizeof ending && memcmp(string + len - (sizeof ending - 1), ending, sizeof ending - 1) == 0;
}

static void mask_event(char *line, const struct ebi_bytes *json) {
    const char *at = json->data, *end = json->data + json->len;

    while (at < end) {
        if (*at != '"') {
            at++;
            continue;
        }
        const char *behind = behind_string(at, end);
        bool personal = behind < end && *behind == ':' && is_personal(at, (size_t)(behind - at));

        at = personal ? mask_value_at(line, behind + 1, end) : behind;
    }
}

/* Masks mail addresses, whether the event has them or not. */
static void mask_addresses(char *line) {
    static const char around[] = " \t,;<>()\"\\'=:/?&[]{}|";

    for (char *at = line + strspn(line, around); *at; at += strspn(at, around)) {
        size_t len = strcspn(at, around);
        const char *sign = memchr(at, '@', len);

        if (sign && sign > at && memchr(sign, '.', (size_t)(at + len - sign))) {
            memcpy(at, "***", 3); /* not longer than a@b. */
            memmove(at + 3, at + len, strlen(at + len) + 1);
            len = 3;
        }
        at += len;
    }
}

static void mask(char *line, const struct ebi_bytes *json) {
    mask_event(line, json);
    mask_addresses(line);
}

/* ---- The line ---- */

/* Where the first whole word begins; 0: there is only one. */
static size_t behind_word(const char *text, size_t len) {
    size_t at = 0;

    while (at < len && !strchr(between, text[at]))
        at++;
    return at < len ? at : 0;
}

void ebi_detail_line(const struct ebi_detail *detail, enum ebi_detail_kept kept, const struct ebi_bytes *json,
                     char line[static EBI_DETAIL_ROOM]) {
    const char *text = detail->tail;
    size_t end = detail->len, start, whole;
    struct ebi_bytes shown = { 0 };
    bool cut = false;

    while (end > 0 && is_blank(text[end - 1]))
        end--;
    for (start = end; start > 0 && text[start - 1] != '\n' && text[start - 1] != '\r';)
        start--;
    while (start < end && is_blank(text[start]))
        start++;
    while (start < end && ((unsigned char)text[start] & 0xC0) == 0x80 && end - start > sizeof detail->tail - 4)
        start++; /* the text was cut within a character */
    line[0] = '\0';
    if (kept == EBI_DETAIL_OFF)
        return;
    if (start == 0 && detail->len == sizeof detail->tail && kept == EBI_DETAIL_MASKED)
        start = behind_word(text, end);
    for (size_t at = start; at < end;) {
        size_t before = shown.len;
        enum ebi_printable what;
        uint32_t character;
        size_t step = ebi_printable_step(text + at, end - at, &what, &character);

        if (!ebi_printable_add(&shown, text + at, step) || shown.len >= EBI_DETAIL_ROOM) {
            shown.len = before; /* no part of a character stays */
            cut = true;
            break;
        }
        at += step;
    }
    whole = shown.len;
    while (cut && kept == EBI_DETAIL_MASKED && whole > 0 && !strchr(between, shown.data[whole - 1]))
        whole--;
    if (cut && whole > 0)
        shown.len = whole; /* a part of a name or of an address could not be masked */
    if (shown.data) {
        memcpy(line, shown.data, shown.len);
        line[shown.len] = '\0';
    }
    ebi_bytes_free(&shown);
    if (kept == EBI_DETAIL_MASKED)
        mask(line, json);
}
