/* plugins/common/tests/test_one_line.c */
#include <criterion/criterion.h>
#include <string.h>

#include "common/one_line.h"

Test(common_one_line, text_from_strangers_becomes_one_printable_line) {
    static const struct {
        const char *in, *out;
    } lines[] = {
        { "plain", "plain" },
        { "a\r\n\tb\x7f", "a   b " },
        { "\xC3\xBC \xE2\x82\xAC", "\xC3\xBC \xE2\x82\xAC" },
        { "\xC2\x9B", " " }, /* C1's CSI */
        { "\xC3", "?" },
        { "\xC0\xAF", "??" },           /* overlong */
        { "\xED\xA0\x80", "???" },      /* a surrogate */
        { "\xF4\x90\x80\x80", "????" }, /* beyond Unicode */
        { "123456789012345", "123456789012345" },
        { "1234567890123456", "123456789012..." },
        { "1234567890\xE2\x82\xAC\xE2\x82\xAC", "1234567890..." }, /* no character is cut */
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char out[16];
        ebp_one_line(out, sizeof out, lines[i].in, strlen(lines[i].in));
        cr_assert_str_eq(out, lines[i].out, "line %zu: \"%s\"", i, out);
    }
}

Test(common_one_line, a_nul_in_it_is_a_blank) {
    char out[8];

    ebp_one_line(out, sizeof out, "a\0b", 3);
    cr_assert_str_eq(out, "a b");
}
