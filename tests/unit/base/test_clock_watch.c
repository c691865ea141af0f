/* tests/unit/base/test_clock_watch.c */
#include <criterion/criterion.h>
#include <string.h>
#include "base/clock.h"
#include "base/clock_watch.h"

static const int64_t SECOND = 1000000, DAY = INT64_C(86400) * 1000000;
static const int64_t WALL = INT64_C(1796026893) * 1000000, BOOT = INT64_C(5000) * 1000000;

Test(clock_watch, the_first_look_tells_nothing) {
    struct ebi_clock_watch watch = { 0 };
    int64_t by;

    cr_assert_not(ebi_clock_watch_look(&watch, WALL, BOOT, &by));
    cr_assert_not(ebi_clock_watch_look(&watch, WALL + DAY, BOOT + DAY, &by), "time went on, or the machine slept");
}

Test(clock_watch, a_clock_that_is_set_is_told_once_with_how_far) {
    static const int64_t by_us[] = { 86400000000, -86400000000, 2000000, -2000000, INT64_C(31536000) * 1000000 };

    for (size_t i = 0; i < sizeof by_us / sizeof *by_us; i++) {
        struct ebi_clock_watch watch = { 0 };
        int64_t by = 0;

        ebi_clock_watch_look(&watch, WALL, BOOT, &by);
        cr_assert(ebi_clock_watch_look(&watch, WALL + SECOND + by_us[i], BOOT + SECOND, &by), "%zu", i);
        cr_assert_eq(by, by_us[i], "%zu", i);
        cr_assert_not(ebi_clock_watch_look(&watch, WALL + 2 * SECOND + by_us[i], BOOT + 2 * SECOND, &by), "%zu", i);
    }
}

Test(clock_watch, a_slow_correction_is_never_told_however_far_it_leads) {
    struct ebi_clock_watch watch = { 0 };
    int64_t by;

    for (int64_t i = 0; i < 100; i++)
        cr_assert_not(ebi_clock_watch_look(&watch, WALL + i * 2 * SECOND, BOOT + i * SECOND, &by), "%d", (int)i);
}

Test(clock_watch, a_clock_at_the_machines_start_is_a_clock) {
    struct ebi_clock_watch watch = { 0 };
    int64_t by;

    cr_assert_not(ebi_clock_watch_look(&watch, BOOT, BOOT, &by));
    cr_assert(ebi_clock_watch_look(&watch, BOOT + DAY, BOOT, &by));
}
