/* tests/unit/help/test_text.c */
#include <criterion/criterion.h>
#include <string.h>
#include <eventbus/plugin-help/text.h>

#include "../memory.h"

static const struct eb_text absent, empty = { "", 0 };

Test(help_text, an_absent_text_is_not_an_empty_one) {
    cr_assert_null(ebp_text_of(NULL).data);
    cr_assert_eq(ebp_text(NULL, 7).len, 0);
    cr_assert(ebp_text_equal(absent, absent));
    cr_assert(ebp_text_equal(empty, ebp_text_of("")));
    cr_assert_not(ebp_text_equal(absent, empty));
    cr_assert(ebp_text_is(empty, ""));
    cr_assert_not(ebp_text_is(absent, ""));
    cr_assert(ebp_text_is(absent, NULL));
    cr_assert_lt(ebp_text_compare(absent, empty), 0);
    cr_assert_gt(ebp_text_compare(empty, absent), 0);
    cr_assert_eq(ebp_text_compare(absent, absent), 0);
}

Test(help_text, texts_compare_by_all_their_bytes) {
    cr_assert(ebp_text_is(ebp_text("abc", 2), "ab"));
    cr_assert_not(ebp_text_is(ebp_text("a\0b", 3), "a"));
    cr_assert(ebp_text_equal(ebp_text("a\0b", 3), ebp_text("a\0b", 3)));
    cr_assert_not(ebp_text_equal(ebp_text("a\0b", 3), ebp_text("a\0c", 3)));
    cr_assert_lt(ebp_text_compare(ebp_text_of("ab"), ebp_text_of("abc")), 0);
    cr_assert_gt(ebp_text_compare(ebp_text_of("b"), ebp_text_of("abc")), 0);
    cr_assert_gt(ebp_text_compare(ebp_text_of("\xFF"), ebp_text_of("a")), 0, "bytes have no sign");
    cr_assert(ebp_text_begins(ebp_text_of("dlq_topic"), "dlq_"));
    cr_assert_not(ebp_text_begins(ebp_text_of("dlq"), "dlq_"));
    cr_assert_not(ebp_text_begins(absent, ""));
}

Test(help_text, a_copy_ends_with_a_nul_or_is_refused) {
    char out[4];

    cr_assert(ebp_text_copy(ebp_text("abcd", 3), out, sizeof out));
    cr_assert_str_eq(out, "abc");
    cr_assert_not(ebp_text_copy(ebp_text("abcd", 4), out, sizeof out));
    cr_assert_not(ebp_text_copy(ebp_text("a\0b", 3), out, sizeof out), "a string would end at the NUL");
    cr_assert_str_eq(out, "abc", "nothing was copied");
    cr_assert(ebp_text_copy(absent, out, sizeof out));
    cr_assert_str_eq(out, "");
    cr_assert_not(ebp_text_copy(empty, out, 0));
}

Test(help_text, a_duplicate_has_all_bytes_and_a_nul_behind_them) {
    struct eb_text copy;

    cr_assert(ebp_text_dup(ebp_text("a\0bX", 3), &copy));
    cr_assert_eq(copy.len, 3);
    cr_assert_eq(memcmp(copy.data, "a\0b", 4), 0);
    ebp_text_free(&copy);
    cr_assert_null(copy.data);
    cr_assert(ebp_text_dup(absent, &copy));
    cr_assert_null(copy.data);
    cr_assert(ebp_text_dup(empty, &copy));
    cr_assert_str_eq(copy.data, "");
    ebp_text_free(&copy);
    fail_allocation(1);
    cr_assert_not(ebp_text_dup(empty, &copy));
    cr_assert(allocation_failed());
    cr_assert_null(copy.data);
}

Test(help_one_line, text_from_strangers_becomes_one_printable_line) {
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

Test(help_one_line, a_nul_in_it_is_a_blank) {
    char out[8];

    ebp_one_line(out, sizeof out, "a\0b", 3);
    cr_assert_str_eq(out, "a b");
}
