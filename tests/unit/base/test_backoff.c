/* tests/unit/base/test_backoff.c */
#include <criterion/criterion.h>
#include "base/backoff.h"

static const struct ebi_backoff plain = { .first_ms = 100, .max_ms = 1000, .jitter = 0 };

Test(backoff, doubles_up_to_its_limit) {
    static const int64_t want[] = { 100, 200, 400, 800, 1000, 1000 };

    for (uint32_t retry = 1; retry <= 6; retry++)
        cr_assert_eq(ebi_backoff_wait(&plain, retry, 0), want[retry - 1], "retry %u", retry);
}

Test(backoff, huge_retry_number_is_just_the_limit) {
    cr_assert_eq(ebi_backoff_wait(&plain, UINT32_MAX, 0), 1000);
}

Test(backoff, the_largest_limit_does_not_overflow) {
    struct ebi_backoff huge = { .first_ms = 3, .max_ms = INT64_MAX, .jitter = 0 };

    cr_assert_eq(ebi_backoff_wait(&huge, 62, 0), INT64_C(3) << 61);
    cr_assert_eq(ebi_backoff_wait(&huge, 63, 0), INT64_MAX);
    huge.jitter = 1;
    cr_assert_eq(ebi_backoff_wait(&huge, 100, UINT64_MAX), 0);
}

Test(backoff, first_wait_above_the_limit_is_the_limit) {
    struct ebi_backoff odd = { .first_ms = 5000, .max_ms = 1000, .jitter = 0 };

    cr_assert_eq(ebi_backoff_wait(&odd, 1, 0), 1000);
}

Test(backoff, no_first_wait_is_no_wait) {
    struct ebi_backoff none = { .first_ms = 0, .max_ms = 1000, .jitter = 0.2 };

    cr_assert_eq(ebi_backoff_wait(&none, UINT32_MAX, UINT64_MAX), 0);
}

Test(backoff, jitter_only_shortens) {
    struct ebi_backoff shaky = plain;

    shaky.jitter = 0.2;
    cr_assert_eq(ebi_backoff_wait(&shaky, 1, 0), 100);
    cr_assert_eq(ebi_backoff_wait(&shaky, 1, UINT64_MAX), 80);
}

Test(backoff, chance_is_not_the_same_twice) {
    cr_assert_neq(ebi_chance(), ebi_chance());
}
