/* tests/unit/help/test_clock.c */
#include <criterion/criterion.h>
#include <time.h>
#include <eventbus/plugin-help/clock.h>

Test(help_clock, clocks_go_forward_in_ms) {
    int64_t monotonic = ebp_monotonic_ms(), boottime = ebp_boottime_ms();
    struct timespec wait = ebp_timespec(20);

    nanosleep(&wait, NULL);
    cr_assert_geq(ebp_monotonic_ms() - monotonic, 19);
    cr_assert_geq(ebp_boottime_ms() - boottime, 19);
    cr_assert_leq(ebp_monotonic_ms(), ebp_boottime_ms());
    cr_assert_leq(ebp_wall_ms() / 1000, (int64_t)time(NULL) + 1);
}

Test(help_clock, poll_takes_what_fits_into_an_int) {
    cr_assert_eq(ebp_poll_timeout(INT64_MIN), 0);
    cr_assert_eq(ebp_poll_timeout(-1), 0);
    cr_assert_eq(ebp_poll_timeout(5), 5);
    cr_assert_eq(ebp_poll_timeout(INT64_MAX), INT_MAX);
}

Test(help_clock, a_time_becomes_a_timespec) {
    struct timespec at = ebp_timespec(12345);

    cr_assert_eq(at.tv_sec, 12);
    cr_assert_eq(at.tv_nsec, 345000000);
    at = ebp_timespec(-5);
    cr_assert_eq(at.tv_sec, 0);
    cr_assert_eq(at.tv_nsec, 0);
    cr_assert_eq(ebp_earlier(3, -4), -4);
}
