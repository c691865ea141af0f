/* tests/conformance/test_print.c - what came of a run, as machines read it: exactly, and whatever a plugin had to say. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "output/output.h"

/* clang-format off */
static const struct eb_conform_result passed = {
    .size = sizeof passed, .name = "a-first", .group = "calls", .outcome = EB_CONFORM_PASS, .why = "", .seconds = 0.25 };
/* A plugin's words may hold anything. */
static const struct eb_conform_result failed = {
    .size = sizeof failed, .name = "b-second", .group = "order", .outcome = EB_CONFORM_FAIL, .seconds = 1,
    .why = "expected \"a\\b\"; came <&>\nok 9 - \t\x01 \xC3\xA9 \xFF\xC3" };
static const struct eb_conform_result skipped = {
    .size = sizeof skipped, .name = "c-third", .group = "order", .outcome = EB_CONFORM_SKIP, .why = "no role\nok 9" };
/* The first case's promise, as a later case saw it. */
static const struct eb_conform_result revised = {
    .size = sizeof revised, .name = "a-first", .group = "calls", .outcome = EB_CONFORM_FAIL, .revised = 1, .seconds = 0.25,
    .why = "expected b; came c; seen in the case c-third" };
/* clang-format on */

static char came[4000];

static bool keep(const char *text, size_t len) {
    strncat(came, text, len);
    return true;
}

static bool fail(const char *text, size_t len) {
    (void)text;
    (void)len;
    return false;
}

static void start(struct ebc_output *output) {
    const struct eb_conform_start start = {
        .size = sizeof start, .plugin = "odd \"1.0\" (producer)", .seed = 18446744073709551615u, .n_cases = 3
    };

    came[0] = '\0';
    cr_assert(ebc_output_open(output), "%s", output->why);
    cr_assert_eq(ebc_output_started(output, &start), 0);
}

static void give_all(struct ebc_output *output) {
    const struct eb_conform_result *const all[] = { &passed, &failed, &skipped };

    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(ebc_output_result(output, all[i]), 0);
}

static void end(struct ebc_output *output) {
    cr_assert(ebc_output_end(output), "%s", output->why);
    ebc_output_close(output);
}

static void prints(enum ebc_format format, const char *expected) {
    struct ebc_output output = { .format = format, .write = keep };

    start(&output);
    give_all(&output);
    end(&output);
    cr_assert_str_eq(came, expected);
}

Test(print, json_is_an_object_a_line_that_any_reader_takes) {
    prints(EBC_JSON,
           "{\"case\":\"a-first\",\"group\":\"calls\",\"result\":\"pass\",\"why\":\"\",\"seconds\":0.250}\n"
           "{\"case\":\"b-second\",\"group\":\"order\",\"result\":\"fail\",\"why\":\"expected \\\"a\\\\b\\\"; came <&>\\u000a"
           "ok 9 - \\u0009\\u0001 \xC3\xA9 \\ufffd\\ufffd\",\"seconds\":1.000}\n"
           "{\"case\":\"c-third\",\"group\":\"order\",\"result\":\"skip\",\"why\":\"no role\\u000aok 9\",\"seconds\":0.000}\n"
           "{\"summary\":{\"pass\":1,\"fail\":1,\"skip\":1},\"plugin\":\"odd \\\"1.0\\\" (producer)\","
           "\"seed\":18446744073709551615}\n");
}

Test(print, tap_has_a_line_a_case_and_none_that_a_plugin_made) {
    prints(EBC_TAP, "# odd \"1.0\" (producer), seed 18446744073709551615\n"
                    "ok 1 - calls: a-first\n"
                    "not ok 2 - order: b-second\n"
                    "# expected \"a\\b\"; came <&> ok 9 -    \xC3\xA9 ??\n"
                    "ok 3 - order: c-third # SKIP no role ok 9\n"
                    "1..3\n");
}

