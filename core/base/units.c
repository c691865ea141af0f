/* core/base/units.c - durations and sizes as users write them: see units.h. */
#include "base/units.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Reads digits only: no sign, no blank. Returns how many there are; 0: none, or too many for 64 bits. */
static size_t read_digits(const char *text, size_t len, int64_t *number) {
    size_t at = 0;
    int64_t sum = 0;

    while (at < len && text[at] >= '0' && text[at] <= '9') {
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, text[at] - '0', &sum))
            return 0;
        at++;
    }
    *number = sum;
    return at;
}

static bool read_with_unit(const char *text, size_t len, const struct unit *units, int64_t *result) {
    int64_t number;
    size_t digits = read_digits(text, len, &number), rest = len - digits;

    if (digits == 0)
        return false;
    for (const struct unit *unit = units; unit->name; unit++)
        if (strlen(unit->name) == rest && memcmp(unit->name, text + digits, rest) == 0)
            return !__builtin_mul_overflow(number, unit->factor, result);
    return false;
}

bool ebi_units_ms(const char *text, size_t len, int64_t *ms) {
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
    };
    int64_t result = 0;

    if (!(len == 1 && text[0] == '0') && !read_with_unit(text, len, units, &result))
        return false;
    *ms = result;
    return true;
}

bool ebi_units_bytes(const char *text, size_t len, int64_t *bytes) {
    static const struct unit units[] = {
        { "", 1 },        { "k", 1 << 10 }, { "K", 1 << 10 },          { "m", 1 << 20 },          { "M", 1 << 20 },
        { "g", 1 << 30 }, { "G", 1 << 30 }, { "t", INT64_C(1) << 40 }, { "T", INT64_C(1) << 40 }, { NULL, 0 },
    };
    int64_t result;

    if (!read_with_unit(text, len, units, &result))
        return false;
    *bytes = result;
    return true;
}
