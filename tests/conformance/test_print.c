/* tests/conformance/test_print.c - what came of a run, as machines read it: exactly, and whatever a plugin had to say. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runner/report.h"

/* A plugin's words may hold anything. */
static const struct ebc_case first = { .name = "a-first", .group = "calls" }, second = { .name = "b-second", .group = "order" },
                             third = { .name = "c-third", .group = "order" };
/* clang-format off */
static struct ebc_result results[] = {
    {.of = &first, .outcome = EBC_PASS, .seconds = 0.25},
    {.of = &second, .outcome = EBC_FAIL, .seconds = 1, .why = (char[]){"expected \"a\\b\"; came <&>\nok 9 - \t\x01 \xC3\xA9 \xFF\xC3"}},
    {.of = &third, .outcome = EBC_SKIP, .why = (char[]){"no role\nok 9"}},
};
/* clang-format on */

static struct ebc_report report_as(enum eb_conform_format format) {
    return (struct ebc_report){
        .format = format, .seed = 18446744073709551615u, .plugin = "odd \"1.0\" (producer)", .results = results, .n = 3
    };
}

static void prints(enum eb_conform_format format, const char *expected) {
    struct ebc_report report = report_as(format);
    char came[2000];
    size_t n;

    cr_redirect_stdout();
    ebc_print(&report);
    fflush(stdout);
    n = fread(came, 1, sizeof came - 1, cr_get_redirected_stdout());
    came[n] = '\0';
    cr_assert_str_eq(came, expected);
}

Test(print, json_is_an_object_a_line_that_any_reader_takes) {
    prints(EB_CONFORM_JSON,
           "{\"case\":\"a-first\",\"group\":\"calls\",\"result\":\"pass\",\"why\":\"\",\"seconds\":0.250}\n"
           "{\"case\":\"b-second\",\"group\":\"order\",\"result\":\"fail\",\"why\":\"expected \\\"a\\\\b\\\"; came <&>\\u000a"
           "ok 9 - \\u0009\\u0001 \xC3\xA9 \\ufffd\\ufffd\",\"seconds\":1.000}\n"
           "{\"case\":\"c-third\",\"group\":\"order\",\"result\":\"skip\",\"why\":\"no role\\u000aok 9\",\"seconds\":0.000}\n"
           "{\"summary\":{\"pass\":1,\"fail\":1,\"skip\":1},\"plugin\":\"odd \\\"1.0\\\" (producer)\","
           "\"seed\":18446744073709551615}\n");
}

Test(print, tap_has_a_line_a_case_and_none_that_a_plugin_made) {
    prints(EB_CONFORM_TAP, "1..3\n# odd \"1.0\" (producer), seed 18446744073709551615\n"
                           "ok 1 - calls: a-first\n"
                           "not ok 2 - order: b-second\n"
                           "# expected \"a\\b\"; came <&> ok 9 -    \xC3\xA9 ??\n"
                           "ok 3 - order: c-third # SKIP no role ok 9\n");
}

Test(print, people_see_one_line_for_each_part_of_a_reason) {
    prints(EB_CONFORM_TEXT, "odd \"1.0\" (producer), seed 18446744073709551615\n"
                            "calls\n"
                            "  pass  a-first                                          0.250 s\n"
                            "order\n"
                            "  FAIL  b-second                                         1.000 s\n"
                            "        expected \"a\\b\"\n"
                            "        came <&> ok 9 -    \xC3\xA9 ??\n"
                            "  skip  c-third                                          0.000 s\n"
                            "        no role ok 9\n"
                            "1 passed, 1 failed, 1 skipped\n");
}

Test(print, junit_is_xml_whatever_was_said) {
    struct ebc_report report = report_as(EB_CONFORM_TEXT);
    char path[] = "/tmp/eb-print-XXXXXX", why[EBC_WHY_ROOM], came[2000];
    FILE *file = fdopen(mkstemp(path), "r");
    size_t n;

    cr_assert(file);
    cr_assert(ebc_write_junit(&report, path, why), "%s", why);
    n = fread(came, 1, sizeof came - 1, file);
    came[n] = '\0';
    fclose(file);
    unlink(path);
    cr_assert_str_eq(
        came, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<testsuite name=\"odd &#34;1.0&#34; (producer)\" tests=\"3\" failures=\"1\" skipped=\"1\">\n"
              "  <testcase classname=\"conform.calls\" name=\"a-first\" time=\"0.250\"/>\n"
              "  <testcase classname=\"conform.order\" name=\"b-second\" time=\"1.000\"><failure message=\"expected "
              "&#34;a\\b&#34;; came &#60;&#38;&#62;?ok 9 - ?? \xC3\xA9 ??\"/></testcase>\n"
              "  <testcase classname=\"conform.order\" name=\"c-third\" time=\"0.000\"><skipped message=\"no role?ok 9\"/>"
              "</testcase>\n"
              "</testsuite>\n");
}

Test(print, junit_that_cannot_be_written_is_told) {
    struct ebc_report report = report_as(EB_CONFORM_TEXT);
    char why[EBC_WHY_ROOM] = "";

    cr_assert_not(ebc_write_junit(&report, "/nowhere/out.xml", why));
    cr_assert_str_eq(why, "--junit /nowhere/out.xml: cannot be written: No such file or directory");
    cr_assert_not(ebc_write_junit(&report, "/dev/full", why), "a full disk");
    cr_assert(strstr(why, "--junit /dev/full: could not be written whole: "), "%s", why);
}
