/* plugins/sqlite/tests/unit_delayed.c - holding many messages takes time by their number, whatever keys they have. */
#include <criterion/criterion.h>
#include "../../../tests/unit/growth.h"
#include "consumer/delayed.h"

static struct sq_delayed_message *add(struct sq_delayed *delayed, int64_t seq, uint64_t key) {
    struct sq_delayed_message msg = { .seq = seq, .key = key, .slot = (uint32_t)seq % SQ_SLOTS },
                              *added = sq_delayed_add(delayed, &msg);

    cr_assert(added);
    return added;
}

static bool take(void *arg, struct sq_delayed_message *msg) {
    *(struct sq_delayed_message **)arg = msg;
    return false;
}

/* Takes all out again, as they become ready. */
static void empty(struct sq_delayed *delayed) {
    struct sq_delayed_message *msg;

    while (delayed->n > 0) {
        sq_delayed_ready(delayed, 1, SQ_ALL_SLOTS, take, &msg);
        sq_delayed_delete(delayed, msg);
        sq_delayed_saved(delayed);
    }
    cr_assert_null(delayed->queues);
    sq_delayed_free(delayed);
}

static void one_key(size_t n) {
    struct sq_delayed delayed = { 0 };

    for (size_t i = 1; i <= n; i++)
        add(&delayed, (int64_t)i, 7);
    cr_assert_eq(sq_delayed_lowest(&delayed), 1);
    empty(&delayed);
}

Test(sqlite_delayed, followers_of_one_key) {
    expect_growth("followers", one_key, 2000);
}

static void from_the_end(size_t n) {
    struct sq_delayed delayed = { 0 };

    for (size_t i = n; i > 0; i--)
        add(&delayed, (int64_t)i, 7);
    cr_assert_eq(sq_delayed_lowest(&delayed), 1);
    empty(&delayed);
}

Test(sqlite_delayed, followers_that_come_from_the_end) {
    expect_growth("from the end", from_the_end, 2000);
}

/* Keys in a file are whatever its writer likes: those that share their lowest bits, too. */
static void many_keys(size_t n) {
    struct sq_delayed delayed = { 0 };

    for (size_t i = 1; i <= n; i++)
        add(&delayed, (int64_t)i, (uint64_t)i << 40);
    for (size_t i = 1; i <= n; i++)
        cr_assert(sq_delayed_blocks(&delayed, (uint64_t)i << 40));
    cr_assert_not(sq_delayed_blocks(&delayed, (uint64_t)(n + 1) << 40));
    empty(&delayed);
}

Test(sqlite_delayed, many_keys_with_equal_ends) {
    expect_growth("keys", many_keys, 2000);
}

Test(sqlite_delayed, those_of_a_key_stay_in_order_whichever_goes) {
    struct sq_delayed delayed = { 0 };
    struct sq_delayed_message *three = add(&delayed, 3, 7), *nine = add(&delayed, 9, 7), *msg;

    add(&delayed, 5, 7);
    sq_delayed_delete(&delayed, nine);
    add(&delayed, 8, 7); /* behind the one that is the newest now */
    sq_delayed_delete(&delayed, three);
    sq_delayed_saved(&delayed);
    for (int64_t seq = 5; seq <= 8; seq += 3) {
        sq_delayed_ready(&delayed, 1, SQ_ALL_SLOTS, take, &msg);
        cr_assert_eq(msg->seq, seq);
        sq_delayed_delete(&delayed, msg);
    }
    sq_delayed_saved(&delayed);
    cr_assert_eq(delayed.n, 0);
    sq_delayed_free(&delayed);
}
