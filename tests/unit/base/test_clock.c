/* tests/unit/base/test_clock.c - the expected texts are what Python's datetime.isoformat() and fromisoformat() give. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/error.h"

static const struct {
    int64_t us;
    const char *text, *micros;
} prints[] = {
    { 0, "1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00.000000+00:00" },
    { 1, "1970-01-01T00:00:00.000001+00:00", "1970-01-01T00:00:00.000001+00:00" },
    { -1, "1969-12-31T23:59:59.999999+00:00", "1969-12-31T23:59:59.999999+00:00" },
    { INT64_C(1795464000123456), "2026-11-23T20:00:00.123456+00:00", "2026-11-23T20:00:00.123456+00:00" },
    { INT64_C(951782400000000), "2000-02-29T00:00:00+00:00", "2000-02-29T00:00:00.000000+00:00" },
    { INT64_C(4107542399000000), "2100-02-28T23:59:59+00:00", "2100-02-28T23:59:59.000000+00:00" },
    { INT64_C(4107542400000000), "2100-03-01T00:00:00+00:00", "2100-03-01T00:00:00.000000+00:00" },
    { INT64_C(-62135596800000000), "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000000+00:00" },
    { INT64_C(253402300799999999), "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59.999999+00:00" },
    { INT64_MIN, "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000000+00:00" },
    { INT64_MAX, "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59.999999+00:00" },
};

Test(clock, prints_as_python) {
    char text[EBI_ISO_ROOM];

    for (size_t i = 0; i < sizeof prints / sizeof *prints; i++) {
        ebi_iso_print(prints[i].us, text);
        cr_assert_str_eq(text, prints[i].text, "case %zu: %s", i, text);
        ebi_iso_print_micros(prints[i].us, text);
        cr_assert_str_eq(text, prints[i].micros, "case %zu: %s", i, text);
    }
}

Test(clock, every_day_of_the_calendar_prints_as_the_c_library_says_and_reads_back) {
    char text[EBI_ISO_ROOM], want[64];
    int64_t back;

    for (int64_t day = -719162; day <= 2932896; day++) {
        time_t seconds = (time_t)(day * 86400 + 3661);
        struct tm tm;

        ebi_iso_print((int64_t)seconds * 1000000, text);
        gmtime_r(&seconds, &tm);
        snprintf(want, sizeof want, "%04d-%02d-%02dT01:01:01+00:00", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        if (strcmp(text, want) != 0)
            cr_assert_fail("day %lld: %s, expected %s", (long long)day, text, want);
        if (ebi_iso_read(text, strlen(text), &back, NULL) != EB_OK || back != (int64_t)seconds * 1000000)
            cr_assert_fail("%s is not read back", text);
    }
}

static const struct {
    const char *text;
    int64_t us;
} good[] = {
    { "2026-11-23T20:00:00.123456+00:00", INT64_C(1795464000123456) },
    { "2026-11-23T20:00:00+00:00", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00Z", INT64_C(1795464000000000) },
    { "2026-11-23t20:00:00z", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00-00:00", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00+0000", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00-0000", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00+00", INT64_C(1795464000000000) },
    { "2026-11-23 20:00:00+00:00", INT64_C(1795464000000000) },
    { "20261123T200000Z", INT64_C(1795464000000000) },
    { "20261123T200000.5Z", INT64_C(1795464000500000) },
    { "20261123T2000Z", INT64_C(1795464000000000) },
    { "2026-11-23T20:00Z", INT64_C(1795464000000000) },
    { "2026-11-23T20:00:00.1Z", INT64_C(1795464000100000) },
    { "2026-11-23T20:00:00,1Z", INT64_C(1795464000100000) },
    { "2026-11-23T20:00:00.123456789Z", INT64_C(1795464000123456) },
    { "2026-11-23T20:00:00.9999999999999999999999999Z", INT64_C(1795464000999999) },
    { "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
    { "0001-01-01T00:00:00Z", INT64_C(-62135596800000000) },
    { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
};

Test(clock, reads_what_producers_send) {
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct eb_error err = { 0 };
        int64_t us = 0;

        cr_assert_eq(ebi_iso_read(good[i].text, strlen(good[i].text), &us, &err), EB_OK, "%s", err.text);
        cr_assert_eq(us, good[i].us, "%s: %lld", good[i].text, (long long)us);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    { "", "not a time" },
    { "yesterday", "not a time" },
    { "2026-11-23", "not a time" },
    { "2026-11-23T20:00:00", "no zone" },
    { "2026-11-23T20:00:00.5", "no zone" },
    { "2026-11-23T20:00:00+01:00", "another zone" },
    { "2026-11-23T20:00:00-0530", "another zone" },
    { "2026-11-23T20:00:00+00:01", "another zone" },
    { "2026-11-23T20:00:00ZZ", "not a time" },
    { "2026-11-23T20:00:00 Z", "not a time" },
    { "2026-11-23T20:00:00+0", "not a time" },
    { "2026-11-23T20:00:00+00:0", "not a time" },
    { "2026-11-23T20:00:00.Z", "not a time" },
    { "2026-11-23T2000:00Z", "not a time" },
    { "2026-11-2320:00:00Z", "not a time" },
    { "2026-1123T20:00:00Z", "not a time" },
    { "2026-11-23T24:00:00Z", "not a time" },
    { "2026-11-23T20:60:00Z", "not a time" },
    { "2026-11-23T20:00:60Z", "not a time" },
    { "2026-02-29T20:00:00Z", "not a time" },
    { "2100-02-29T20:00:00Z", "not a time" },
    { "2026-00-10T20:00:00Z", "not a time" },
    { "2026-13-10T20:00:00Z", "not a time" },
    { "2026-04-31T20:00:00Z", "not a time" },
    { "0000-01-01T00:00:00Z", "not a time" },
    { "10000-01-01T00:00:00Z", "not a time" },
    { "-2026-01-01T00:00:00Z", "not a time" },
    { "2026-11-23T20:00:0", "not a time" },
};

Test(clock, refuses_what_is_no_time_in_utc) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eb_error err = { 0 };
        int64_t us = 7;

        cr_assert_eq(ebi_iso_read(bad[i].text, strlen(bad[i].text), &us, &err), EB_PERMANENT, "%s", bad[i].text);
        cr_assert_eq(err.kind, EB_KIND_DATA);
        cr_assert(strstr(err.text, bad[i].why), "%s: %s", bad[i].text, err.text);
        cr_assert_eq(us, 7, "%s", bad[i].text);
    }
}

Test(clock, a_refused_text_is_shown_only_when_it_looks_like_a_time) {
    struct eb_error err;
    int64_t us;

    ebi_iso_read("2026-11-23T20:00:00+02:00", 25, &us, &err);
    cr_assert(strstr(err.text, "\"2026-11-23T20:00:00+02:00\""), "%s", err.text);
    ebi_iso_read("bob@foo.example", 15, &us, &err);
    cr_assert_not(strstr(err.text, "bob"), "%s", err.text);
    cr_assert(strstr(err.text, "15 bytes"), "%s", err.text);
    ebi_iso_read("2026-11-23T20:00:00.00000000000000000000000000000000+02:00", 58, &us, &err);
    cr_assert(strstr(err.text, "58 bytes"), "%s", err.text);
    ebi_iso_read("", 0, &us, &err);
    cr_assert(strstr(err.text, "0 bytes"), "%s", err.text);
}

Test(clock, no_byte_past_the_end_is_read) {
    int64_t us;

    for (size_t len = 0; len < 26; len++) {
        char *exact = malloc(len + 1); /* a sanitizer sees a byte too many */

        memcpy(exact, "2026-11-23T20:00:00.123456+00:00", len);
        exact = realloc(exact, len ? len : 1);
        cr_assert_eq(ebi_iso_read(exact, len, &us, NULL), EB_PERMANENT, "%zu", len);
        free(exact);
    }
}

