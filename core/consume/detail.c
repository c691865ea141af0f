/* core/consume/detail.c - see detail.h. */
#include "consume/detail.h"

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

/* Behind the string whose opening quote is at `at`. The JSON is our own: it is well formed. */
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
        memcpy(at, stars, n);           /* not longer than a word */
        memmove(at + n, at + len, strlen(at + len) + 1);
        at += n;
    }
}

/* Escapes stand in the JSON as they do not in the line: what is between two of them is masked by itself. */
static void mask_value(char *line, const char *value, size_t len) {
    static const char between[] = " \t,;<>()\"\\";
    const char *end = value + len;

    if (len >= LEAST)
        mask_all(line, value, len);
    for (const char *word = value; word < end;) {
        size_t n = 0;

        while (word + n < end && !strchr(between, word[n]))
            n++;
        if (n >= LEAST)
            mask_all(line, word, n);
        word += n + 1;
    }
}

/* All strings and numbers of the value at `at`; returns what is behind it. Keys are no values. */
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

static void mask(char *line, const struct ebi_bytes *json) {
    static const char key[] = "\"pii\":";
    const char *at = json->data, *end = json->data + json->len;

    while (at < end) {
        if (*at != '"') {
            at++;
            continue;
        }
        const char *behind = behind_string(at, end);
        bool is_pii = (size_t)(end - at) >= sizeof key - 1 && memcmp(at, key, sizeof key - 1) == 0;

        at = is_pii ? mask_value_at(line, at + sizeof key - 1, end) : behind;
    }
}

/* ---- The line ---- */

void ebi_detail_line(const struct ebi_detail *detail, enum ebi_detail_kept kept, const struct ebi_bytes *json,
                     char line[static EBI_DETAIL_ROOM]) {
    const char *text = detail->tail;
    size_t end = detail->len, start;
    struct ebi_bytes shown = {0};

    while (end > 0 && is_blank(text[end - 1]))
        end--;
    for (start = end; start > 0 && text[start - 1] != '\n' && text[start - 1] != '\r';)
        start--;
    while (start < end && is_blank(text[start]))
        start++;
    while (start < end && ((unsigned char)text[start] & 0xC0) == 0x80 && end - start > sizeof detail->tail - 4)
        start++;                        /* the text was cut within a character */
    line[0] = '\0';
    if (kept == EBI_DETAIL_OFF)
        return;
    for (size_t at = start; at < end;) {
        size_t before = shown.len;
        enum ebi_printable what;
        uint32_t character;
        size_t step = ebi_printable_step(text + at, end - at, &what, &character);

        if (!ebi_printable_add(&shown, text + at, step) || shown.len >= EBI_DETAIL_ROOM) {
            shown.len = before;         /* not a part of a character */
            break;
        }
        at += step;
    }
    if (shown.data) {
        memcpy(line, shown.data, shown.len);
        line[shown.len] = '\0';
    }
    ebi_bytes_free(&shown);
    if (kept == EBI_DETAIL_MASKED)
        mask(line, json);
}
