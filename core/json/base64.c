/* core/json/base64.c - base64 by nettle: see base64.h. */
#include "json/base64.h"

#include <nettle/base64.h>

char *ebi_base64_write(char *text, const void *bytes, size_t len) {
    base64_encode_raw(text, len, bytes);
    return text + BASE64_ENCODE_RAW_LENGTH(len);
}

/* Returns how many characters of padding end the text, at most 2. */
static size_t padding(const char *text, size_t len) {
    size_t n = 0;

    while (n < 2 && n < len && text[len - 1 - n] == '=')
        n++;
    return n;
}

/* nettle refuses wrong digits, wrong padding and bits that no byte takes. But it skips white space, and takes "A===":
 * the length of what it decodes shows both, and they are refused here. It writes a byte only after it has read the
 * characters that make it, so text and bytes may be the same place. */
bool ebi_base64_read(void *bytes, size_t *len, const char *text, size_t text_len) {
    struct base64_decode_ctx ctx;

    base64_decode_init(&ctx);
    return text_len % 4 == 0 && base64_decode_update(&ctx, len, bytes, text_len, text) && base64_decode_final(&ctx) &&
           *len == text_len / 4 * 3 - padding(text, text_len);
}
