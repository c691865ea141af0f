/* tests/unit/receiver/test_detail.c - the last line of what an external receiver wrote: bounded, safe to show, masked. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "receiver/detail.h"

static char line[EBI_DETAIL_ROOM];

static const char *line_of(const char *text, size_t len, enum ebi_detail_kept kept, const char *json) {
    struct ebi_bytes event = { .data = (char *)json, .len = strlen(json) };
    struct ebi_detail detail = { 0 };

    for (size_t i = 0; i < len; i += 7) /* as it may come from a pipe */
        ebi_detail_add(&detail, text + i, len - i < 7 ? len - i : 7);
    ebi_detail_line(&detail, kept, &event, line);
    return line;
}

static const char *full(const char *text) {
    return line_of(text, strlen(text), EBI_DETAIL_FULL, "");
}

Test(detail, it_is_the_last_line_with_something_on_it) {
    cr_assert_str_eq(full("Traceback:\n  File x\nKeyError: 'a'\n\n  \r\n"), "KeyError: 'a'");
    cr_assert_str_eq(full("  one\r\n"), "one");
    cr_assert_str_eq(full("no newline"), "no newline");
    cr_assert_str_eq(full("progress 1%\rprogress 2%"), "progress 2%");
    cr_assert_str_eq(full(" \n\n"), "");
    cr_assert_str_eq(full("\tone\t\n"), "one");
    cr_assert_str_eq(line_of("one\n\0", 5, EBI_DETAIL_FULL, ""), "one");
    cr_assert_str_eq(full(""), "");
    cr_assert_str_eq(line_of("x\n", 2, EBI_DETAIL_OFF, ""), "");
}

Test(detail, it_is_safe_to_show) {
    cr_assert_str_eq(full("\033[31mred\033[0m\n"), "\\x1b[31mred\\x1b[0m");
    cr_assert_not_null(strstr(full("\x82\xac is half a character"), "is half a character"));
    cr_assert_str_eq(full("\xff is no UTF-8, \xe2\x80\xae turns\n"), "\xef\xbf\xbd is no UTF-8, \\u{202e} turns");
    cr_assert_str_eq(line_of("a\0b\n", 4, EBI_DETAIL_FULL, ""), "a\\x00b");
}

Test(detail, it_is_bounded_whatever_comes) {
    static char text[100000];

    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 3 == 0 ? '\xe2' : i % 3 == 1 ? '\x82' : '\xac';
    full(text);
    cr_assert_gt(strlen(line), 400);
    cr_assert_lt(strlen(line), EBI_DETAIL_ROOM);
    for (const char *at = line; *at; at += 3)
        cr_assert_eq(memcmp(at, "\xe2\x82\xac", 3), 0, "whole characters: %s", line);
    memset(text, '\033', sizeof text - 1);
    full(text);
    cr_assert_lt(strlen(line), EBI_DETAIL_ROOM);
}

#define EVENT                                                                                                                  \
    "{\"id\":\"an-id\",\"data\":{\"user\":{\"id\":12345,\"pii\":{\"username\":\"foobob\",\"email\":\"bob@foo.example\","       \
    "\"name\":\"Bob \\\"B\\\" Foo\",\"number\":98765,\"tags\":[\"secret tag\",{\"deep\":\"below\"}],\"short\":\"ab\"},"        \
    "\"active\":true},\"course\":\"course-v1:x\"}}\n"

static const char *masked(const char *text) {
    return line_of(text, strlen(text), EBI_DETAIL_MASKED, EVENT);
}

Test(detail, what_the_event_has_as_pii_is_masked) {
    cr_assert_str_eq(masked("KeyError: 'foobob' (bob@foo.example)"), "KeyError: '***' (***)");
    cr_assert_str_eq(masked("FOOBOB is gone; Bob Foo too"), "*** is gone; *** *** too");
    cr_assert_str_eq(masked("number 98765, user 12345, a secret, below, tag"), "number ***, user 12345, a ***, ***, ***");
    cr_assert_str_eq(masked("course-v1:x of an-id, email ab username"), "course-v1:x of an-id, email ab username");
    cr_assert_str_eq(masked("foobobfoobob foobo, 123foobob_"), "****** foobo, 123***_");
    cr_assert_str_eq(masked("a foo, food"), "a ***, food");
    cr_assert_str_eq(masked("foo: [foo] {foo} @foo/ 1foo fooZ `foo~"), "***: [***] {***} @***/ 1foo fooZ `***~");
    cr_assert_str_eq(line_of("foobob", 6, EBI_DETAIL_FULL, EVENT), "foobob");
}

