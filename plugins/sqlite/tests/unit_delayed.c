/* plugins/sqlite/tests/unit_delayed.c - holding many messages takes time by their number, whatever keys they have. */
#include <criterion/criterion.h>
#include "../../../tests/unit/growth.h"
#include "consumer/delayed.h"

static struct sq_held *add(struct sq_hold *hold, int64_t seq, uint64_t key) {
    struct sq_held held = { .seq = seq, .key = key, .slot = (uint32_t)seq % SQ_SLOTS }, *added = sq_hold_add(hold, &held);

    cr_assert(added);
    return added;
}

static bool take(void *arg, struct sq_held *held) {
    *(struct sq_held **)arg = held;
    return false;
}

/* Takes all out again, as they become ready. */
static void empty(struct sq_hold *hold) {
    struct sq_held *held;

    while (hold->n > 0) {
        sq_hold_ready(hold, 1, SQ_ALL_SLOTS, take, &held);
        sq_hold_delete(hold, held);
        sq_hold_cleaned(hold);
    }
    cr_assert_null(hold->lines);
    sq_hold_free(hold);
}

static void one_key(size_t n) {
    struct sq_hold hold = {0};

    for (size_t i = 1; i <= n; i++)
        add(&hold, (int64_t)i, 7);
    cr_assert_eq(sq_hold_lowest(&hold), 1);
    empty(&hold);
}

Test(sqlite_hold, followers_of_one_key) {
    expect_growth("followers", one_key, 2000);
}

static void from_the_end(size_t n) {
    struct sq_hold hold = {0};

    for (size_t i = n; i > 0; i--)
        add(&hold, (int64_t)i, 7);
    cr_assert_eq(sq_hold_lowest(&hold), 1);
    empty(&hold);
}

Test(sqlite_hold, followers_that_come_from_the_end) {
    expect_growth("from the end", from_the_end, 2000);
}

/* Keys in a file are whatever its writer likes: those that share their lowest bits, too. */
static void many_keys(size_t n) {
    struct sq_hold hold = {0};

    for (size_t i = 1; i <= n; i++)
        add(&hold, (int64_t)i, (uint64_t)i << 40);
    for (size_t i = 1; i <= n; i++)
        cr_assert(sq_hold_blocks(&hold, (uint64_t)i << 40));
    cr_assert_not(sq_hold_blocks(&hold, (uint64_t)(n + 1) << 40));
    empty(&hold);
}

Test(sqlite_hold, many_keys_with_equal_ends) {
    expect_growth("keys", many_keys, 2000);
}

Test(sqlite_hold, those_of_a_key_stay_in_order_whichever_goes) {
    struct sq_hold hold = {0};
    struct sq_held *three = add(&hold, 3, 7), *nine = add(&hold, 9, 7), *held;

    add(&hold, 5, 7);
    sq_hold_delete(&hold, nine);
    add(&hold, 8, 7);                                   /* behind the one that is the newest now */
    sq_hold_delete(&hold, three);
    sq_hold_cleaned(&hold);
    for (int64_t seq = 5; seq <= 8; seq += 3) {
        sq_hold_ready(&hold, 1, SQ_ALL_SLOTS, take, &held);
        cr_assert_eq(held->seq, seq);
        sq_hold_delete(&hold, held);
    }
    sq_hold_cleaned(&hold);
    cr_assert_eq(hold.n, 0);
    sq_hold_free(&hold);
}
