/* plugins/kafka/tests/unit_window.c - the place of a group never passes what is unsettled. */
#include <criterion/criterion.h>
#include "../../../tests/unit/growth.h"
#include "consumer/window.h"

static struct kf_window of(size_t n) {
    struct kf_window w = { 0 };

    for (size_t i = 0; i < n; i++) {
        cr_assert(kf_window_reserve(&w));
        kf_window_add(&w, 100 + 2 * (int64_t)i, 10); /* offsets have gaps */
    }
    return w;
}

Test(kafka_window, place_stops_at_the_first_unsettled) {
    struct kf_window w = of(200);
    int64_t offset;
    uint32_t upto, number, n = 0;

    cr_assert_eq(kf_window_ack(&w, 1), KF_ACK_PENDING);
    cr_assert_not(kf_window_commit_offset(&w, &offset, &upto));
    cr_assert_eq(kf_window_ack(&w, 0), KF_ACK_PENDING);
    cr_assert(kf_window_commit_offset(&w, &offset, &upto));
    cr_assert_eq(offset, 104);
    while (kf_window_take_committed(&w, upto, &number))
        cr_assert_eq(number, n++);
    cr_assert_eq(n, 2);
    cr_assert_not(kf_window_commit_offset(&w, &offset, &upto));
    kf_window_free(&w);
}

Test(kafka_window, behind_the_last_one_is_its_offset_plus_1) {
    struct kf_window w = of(1);
    int64_t offset;
    uint32_t upto;

    kf_window_ack(&w, 0);
    cr_assert(kf_window_commit_offset(&w, &offset, &upto));
    cr_assert_eq(offset, 101);
    kf_window_free(&w);
}

Test(kafka_window, what_is_behind_a_returned_one_is_gone) {
    struct kf_window w = of(4);
    int64_t offset;
    uint32_t upto, number;

    kf_window_ack(&w, 2);
    kf_window_return(&w, 1);
    cr_assert(kf_window_take_gone(&w, false, &number));
    cr_assert_eq(number, 2);
    cr_assert_not(kf_window_take_gone(&w, false, &number));
    cr_assert_eq(kf_window_ack(&w, 3), KF_ACK_GONE);
    cr_assert_eq(kf_window_ack(&w, 0), KF_ACK_PENDING); /* in front of it: kept */
    cr_assert(kf_window_commit_offset(&w, &offset, &upto));
    cr_assert_eq(offset, 102);
    cr_assert_eq(w.n_inflight, 0);
    cr_assert_eq(w.bytes_inflight, 0);
    kf_window_free(&w);
}

Test(kafka_window, what_is_not_answered_is_counted_until_it_is) {
    struct kf_window w = of(4);
    int64_t offset;
    uint32_t upto, number;

    kf_window_ack(&w, 0);
    kf_window_ack(&w, 3);
    cr_assert_eq(w.n_acked, 2);
    cr_assert_eq(w.bytes_inflight, 20);
    cr_assert_eq(w.bytes_acked, 20);
    cr_assert(kf_window_commit_offset(&w, &offset, &upto));
    while (kf_window_take_committed(&w, upto, &number))
        continue;
    cr_assert_eq(w.bytes_acked, 10);
    kf_window_return(&w, 1);
    while (kf_window_take_gone(&w, false, &number))
        continue;
    cr_assert_eq(w.n_acked, 0);
    cr_assert_eq(w.bytes_acked, 0);
    kf_window_free(&w);
}

/* A worker that ends hands back what it has not begun, the newest first; what is done waits for the first one. */
static void hand_back_from_the_end(size_t n) {
    struct kf_window w = of(n);
    uint32_t number, dropped = 0;

    for (uint32_t i = 1; i < n / 2; i++)
        kf_window_ack(&w, i);
    for (uint32_t i = (uint32_t)n; i-- > n / 2;) {
        kf_window_return(&w, i);
        cr_assert_not(kf_window_take_gone(&w, false, &number));
    }
    kf_window_return(&w, 0);
    while (kf_window_take_gone(&w, false, &number))
        cr_assert_eq(number, ++dropped);
    cr_assert_eq(dropped, n / 2 - 1);
    cr_assert_eq(w.n_acked, 0);
    kf_window_free(&w);
}

Test(kafka_window, handing_back_grows_with_their_number) {
    expect_growth("handed back", hand_back_from_the_end, 4000);
}

static void lose_all(size_t n) {
    struct kf_window w = of(n);
    uint32_t number, dropped = 0;

    for (uint32_t i = (uint32_t)n; i-- > 1;)
        kf_window_ack(&w, i);
    while (kf_window_take_gone(&w, true, &number))
        cr_assert_eq(number, ++dropped);
    cr_assert_eq(dropped, n - 1);
    kf_window_free(&w);
}

Test(kafka_window, losing_a_partition_grows_with_what_waits_in_it) {
    expect_growth("lost", lose_all, 4000);
}

Test(kafka_window, what_is_done_after_a_walk_is_found_by_the_next) {
    struct kf_window w = of(6);
    uint32_t number;

    kf_window_ack(&w, 4);
    kf_window_return(&w, 3);
    cr_assert(kf_window_take_gone(&w, false, &number));
    cr_assert_eq(number, 4);
    kf_window_ack(&w, 1);
    kf_window_ack(&w, 2);
    kf_window_return(&w, 0);
    kf_window_return(&w, 5);
    cr_assert(kf_window_take_gone(&w, false, &number));
    cr_assert_eq(number, 1);
    cr_assert(kf_window_take_gone(&w, false, &number));
    cr_assert_eq(number, 2);
    cr_assert_not(kf_window_take_gone(&w, false, &number));
    kf_window_free(&w);
    w = of(3);
    kf_window_ack(&w, 2);
    cr_assert(kf_window_take_gone(&w, true, &number));
    kf_window_ack(&w, 1);
    cr_assert(kf_window_take_gone(&w, true, &number));
    cr_assert_eq(number, 1);
    cr_assert_not(kf_window_take_gone(&w, true, &number));
    kf_window_free(&w);
}
