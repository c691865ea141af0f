/* tests/unit/config/test_value.c */
#include <criterion/criterion.h>
#include <string.h>
#include "config/config.h"

Test(value, durations_for_command_lines) {
    struct eb_error err = { 0 };
    int64_t ms = 0;

    cr_assert_eq(ebi_read_duration("2m", &ms, &err), EB_OK);
    cr_assert_eq(ms, 120000);
    cr_assert_eq(ebi_read_duration("2 minutes", &ms, &err), EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_CONFIG);
    cr_assert_str_eq(err.text, "\"2 minutes\" is not a duration; expected a number with ms, s, m, h or d, such as 250ms "
                               "or 5s");
    cr_assert_eq(ms, 120000);
}

Test(value, sizes_for_command_lines) {
    struct eb_error err = { 0 };
    int64_t bytes = 0;

    cr_assert_eq(ebi_read_size("64k", &bytes, &err), EB_OK);
    cr_assert_eq(bytes, 65536);
    cr_assert_eq(ebi_read_size("64kB", &bytes, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "\"64kB\" is not a size"), "%s", err.text);
}

static const struct {
    const char *text;
    double want; /* below 0: refused */
    /* clang-format off */
} shares[] = {
    { "0", 0 }, { "1", 1 }, { "0.2", 0.2 }, { "0.25", 0.25 }, { ".5", 0.5 }, { "1.", 1 }, { "1.0", 1 }, { "00.1", 0.1 },
    { "0.12345678901234", 0.12345678901234 }, { "0.123456789012345", -1 }, { "", -1 }, { ".", -1 }, { "1.1", -1 },
    { "2", -1 }, { "-0.1", -1 }, { "+0.1", -1 }, { "0,2", -1 }, { "0.2.", -1 }, { "20%", -1 }, { "1e-1", -1 },
    { "nan", -1 }, { "inf", -1 }, { "0.2 ", -1 },
    { "1.000000000000001", -1 }, { "99999999999999999999999", -1 },
};
/* clang-format on */

Test(value, shares) {
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        struct eb_error err = { 0 };
        double share = -2;
        enum eb_status status = ebi_read_share(shares[i].text, &share, &err);

        cr_assert_eq(status, shares[i].want < 0 ? EB_PERMANENT : EB_OK, "\"%s\"", shares[i].text);
        cr_assert(share == (status == EB_OK ? shares[i].want : -2), "\"%s\": %.17g", shares[i].text, share);
    }
}
