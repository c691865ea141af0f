/* core/json/base64.c - bytes as text: see base64.h. */
#include "json/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *ebi_base64_write(char *text, const void *bytes, size_t len) {
    const unsigned char *from = bytes;

    for (; len > 0; from += 3) {
        size_t n = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) | (n > 2 ? from[2] : 0u);

        *text++ = digits[bits >> 18];
        *text++ = digits[bits >> 12 & 63];
        *text++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *text++ = n > 2 ? digits[bits & 63] : '=';
        len -= n;
    }
    return text;
}

/* -1: no digit. */
static int value_of(char digit) {
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Four characters to up to three bytes; 0: they are none. Only the last four may have padding. */
static size_t read_four(unsigned char *to, const char *text, bool last) {
    size_t n = last && text[3] == '=' ? (text[2] == '=' ? 1 : 2) : 3;
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i <= n ? value_of(text[i]) : 0;

        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((n == 1 && bits & 0xFFFF) || (n == 2 && bits & 0xFF))
        return 0;               /* bits that no byte takes: there is one way to write bytes, and this is not it */
    to[0] = (unsigned char)(bits >> 16);
    if (n > 1)
        to[1] = (unsigned char)(bits >> 8);
    if (n > 2)
        to[2] = (unsigned char)bits;
    return n;
}

bool ebi_base64_read(void *bytes, size_t *len, const char *text, size_t text_len) {
    unsigned char *to = bytes;

    if (text_len % 4 != 0)
        return false;
    for (size_t at = 0; at < text_len; at += 4) {
        size_t n = read_four(to, text + at, at + 4 == text_len);

        if (n == 0)
            return false;
        to += n;
    }
    *len = (size_t)(to - (unsigned char *)bytes);
    return true;
}