Test(print, people_see_one_line_for_each_part_of_a_reason) {
    prints(EBC_TEXT, "odd \"1.0\" (producer), seed 18446744073709551615\n"
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

/* ---- what is known later ---- */

static void prints_revised(enum ebc_format format, const char *expected) {
    struct ebc_output output = { .format = format, .write = keep };

    start(&output);
    cr_assert_eq(ebc_output_result(&output, &passed), 0);
    came[0] = '\0';
    cr_assert_eq(ebc_output_result(&output, &revised), 0);
    end(&output);
    cr_assert_str_eq(came, expected);
}

Test(print, a_result_that_counts_instead_comes_behind_the_other) {
    prints_revised(EBC_JSON,
                   "{\"case\":\"a-first\",\"group\":\"calls\",\"result\":\"fail\",\"why\":\"expected b; came c; seen in the "
                   "case c-third\",\"seconds\":0.250}\n"
                   "{\"summary\":{\"pass\":0,\"fail\":1,\"skip\":0},\"plugin\":\"odd \\\"1.0\\\" (producer)\","
                   "\"seed\":18446744073709551615}\n");
    prints_revised(EBC_TAP, "not ok 2 - calls: a-first\n# expected b; came c; seen in the case c-third\n1..2\n");
    prints_revised(EBC_TEXT, "  FAIL  a-first                                          0.250 s, in place of its result above\n"
                             "        expected b\n        came c\n        seen in the case c-third\n"
                             "0 passed, 1 failed, 0 skipped\n");
}

Test(print, a_point_of_tap_that_is_excused_later_stays_with_a_remark) {
    struct eb_conform_result excused = failed;
    struct ebc_output output = { .format = EBC_TAP, .write = keep };

    excused.outcome = EB_CONFORM_SKIP;
    excused.revised = 1;
    excused.why = "not judged: it needs a-first";
    start(&output);
    cr_assert_eq(ebc_output_result(&output, &failed), 0);
    came[0] = '\0';
    cr_assert_eq(ebc_output_result(&output, &excused), 0);
    end(&output);
    cr_assert_str_eq(came, "# order: b-second: not judged: it needs a-first\n1..1\n");
}

/* ---- files ---- */

static void reads(const char *path, const char *expected) {
    static char text[4000];
    FILE *file = fopen(path, "r");
    size_t n;

    cr_assert(file, "%s", path);
    n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    cr_assert_str_eq(text, expected);
}

static const char xml_of_one[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                 "<testsuite name=\"odd &#34;1.0&#34; (producer)\" tests=\"1\" failures=\"0\" skipped=\"0\">\n"
                                 "  <testcase classname=\"conform.calls\" name=\"a-first\" time=\"0.250\"/>\n"
                                 "</testsuite>\n";

Test(print, files_are_whole_after_each_case) {
    char folder[] = "/tmp/eb-print-XXXXXX", text[60], xml[60];
    struct ebc_output output = { .format = EBC_TAP, .write = keep, .file = text, .junit = xml };

    cr_assert(mkdtemp(folder));
    snprintf(text, sizeof text, "%s/out", folder);
    snprintf(xml, sizeof xml, "%s/out.xml", folder);
    start(&output);
    cr_assert_eq(ebc_output_result(&output, &passed), 0);
    reads(text, "# odd \"1.0\" (producer), seed 18446744073709551615\nok 1 - calls: a-first\n"); /* the run goes on */
    reads(xml, xml_of_one);
    end(&output);
    reads(text, "# odd \"1.0\" (producer), seed 18446744073709551615\nok 1 - calls: a-first\n1..1\n");
    reads(xml, xml_of_one);
    unlink(text);
    unlink(xml);
    cr_assert_eq(rmdir(folder), 0, "something else is left in %s", folder);
}

Test(print, junit_is_xml_whatever_was_said) {
    char path[] = "/tmp/eb-print-XXXXXX";
    struct ebc_output output = { .format = EBC_TEXT, .write = keep, .junit = path };

    close(mkstemp(path));
    start(&output);
    give_all(&output);
    end(&output);
    reads(path, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<testsuite name=\"odd &#34;1.0&#34; (producer)\" tests=\"3\" failures=\"1\" skipped=\"1\">\n"
                "  <testcase classname=\"conform.calls\" name=\"a-first\" time=\"0.250\"/>\n"
                "  <testcase classname=\"conform.order\" name=\"b-second\" time=\"1.000\"><failure message=\"expected "
                "&#34;a\\b&#34;; came &#60;&#38;&#62;?ok 9 - ?? \xC3\xA9 ??\"/></testcase>\n"
                "  <testcase classname=\"conform.order\" name=\"c-third\" time=\"0.000\"><skipped message=\"no role?ok 9\"/>"
                "</testcase>\n"
                "</testsuite>\n");
    unlink(path);
}

Test(print, a_file_that_cannot_be_written_ends_the_run_and_is_told) {
    struct ebc_output nowhere = { .write = keep, .junit = "/nowhere/out.xml" }, full = { .write = keep, .junit = "/dev/full" },
                      closed = { .write = keep, .file = "/nowhere/out" }, disk = { .write = keep, .file = "/dev/full" };
    const struct eb_conform_start start_of = { .size = sizeof start_of, .plugin = "p" };

    cr_assert_neq(ebc_output_started(&nowhere, &start_of), 0);
    cr_assert_str_eq(nowhere.why, "--junit /nowhere/out.xml: cannot be written: No such file or directory");
    start(&full);
    cr_assert_eq(ebc_output_result(&full, &passed), 0, "a device gets the XML once, at the end");
    cr_assert_not(ebc_output_end(&full), "a full disk");
    cr_assert(strstr(full.why, "--junit /dev/full: could not be written whole: "), "%s", full.why);
    cr_assert_not(ebc_output_open(&closed));
    cr_assert_str_eq(closed.why, "--output /nowhere/out: cannot be written: No such file or directory");
    cr_assert(ebc_output_open(&disk));
    cr_assert_neq(ebc_output_started(&disk, &start_of), 0);
    cr_assert_str_eq(disk.why, "--output /dev/full: could not be written whole: No space left on device");
    ebc_output_close(&nowhere);
    ebc_output_close(&full);
    ebc_output_close(&closed);
    ebc_output_close(&disk);
}

Test(print, standard_output_that_is_closed_ends_the_run) {
    struct ebc_output output = { .write = fail };
    const struct eb_conform_start start_of = { .size = sizeof start_of, .plugin = "p" };

    cr_assert(ebc_output_open(&output));
    cr_assert_neq(ebc_output_started(&output, &start_of), 0);
    cr_assert(ebc_output_end(&output), "this is not told as a file that could not be written");
    ebc_output_close(&output);
}
