/* tests/unit/base/test_bytes.c */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include "../memory.h"
#include "base/printable.h"

Test(bytes, starts_empty_and_keeps_a_nul_after_its_end) {
    struct ebi_bytes bytes = { 0 };

    cr_assert(ebi_bytes_add(&bytes, "ab\0c", 4));
    cr_assert(ebi_bytes_add_text(&bytes, "d"));
    cr_assert(ebi_bytes_add_format(&bytes, "%d%s", 42, ""));
    cr_assert_eq(bytes.len, 7);
    cr_assert_arr_eq(bytes.data, "ab\0cd42", 8);
    ebi_bytes_clear(&bytes);
    cr_assert_eq(bytes.len, 0);
    cr_assert_str_eq(bytes.data, "");
    ebi_bytes_free(&bytes);
    cr_assert_null(bytes.data);
    cr_assert_eq(bytes.room, 0);
}

Test(bytes, adding_nothing_still_makes_a_text) {
    struct ebi_bytes bytes = { 0 };

    cr_assert(ebi_bytes_add(&bytes, NULL, 0));
    cr_assert_str_eq(bytes.data, "");
    ebi_bytes_free(&bytes);
}

Test(bytes, grows_by_doubling) {
    struct ebi_bytes bytes = { 0 };
    unsigned moves = 0;
    size_t room = 0;

    for (int i = 0; i < 100000; i++) {
        cr_assert(ebi_bytes_add(&bytes, "x", 1));
        moves += bytes.room != room;
        room = bytes.room;
    }
    cr_assert_eq(bytes.len, 100000);
    cr_assert_leq(moves, 12);
    ebi_bytes_free(&bytes);
}

Test(bytes, what_no_memory_can_hold_is_refused_and_changes_nothing) {
    struct ebi_bytes bytes = { 0 };

    cr_assert(ebi_bytes_add_text(&bytes, "kept"));
    cr_assert_not(ebi_bytes_reserve(&bytes, SIZE_MAX));
    cr_assert_not(ebi_bytes_reserve(&bytes, SIZE_MAX / 2));
    cr_assert_not(ebi_bytes_add_json_string(&bytes, "x", SIZE_MAX - 1));
    cr_assert_str_eq(bytes.data, "kept");
    ebi_bytes_free(&bytes);
}

static const struct {
    const char *text;
    size_t len;
    const char *json;
} jsons[] = {
    { "", 0, "\"\"" },
    { "plain", 5, "\"plain\"" },
    { "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
    { "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
    { "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"" },
    { "12345678\"12345678", 17, "\"12345678\\\"12345678\"" },
    { "1234567\n12345678", 16, "\"1234567\\n12345678\"" },
    { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14, "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
    { "\xff", 1, "\"\xef\xbf\xbd\"" },
    { "a\xc3", 2, "\"a\xef\xbf\xbd\"" },
    { "a\xc3z", 3, "\"a\xef\xbf\xbdz\"" },
    { "\xe2\x82z", 3, "\"\xef\xbf\xbdz\"" },                           /* one for the broken part, as Python */
    { "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
    { "\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                 /* overlong */
};

Test(bytes, json_strings) {
    struct ebi_bytes bytes = { 0 };

    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        ebi_bytes_clear(&bytes);
        cr_assert(ebi_bytes_add_json_string(&bytes, jsons[i].text, jsons[i].len));
        cr_assert_str_eq(bytes.data, jsons[i].json, "case %zu: %s", i, bytes.data);
    }
    ebi_bytes_free(&bytes);
}

/* The quick look at 8 bytes must agree with the slow one, wherever the odd character stands. */
Test(bytes, json_escapes_are_found_at_every_place) {
    struct ebi_bytes bytes = { 0 };
    char text[25];

    for (size_t at = 0; at < 24; at++)
        for (int c = 1; c < 128; c++) {
            memset(text, '~', sizeof text);
            text[at] = (char)c;
            ebi_bytes_clear(&bytes);
            cr_assert(ebi_bytes_add_json_string(&bytes, text, 24));
            bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
            cr_assert_eq(bytes.data[1 + at] != '\\', plain, "character %d at %zu: %s", c, at, bytes.data);
            cr_assert_eq(bytes.len == 26, plain, "character %d at %zu: %s", c, at, bytes.data);
        }
    ebi_bytes_free(&bytes);
}

Test(bytes, what_is_no_utf8_is_found_at_every_place) {
    struct ebi_bytes bytes = { 0 };
    char text[25];

    for (size_t at = 0; at < 24; at++) {
        memset(text, 'x', sizeof text);
        text[at] = '\x80';
        ebi_bytes_clear(&bytes);
        cr_assert(ebi_bytes_add_json_string(&bytes, text, 24));
        cr_assert_arr_eq(bytes.data + 1 + at, "\xef\xbf\xbd", 3, "at %zu: %s", at, bytes.data);
        cr_assert_eq(bytes.len, 28);
    }
    ebi_bytes_free(&bytes);
}

Test(bytes, without_memory_nothing_changes) {
    struct ebi_bytes bytes = { 0 };
    char controls[200] = { 0 };

    fail_allocation(1);
    cr_assert_not(ebi_bytes_add_text(&bytes, "x"));
    cr_assert(allocation_failed());
    cr_assert_null(bytes.data);
    cr_assert(ebi_bytes_add_text(&bytes, "kept"));
    fail_allocation(1);
    cr_assert_not(ebi_bytes_add_format(&bytes, "%0200d", 1));
    cr_assert_str_eq(bytes.data, "kept");
    fail_allocation(2); /* the second: in the middle of the string, whose escapes need more than was foreseen */
    cr_assert_not(ebi_bytes_add_json_string(&bytes, controls, sizeof controls));
    cr_assert(allocation_failed());
    cr_assert_str_eq(bytes.data, "kept");
    cr_assert_eq(bytes.len, 4);
    ebi_bytes_free(&bytes);
}
