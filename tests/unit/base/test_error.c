/* tests/unit/base/test_error.c */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "base/error.h"

Test(error, tells_class_kind_and_text) {
    struct eb_error err;

    cr_assert_eq(ebi_error(&err, EB_PERMANENT, EB_KIND_DATA, "schema %s", "x.avsc"), EB_PERMANENT);
    cr_assert_eq(err.status, EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_DATA);
    cr_assert_eq(err.native, 0);
    cr_assert_str_eq(err.text, "schema x.avsc");
}

Test(error, context_goes_in_front) {
    struct eb_error err;

    ebi_error(&err, EB_FATAL, EB_KIND_SYSTEM, "larger than 1 MiB");
    ebi_error_context(&err, "reading schema %s", "x.avsc");
    cr_assert_str_eq(err.text, "reading schema x.avsc: larger than 1 MiB");
}

Test(error, errno_is_kept_and_told) {
    struct eb_error err;

    errno = ENOENT;
    ebi_error_errno(&err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", "x");
    cr_assert_eq(err.native, ENOENT);
    cr_assert_str_eq(err.text, "cannot open x: No such file or directory");
}

Test(error, its_own_text_may_be_an_argument) {
    struct eb_error err;

    ebi_error(&err, EB_FATAL, EB_KIND_SYSTEM, "inner");
    ebi_error(&err, EB_RETRIABLE, EB_KIND_BROKER, "outer: %s", err.text);
    cr_assert_str_eq(err.text, "outer: inner");
}

Test(error, long_text_is_cut_at_a_character) {
    struct eb_error err;
    char text[3 * EB_ERROR_ROOM];

    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    ebi_error(&err, EB_FATAL, EB_KIND_SYSTEM, "x%s", text);
    size_t len = strlen(err.text);
    cr_assert_eq(len % 2, 1, "cut inside a character: %zu", len);
    cr_assert_gt(len, EB_ERROR_ROOM - 8);
    ebi_error_context(&err, "y");
    cr_assert_lt(strlen(err.text), sizeof err.text);
}

/* Texts of others stand in errors: names from JSON, words of libraries, file names. */
Test(error, stays_one_line_of_utf8_whatever_it_tells_of) {
    static const struct {
        const char *told, *want;
    } cases[] = {
        { "a\nb\tc\x7f", "a?b?c?" },
        { "\x1b[31mred", "?[31mred" },
        { "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80" },
        { "\xff \xc3 \xed\xa0\x80", "? ? ???" },
        { "\xc2\x85next", "??next" },
    };
    struct eb_error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ebi_error(&err, EB_PERMANENT, EB_KIND_DATA, "%s", cases[i].told);
        cr_assert_str_eq(err.text, cases[i].want);
        ebi_error(&err, EB_PERMANENT, EB_KIND_DATA, "x");
        ebi_error_context(&err, "%s", cases[i].told);
        cr_assert_eq(strncmp(err.text, cases[i].want, strlen(cases[i].want)), 0, "context: %s", err.text);
        errno = ENOENT;
        ebi_error_errno(&err, EB_PERMANENT, EB_KIND_DATA, "%s", cases[i].told);
        cr_assert_eq(strncmp(err.text, cases[i].want, strlen(cases[i].want)), 0, "errno: %s", err.text);
    }
}

/* A plugin fills errors without these functions. */
Test(error, context_mends_what_another_wrote) {
    struct eb_error err = { .status = EB_PERMANENT, .kind = EB_KIND_BROKER, .text = "two\nlines" };

    ebi_error_context(&err, "broker");
    cr_assert_str_eq(err.text, "broker: two?lines");
}

Test(error, no_one_to_tell) {
    cr_assert_eq(ebi_error(NULL, EB_RETRIABLE, EB_KIND_BROKER, "x"), EB_RETRIABLE);
    ebi_error_context(NULL, "y");
}
