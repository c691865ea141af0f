/* plugins/kafka/tests/unit_wakeup.c - no ring is missed, and none is heard for ever. */
#include <criterion/criterion.h>
#include <unistd.h>
#include "client/wakeup.h"

enum { LONG_MS = 60000, SHORT_MS = 50 };

Test(kafka_bell, ring_ends_a_wait_and_is_taken) {
    struct kf_bell bell;
    int64_t began = kf_ticks_ms();

    cr_assert(kf_bell_open(&bell));
    kf_bell_ring(&bell);
    kf_bell_wait(&bell, -1, began + LONG_MS);
    cr_assert_lt(kf_ticks_ms() - began, LONG_MS / 2);
    kf_bell_take(&bell);
    began = kf_ticks_ms();
    kf_bell_wait(&bell, -1, began + SHORT_MS);
    cr_assert_geq(kf_ticks_ms() - began, SHORT_MS);
    kf_bell_close(&bell);
}

Test(kafka_bell, wake_is_a_ring_that_is_told_apart) {
    struct kf_bell bell;

    cr_assert(kf_bell_open(&bell));
    kf_bell_ring(&bell);
    cr_assert_not(kf_bell_take_wake(&bell));
    kf_bell_wake(&bell);
    cr_assert(kf_bell_take_wake(&bell));
    cr_assert_not(kf_bell_take_wake(&bell));
    kf_bell_close(&bell);
}

/* The ringer was between its two steps when the ring was taken, and has written since. */
Test(kafka_bell, late_ringer_makes_one_wait_too_short_not_all) {
    struct kf_bell bell;
    uint64_t one = 1;

    cr_assert(kf_bell_open(&bell));
    cr_assert_eq(write(bell.fd, &one, sizeof one), (ssize_t)sizeof one);
    kf_bell_wait(&bell, -1, kf_ticks_ms() + SHORT_MS);
    int64_t began = kf_ticks_ms();
    kf_bell_wait(&bell, -1, began + SHORT_MS);
    cr_assert_geq(kf_ticks_ms() - began, SHORT_MS);
    kf_bell_close(&bell);
}