#define OTHERS                                                                                                                   \
    "{\"data\":{\"course\":{\"coach_email\":\"coach@x.example\",\"display_name\":\"Demo\"},\"attempt\":{\"name\":\"Zoe Quux\"}," \
    "\"user\":{\"pii\":{\"name\":\"Jos\xc3\xa9 N\xc3\xba\xc3\xb1"                                                                \
    "ez \xf0\x9f\x98\x80\",\"email\":\"jo+x@foo.example\"}}}}\n"

static const char *masked_of_others(const char *text) {
    return line_of(text, strlen(text), EBI_DETAIL_MASKED, OTHERS);
}

Test(detail, personal_fields_outside_of_pii_are_masked) {
    cr_assert_str_eq(masked_of_others("no coach@x.example for Demo, Zoe Quux"), "no *** for Demo, ***");
    cr_assert_str_eq(masked_of_others("sent to someone.else@bar.example: refused"), "sent to ***: refused");
    cr_assert_str_eq(masked_of_others("a@b is no address, nor is @x.y"), "a@b is no address, nor is @x.y");
}

Test(detail, values_are_masked_however_they_are_written) {
    cr_assert_str_eq(masked_of_others("GET /u?mail=jo%2Bx%40foo.example&n=1"), "GET /u?mail=***&n=1");
    cr_assert_str_eq(masked_of_others("GET /u?name=Zoe%20Quux"), "GET /u?name=***");
    cr_assert_str_eq(masked_of_others("{\"name\": \"Jos\\u00e9\"}"), "{\"name\": \"***\"}");
    cr_assert_str_eq(masked_of_others("Jos\\u00e9 N\\u00fa\\u00f1ez \\ud83d\\ude00"), "***");
    cr_assert_str_eq(masked_of_others("Jos\xc3\xa9"), "***");
}

Test(detail, no_part_of_a_value_is_left_where_a_line_is_cut) {
    char text[3000];

    for (int before = 480; before < 512; before++) {
        snprintf(text, sizeof text, "%0*d jo+x@foo.example %0400d", before, 0, 0);
        masked_of_others(text);
        cr_assert_null(strstr(line, "jo"), "%s", line);
    }
    for (int behind = 980; behind < 1030; behind++) {
        snprintf(text, sizeof text, "xx jo+x@foo.example %0*d", behind, 0);
        masked_of_others(text);
        cr_assert_null(strstr(line, "ple"), "%s", line);
    }
}

Test(detail, json_of_any_shape_is_walked_to_its_end) {
    static const char *const events[] = { "{\"pii\":\"alone\"}",
                                          "{\"pii\":5",
                                          "{\"pii\":}",
                                          "{\"pii\":123456,\"a\":1}",
                                          "{\"pii\":null,\"a\":\"alone\"}",
                                          "{\"pii\":[]}",
                                          "{\"pii\":{}}",
                                          "{\"a\":\"pii\",\"b\":{\"pii\":{\"x\":\"one\"}},\"c\":{\"pii\":{\"x\":\"two\\\\\"}}}",
                                          "{\"a\":\"\\\"pii\\\":\"}",
                                          "\"",
                                          "{\"pii\":{\"x",
                                          "\"pii\":" };
    static const char *const lines[] = { "*** 123456 one two",   "alone 123456 one two", "alone 123456 one two",
                                         "alone *** one two",    "alone 123456 one two", "alone 123456 one two",
                                         "alone 123456 one two", "alone 123456 *** ***", "alone 123456 one two",
                                         "alone 123456 one two", "alone 123456 one two", "alone 123456 one two" };

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        cr_assert_str_eq(line_of("alone 123456 one two", 20, EBI_DETAIL_MASKED, events[i]), lines[i], "%s: %s", events[i],
                         line);
}
