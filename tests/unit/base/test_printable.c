/* tests/unit/base/test_printable.c - what of a text from outside is shown, and how the rest is. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "../memory.h"

static const struct {
    const char *text, *line, *json;
    /* clang-format off */
} cases[] = {
    {"caf\xc3\xa9 \xe6\x95\xb0 \xf0\x9f\xa7\xaa", "caf\xc3\xa9 \xe6\x95\xb0 \xf0\x9f\xa7\xaa",
     "\"caf\xc3\xa9 \xe6\x95\xb0 \xf0\x9f\xa7\xaa\""},
    {"a\nb\tc", "a\\nb\\tc", "\"a\\nb\\tc\""},
    {"\x1b[31m\x7f", "\\x1b[31m\\x7f", "\"\\u001b[31m\\u007f\""},
    {"\xc2\x9b" "31m", "\\x9b31m", "\"\\u009b31m\""},
    {"\xe2\x80\xae" "evil", "\\u{202e}evil", "\"\\u202eevil\""},
    {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}", "\"\\u2066x\\u2069\""},
    {"a\xe2\x80\xa8" "b\xe2\x80\xa9", "a\\u{2028}b\\u{2029}", "\"a\\u2028b\\u2029\""},
    {"\xef\xbb\xbf.\xe2\x80\x8b.", "\\u{feff}.\\u{200b}.", "\"\\ufeff.\\u200b.\""},
    {"\xf3\xa0\x81\x81", "\\u{e0041}", "\"\\udb40\\udc41\""},
    {"\xff\xed\xa0\x80.", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.",
     "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.\""},
    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
     "\"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80\""},
    {"seven bytes, then more\x7f, and more", "seven bytes, then more\\x7f, and more",
     "\"seven bytes, then more\\u007f, and more\""},
};
/* clang-format on */

Test(printable, lines_and_json_strings_show_the_same_characters) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_bytes line = { 0 }, json = { 0 };

        cr_assert(ebi_printable_add(&line, cases[i].text, strlen(cases[i].text)));
        cr_assert_str_eq(line.data, cases[i].line, "case %zu", i);
        cr_assert(ebi_bytes_add_json_string(&json, cases[i].text, strlen(cases[i].text)));
        cr_assert_str_eq(json.data, cases[i].json, "case %zu", i);
        ebi_bytes_free(&line);
        ebi_bytes_free(&json);
    }
}

Test(printable, text_in_quotes_cannot_end_them) {
    struct ebi_bytes line = { 0 };

    cr_assert(ebi_printable_add_quoted(&line, "a\"b\\c\n", 6));
    cr_assert_str_eq(line.data, "a\\\"b\\\\c\\n");
    ebi_bytes_free(&line);
}

Test(printable, json_keeps_its_layout_and_what_stands_before) {
    struct ebi_bytes json = { 0 };

    cr_assert(ebi_bytes_add_text(&json, "\x7f{\n  \"a\": \"\xc2\x85\"\n}"));
    cr_assert(ebi_printable_json(&json, 1));
    cr_assert_str_eq(json.data, "\x7f{\n  \"a\": \"\\u0085\"\n}");
    ebi_bytes_free(&json);
}

Test(printable, each_character_of_unicode_is_shown_or_escaped_and_comes_back) {
    size_t hidden = 0;

    for (uint32_t number = 0x80; number <= 0x10FFFF; number++)
        hidden += !eb_printable(number);
    cr_assert_eq(hidden, 32 + 1 + 1 + 1 + 1 + 2 + 7 + 16 + 2048 + 1 + 3 + 4 + 8 + 4096);
    cr_assert(!eb_printable(0x110000) && !eb_printable(UINT32_MAX));
    for (uint32_t number = 0; number < 0x80; number++)
        cr_assert_eq(eb_printable(number), number >= 0x20 && number < 0x7F, "U+%04X", (unsigned)number);
}

Test(printable, without_memory_json_stays_as_it_was) {
    struct ebi_bytes json = { 0 };

    cr_assert(ebi_bytes_add_text(&json, "\"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\""));
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n);
        cr_assert_not(ebi_printable_json(&json, 0));
        cr_assert(allocation_failed());
        cr_assert_eq(strlen(json.data), 20);
    }
    ebi_bytes_free(&json);
}

Test(printable, an_error_shows_nothing_that_a_line_may_not) {
    struct eb_error err;

    ebi_error(&err, EB_FATAL, EB_KIND_DATA, "topic %s", "\xe2\x80\xaex\xe2\x80\xa8\xc2\x9b");
    cr_assert_str_eq(err.text, "topic ???x?????");
}