Test(clock, points_in_time_as_users_give_them) {
    const int64_t now = INT64_C(1795464000123456);
    struct eb_error err;
    int64_t us;

    static const struct {
        const char *text;
        int64_t before_s; /* the second of 2026-11-23T20:00:00Z */
    } cases[] = {
        { "-15m", 900 },     { "15m", 900 },  { "-2h", 7200 }, { "2h", 7200 }, { "-7d", 7 * 86400 },
        { "7d", 7 * 86400 }, { "1000ms", 1 }, { "0", 0 },      { "now", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(ebi_time_read(cases[i].text, now, &us, &err), EB_OK, "%s", cases[i].text);
        cr_assert_eq(us, now - cases[i].before_s * 1000000, "%s", cases[i].text);
    }
}

Test(clock, dates_and_offsets_are_points_in_time) {
    static const struct {
        const char *text;
        int64_t seconds; /* after 2026-11-23T00:00:00Z */
        /* clang-format off */
    } cases[] = {
        { "2026-11-23T20:00:00Z", 72000 }, { "2026-11-23T20:00:00+01:00", 68400 }, { "2026-11-23T20:00:00-05:30", 91800 },
        { "2026-11-23", 0 }, { "2026-11-24", 86400 }, { "2026-11-23 20:00", 72000 }, { "2026-11-23T20:00:00", 72000 },
        { "20261123T200000+0100", 68400 }, { "2026-11-23t20:00z", 72000 },
    };
    /* clang-format on */
    struct eb_error err;
    int64_t us;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(ebi_time_read(cases[i].text, 0, &us, &err), EB_OK, "%s", cases[i].text);
        cr_assert_eq(us, (INT64_C(1795392000) + cases[i].seconds) * 1000000, "%s: %" PRId64, cases[i].text, us);
    }
}

Test(clock, what_is_no_point_in_time) {
    static const char *const cases[] = { "",
                                         "-",
                                         "-5",
                                         "-5x",
                                         "--5m",
                                         "5",
                                         "tomorrow",
                                         "now ",
                                         "-9223372036854775807d",
                                         "-9223372036854775807ms",
                                         "-1000000d",
                                         "2026-11-23T",
                                         "2026-11-23X",
                                         "2026-11-31",
                                         "2026-11-23T25:00",
                                         "2026-11-23T20:00+25:00",
                                         "0001-01-01T00:00+01:00",
                                         "-now" };
    struct eb_error err;
    int64_t us;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(ebi_time_read(cases[i], INT64_C(1795464000123456), &us, &err), EB_PERMANENT, "%s", cases[i]);
        cr_assert_eq(err.kind, EB_KIND_CONFIG, "%s", cases[i]);
    }
}

Test(clock, ticks_do_not_go_back) {
    int64_t before = ebi_ticks_us(), before_ms = ebi_ticks_ms();

    cr_assert_leq(before, ebi_ticks_us());
    cr_assert_leq(before_ms, ebi_ticks_ms());
    cr_assert_leq(before_ms - before / 1000, 1000);
    cr_assert_gt(ebi_now_us(), INT64_C(1700000000000000));
}
