/* tests/unit/base/test_utf8.c */
#include <criterion/criterion.h>
#include <string.h>
#include "base/utf8.h"

static const struct {
    const char *text;
    size_t step;
    bool good;
    /* clang-format off */
} steps[] = {
    { "a", 1, true },
    { "\x7f", 1, true },
    { "\xc2\x80", 2, true },
    { "\xdf\xbf", 2, true },
    { "\xe0\xa0\x80", 3, true },
    { "\xed\x9f\xbf", 3, true },
    { "\xee\x80\x80", 3, true },
    { "\xef\xbf\xbf", 3, true },
    { "\xf0\x90\x80\x80", 4, true },
    { "\xf4\x8f\xbf\xbf", 4, true },
    { "\x80", 1, false },               /* nothing starts so */
    { "\xc1\xbf", 1, false },           /* overlong */
    { "\xe0\x9f\xbf", 1, false },       /* overlong */
    { "\xed\xa0\x80", 1, false },       /* a surrogate */
    { "\xf0\x8f\xbf\xbf", 1, false },   /* overlong */
    { "\xf4\x90\x80\x80", 1, false },   /* above U+10FFFF */
    { "\xf5\x80\x80\x80", 1, false },
    { "\xff", 1, false },
    { "\xc3", 1, false },               /* cut short */
    { "\xe2\x82", 2, false },
    { "\xf0\x9f\x98", 3, false },
    { "\xe2\x82" "a", 2, false },
};
/* clang-format on */

Test(utf8, steps) {
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool good;
        size_t step = ebi_utf8_step(steps[i].text, strlen(steps[i].text), &good);

        cr_assert_eq(step, steps[i].step, "case %zu: %zu bytes", i, step);
        cr_assert_eq(good, steps[i].good, "case %zu", i);
    }
}

Test(utf8, whole_texts) {
    cr_assert(ebi_utf8_valid("", 0));
    cr_assert(ebi_utf8_valid("plain and long enough for words", 31));
    cr_assert(ebi_utf8_valid("12345678\xe2\x82\xac", 11));
    cr_assert_not(ebi_utf8_valid("12345678\xe2\x82\xac", 10));
    cr_assert_not(ebi_utf8_valid("\xff"
                                 "12345678",
                                 9));
    cr_assert(ebi_utf8_valid("a\0b", 3));
}
