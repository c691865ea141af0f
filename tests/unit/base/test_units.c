/* tests/unit/base/test_units.c */
#include <criterion/criterion.h>
#include <string.h>
#include "base/units.h"

struct reading {
    const char *text;
    int64_t want; /* -1: refused */
};

static void check(bool (*read)(const char *, size_t, int64_t *), const struct reading *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t got = -2;
        bool ok = read(cases[i].text, strlen(cases[i].text), &got);

        cr_assert_eq(ok, cases[i].want >= 0, "\"%s\"", cases[i].text);
        cr_assert_eq(got, ok ? cases[i].want : -2, "\"%s\": %lld", cases[i].text, (long long)got);
    }
}

Test(units, durations) {
    /* clang-format off */
    static const struct reading cases[] = {
        { "250ms", 250 }, { "5s", 5000 }, { "2m", 120000 }, { "1h", 3600000 }, { "7d", 604800000 }, { "0", 0 },
        { "0s", 0 }, { "5", -1 }, { "", -1 }, { "s", -1 }, { "-1s", -1 }, { "+1s", -1 }, { "1.5s", -1 }, { "5 s", -1 },
        { "5S", -1 }, { "5sec", -1 }, { "9223372036854775807ms", INT64_MAX }, { "9223372036854775808ms", -1 },
        { "92233720368547758070ms", -1 },
        { "9223372036854775807s", -1 }, { "106751991168d", -1 },
    };
    /* clang-format on */

    check(ebi_units_ms, cases, sizeof cases / sizeof *cases);
}

Test(units, sizes) {
    /* clang-format off */
    static const struct reading cases[] = {
        { "512", 512 }, { "64k", 65536 }, { "64K", 65536 }, { "10M", 10485760 }, { "1G", 1073741824 },
        { "1g", 1073741824 },
        { "2T", INT64_C(2) << 40 }, { "0", 0 }, { "", -1 }, { "k", -1 }, { "1kb", -1 }, { "1 k", -1 }, { "-1", -1 },
        { "9223372036854775807", INT64_MAX }, { "9223372036854775808", -1 }, { "8388608T", -1 }, { "0x10", -1 },
    };
    /* clang-format on */

    check(ebi_units_bytes, cases, sizeof cases / sizeof *cases);
}

Test(units, only_the_given_bytes_are_read) {
    int64_t got;

    cr_assert(ebi_units_ms("5s,6s", 2, &got));
    cr_assert_eq(got, 5000);
}
