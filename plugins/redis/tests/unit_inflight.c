/* plugins/redis/tests/unit_inflight.c - entries in flight are found by their place, however many there are. */
#include <criterion/criterion.h>
#include "consumer/state.h"
#include "../../../tests/unit/growth.h"

static struct rd_id id_of(uint64_t i) {
    return (struct rd_id){ 1700000000000 + i / 7, i % 7 };
}

static void find_each(size_t n) {
    struct rd_consumer c = { 0 };
    struct rd_stream streams[2] = { 0 };

    for (uint64_t i = 0; i < n; i++)
        rd_inflight_add(&c, &streams[0], id_of(i))->state = RD_DELIVERED;
    for (uint64_t i = 0; i < n; i++) {
        cr_assert(rd_is_inflight(&c, &streams[0], id_of(i)));
        cr_assert_not(rd_is_inflight(&c, &streams[1], id_of(i)));
    }
    for (size_t i = 0; i < n; i++)
        rd_inflight_remove(&c, (struct rd_inflight *)c.records.slots[i]);
    cr_assert_not(rd_is_inflight(&c, &streams[0], id_of(0)));
    rd_inflight_free_all(&c);
}

Test(inflight, finding_entries_grows_with_their_number) {
    expect_growth("found", find_each, 2000);
}

Test(inflight, what_is_lost_or_freed_is_not_in_flight) {
    struct rd_consumer c = { 0 };
    struct rd_stream stream = { 0 };
    struct rd_inflight *one, *two;

    cr_assert_not(rd_is_inflight(&c, &stream, id_of(1)));
    one = rd_inflight_add(&c, &stream, id_of(1));
    one->state = RD_FETCHED;
    one->lost = true;
    cr_assert_not(rd_is_inflight(&c, &stream, id_of(1)));
    two = rd_inflight_add(&c, &stream, id_of(1)); /* it came again */
    two->state = RD_FETCHED;
    cr_assert(rd_is_inflight(&c, &stream, id_of(1)));
    rd_inflight_remove(&c, two);
    cr_assert_not(rd_is_inflight(&c, &stream, id_of(1)));
    rd_inflight_remove(&c, one);
    rd_inflight_free_all(&c);
}
