/* tests/unit/signal/test_attrs.c - what metadata on the wire is taken, and what is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "signal/attrs.h"
#include "signal/event.h"

static const struct {
    const char *name, *value;
    enum eb_status status;
} cases[] = {
    { "source", "openedx/lms/web", EB_OK },
    { "source", "openedx/\xc3\xa9/web", EB_OK },
    { "source", "openedx/\xff/web", EB_PERMANENT },
    { "source", "openedx/\n/web", EB_PERMANENT },
    { "sourcehost", "\xed\xa0\x80", EB_PERMANENT },
    { "sourcehost", "vm-1", EB_OK },
    { "sourcelib", "11.2.0", EB_OK },
    { "sourcelib", "11", EB_OK },
    { "sourcelib", "eleven", EB_PERMANENT },
    { "sourcelib", "11.", EB_PERMANENT },
    { "sourcelib", ".11", EB_PERMANENT },
    { "sourcelib", "11..2", EB_PERMANENT },
    { "sourcelib", "", EB_PERMANENT },
    { "minorversion", "0", EB_OK },
    { "minorversion", "one", EB_PERMANENT },
    { "minorversion", "-1", EB_PERMANENT },
    { "id", "seventeen", EB_PERMANENT },
    { "id", "7ab7dfa8-e77e-11f1-aaa2-02fc00000001", EB_OK },
    { "time", "2026-11-23T20:00:00Z", EB_OK },
    { "time", "20261123 200000.123456789+0000", EB_OK },
    { "time", "2026-11-23T20:00:00", EB_PERMANENT },
    { "time", "2026-11-23T20:00:00+01:00", EB_PERMANENT },
};

Test(attrs, each_is_taken_or_refused_by_its_name) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_header attr = { { cases[i].name, strlen(cases[i].name) }, { cases[i].value, strlen(cases[i].value) } };
        struct eb_message message = { .size = sizeof message, .attrs = &attr, .n_attrs = 1 };
        struct eb_event event = { 0 };
        struct eb_error err = { 0 };

        cr_expect_eq(ebi_attrs_take(&event, &message, &err), cases[i].status, "%s = %s: %s", cases[i].name, cases[i].value,
                     err.text);
        if (cases[i].status != EB_OK)
            cr_expect(strstr(err.text, cases[i].name), "%s: %s", cases[i].name, err.text);
    }
}

/* Text is looked at eight bytes at a time: a bad byte is found wherever it stands, in a text of whatever length. */
Test(attrs, a_bad_byte_is_found_at_each_place) {
    static const struct {
        unsigned char byte;
        const char *why;
    } bad[] = { { 0x00, "control character" },
                { 0x1f, "control character" },
                { 0x7f, "control character" },
                { 0x80, "not UTF-8" },
                { 0xff, "not UTF-8" } };
    char text[40];

    for (size_t len = 1; len <= sizeof text; len++)
        for (size_t at = 0; at < len; at++)
            for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
                struct eb_header attr = { { "source", 6 }, { text, len } };
                struct eb_message message = { .size = sizeof message, .attrs = &attr, .n_attrs = 1 };
                struct eb_event event = { 0 };
                struct eb_error err = { 0 };

                memset(text, at % 2 ? ' ' : '~', len);
                if (i == sizeof bad / sizeof *bad) {
                    cr_assert_eq(ebi_attrs_take(&event, &message, &err), EB_OK, "%zu: %s", len, err.text);
                    continue;
                }
                text[at] = (char)bad[i].byte;
                cr_assert_eq(ebi_attrs_take(&event, &message, &err), EB_PERMANENT, "%02x at %zu of %zu", bad[i].byte, at, len);
                cr_assert(strstr(err.text, bad[i].why), "%02x at %zu of %zu: %s", bad[i].byte, at, len, err.text);
                cr_assert_null(event.meta.source);
            }
}
