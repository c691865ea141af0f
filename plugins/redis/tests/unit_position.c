/* plugins/redis/tests/unit_position.c */
#include <criterion/criterion.h>

#include "position.h"

static const struct {
    struct eb_point point;
    const char *start;
} points[] = {
    { { .kind = EB_EARLIEST }, "0-0" },
    { { .kind = EB_LATEST }, "$" },
    { { .kind = EB_TIME, .time_ms = 1000 }, "999-18446744073709551615" },
    { { .kind = EB_TIME, .time_ms = 0 }, "0-0" },
    { { .kind = EB_TIME, .time_ms = -5 }, "0-0" },
    { { .kind = EB_POSITION, .position = { "17-3", 4 } }, "17-2" },
    { { .kind = EB_POSITION, .position = { "17-0", 4 } }, "16-18446744073709551615" },
    { { .kind = EB_POSITION, .position = { "0-0", 3 } }, "0-0" },
};

Test(point, a_group_starts_right_before_it) {
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char start[RD_ID_ROOM];

        cr_expect_eq(rd_point_check(&points[i].point, NULL), EB_OK, "point %zu", i);
        rd_point_start(&points[i].point, start);
        cr_expect_str_eq(start, points[i].start);
    }
}

Test(point, what_is_not_a_position_is_refused) {
    struct eb_point bad = { .kind = EB_POSITION, .position = { "12x", 3 } };
    struct eb_error err = { 0 };

    cr_expect_eq(rd_point_check(&bad, &err), EB_PERMANENT);
    cr_expect_eq(err.kind, EB_KIND_CONFIG);
    bad = (struct eb_point){ .kind = EB_POSITION };
    cr_expect_eq(rd_point_check(&bad, &err), EB_PERMANENT);
    bad.kind = 99;
    cr_expect_eq(rd_point_check(&bad, &err), EB_PERMANENT);
}
