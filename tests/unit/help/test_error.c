/* tests/unit/help/test_error.c */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

static struct eb_error err;

Test(help_error, an_error_holds_class_kind_number_and_text) {
    cr_assert_eq(ebp_error(&err, EB_RETRIABLE, 7, "topic %s", "logins"), EB_RETRIABLE);
    cr_assert_eq(err.status, EB_RETRIABLE);
    cr_assert_eq(err.kind, EB_KIND_BROKER);
    cr_assert_eq(err.native, 7);
    cr_assert_str_eq(err.text, "topic logins");
}

Test(help_error, each_kind_can_be_given) {
    cr_assert_eq(ebp_error_of_kind(&err, EB_PERMANENT, EB_KIND_CONFIG, 0, "port %d", 0), EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_CONFIG);
    cr_assert_str_eq(err.text, "port 0");
}

Test(help_error, errno_is_the_number_and_the_cause) {
    errno = ENOENT;
    cr_assert_eq(ebp_errno(&err, EB_RETRIABLE, "cannot open %s", "x"), EB_RETRIABLE);
    cr_assert_eq(err.native, ENOENT);
    cr_assert_str_eq(err.text, "cannot open x: No such file or directory");
}

Test(help_error, missing_memory_is_fatal_and_of_this_machine) {
    cr_assert_eq(ebp_no_memory(&err), EB_FATAL);
    cr_assert_eq(err.kind, EB_KIND_SYSTEM);
    cr_assert_eq(err.native, ENOMEM);
    cr_assert_str_eq(err.text, "out of memory");
}

Test(help_error, context_stands_before_and_cause_behind) {
    ebp_error(&err, EB_PERMANENT, 3, "no such topic");
    ebp_error_context(&err, "topic %s", "logins");
    ebp_error_cause(&err, "404");
    cr_assert_str_eq(err.text, "topic logins: no such topic: 404");
    cr_assert_eq(err.status, EB_PERMANENT);
    cr_assert_eq(err.native, 3);
}

Test(help_error, a_text_that_is_too_long_is_cut) {
    char text[2 * EB_ERROR_ROOM];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ebp_error(&err, EB_PERMANENT, 0, "%s", text);
    cr_assert_eq(strlen(err.text), EB_ERROR_ROOM - 1);
    ebp_error_cause(&err, "more");
    cr_assert_eq(strlen(err.text), EB_ERROR_ROOM - 1);
    ebp_error_context(&err, "first");
    cr_assert_eq(strncmp(err.text, "first: aaa", 10), 0);
    cr_assert_eq(strlen(err.text), EB_ERROR_ROOM - 1);
    ebp_error_context(&err, "%s", text);
    cr_assert_eq(strlen(err.text), EB_ERROR_ROOM - 1);
}

Test(help_error, nobody_need_be_told) {
    errno = EIO;
    cr_assert_eq(ebp_error(NULL, EB_RETRIABLE, 0, "x"), EB_RETRIABLE);
    cr_assert_eq(ebp_errno(NULL, EB_PERMANENT, "x"), EB_PERMANENT);
    cr_assert_eq(ebp_no_memory(NULL), EB_FATAL);
    ebp_error_context(NULL, "x");
    ebp_error_cause(NULL, "x");
}
