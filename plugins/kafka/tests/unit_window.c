/* plugins/kafka/tests/unit_window.c - the place of a group never passes what is unsettled. */
#include <criterion/criterion.h>
#include "window.h"

static struct kf_window of(size_t n) {
    struct kf_window w = {0};

    for (size_t i = 0; i < n; i++) {
        cr_assert(kf_window_reserve(&w));
        kf_window_add(&w, 100 + 2 * (int64_t)i, 10);        /* offsets have gaps */
    }
    return w;
}

Test(kafka_window, place_stops_at_the_first_unsettled) {
    struct kf_window w = of(200);
    int64_t offset;
    uint32_t upto, number, n = 0;

    cr_assert_eq(kf_window_ack(&w, 1), KF_LATER);
    cr_assert_not(kf_window_place(&w, &offset, &upto));
    cr_assert_eq(kf_window_ack(&w, 0), KF_LATER);
    cr_assert(kf_window_place(&w, &offset, &upto));
    cr_assert_eq(offset, 104);
    while (kf_window_committed(&w, upto, &number))
        cr_assert_eq(number, n++);
    cr_assert_eq(n, 2);
    cr_assert_not(kf_window_place(&w, &offset, &upto));
    kf_window_free(&w);
}

Test(kafka_window, behind_the_last_one_is_its_offset_plus_1) {
    struct kf_window w = of(1);
    int64_t offset;
    uint32_t upto;

    kf_window_ack(&w, 0);
    cr_assert(kf_window_place(&w, &offset, &upto));
    cr_assert_eq(offset, 101);
    kf_window_free(&w);
}

Test(kafka_window, what_is_behind_a_returned_one_is_gone) {
    struct kf_window w = of(4);
    int64_t offset;
    uint32_t upto, number;

    kf_window_ack(&w, 2);
    kf_window_return(&w, 1);
    cr_assert(kf_window_drop(&w, false, &number));
    cr_assert_eq(number, 2);
    cr_assert_not(kf_window_drop(&w, false, &number));
    cr_assert_eq(kf_window_ack(&w, 3), KF_GONE_NOW);
    cr_assert_eq(kf_window_ack(&w, 0), KF_LATER);           /* in front of it: kept */
    cr_assert(kf_window_place(&w, &offset, &upto));
    cr_assert_eq(offset, 102);
    cr_assert_eq(w.n_out, 0);
    cr_assert_eq(w.bytes_out, 0);
    kf_window_free(&w);
}

Test(kafka_window, what_is_not_answered_is_counted_until_it_is) {
    struct kf_window w = of(4);
    int64_t offset;
    uint32_t upto, number;

    kf_window_ack(&w, 0);
    kf_window_ack(&w, 3);
    cr_assert_eq(w.n_waiting, 2);
    cr_assert_eq(w.bytes_out, 20);
    cr_assert_eq(w.bytes_waiting, 20);
    cr_assert(kf_window_place(&w, &offset, &upto));
    while (kf_window_committed(&w, upto, &number))
        continue;
    cr_assert_eq(w.bytes_waiting, 10);
    kf_window_return(&w, 1);
    while (kf_window_drop(&w, false, &number))
        continue;
    cr_assert_eq(w.n_waiting, 0);
    cr_assert_eq(w.bytes_waiting, 0);
    kf_window_free(&w);
}
