/* core/consume/detail.c - see detail.h. */
#include "consume/detail.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

void ebi_detail_line(const struct ebi_detail *detail, char line[static EBI_DETAIL_ROOM]) {
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
}
