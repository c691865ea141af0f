/* core/produce/send_id.c - see send_id.h. */
#include "produce/send_id.h"

#include <string.h>

#include "base/backoff.h"

static const char hex[] = "0123456789abcdef";

static char *write_hex(char *to, uint64_t value, unsigned digits) {
    while (digits-- > 0)
        *to++ = hex[value >> (4 * digits) & 15];
    return to;
}

void ebi_send_id_prefix(char prefix[EBI_SEND_ID_PREFIX]) {
    char *end = write_hex(prefix, ebi_chance(), 16);

    write_hex(end, ebi_chance(), EBI_SEND_ID_PREFIX - 16);
}

size_t ebi_send_id_write(char id[EBI_SEND_ID_ROOM], const char prefix[EBI_SEND_ID_PREFIX], uint64_t number) {
    unsigned digits = 1;

    while (digits < 16 && number >> (4 * digits))
        digits++;
    memcpy(id, prefix, EBI_SEND_ID_PREFIX);
    id[EBI_SEND_ID_PREFIX] = '-';
    char *end = write_hex(id + EBI_SEND_ID_PREFIX + 1, number, digits);
    *end = '\0';
    return (size_t)(end - id);
}

bool ebi_send_id_valid(struct eb_text id) {
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] <= ' ' || id.data[i] > '~')
            return false;
    return id.len > 0 && id.len <= EBI_SEND_ID_LONGEST;
}
