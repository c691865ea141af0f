/* tests/unit/consume/test_growth.c - what waits at a worker costs time in proportion to its number, whatever happens to it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "consume/dispatch.h"
#include "../growth.h"

static struct ebi_dispatch dispatch;
static uint64_t *tokens;

static void begin(size_t n) {
    ebi_dispatch_init(&dispatch);
    tokens = calloc(n, sizeof *tokens);
    cr_assert_not_null(tokens);
    for (size_t i = 0; i < n; i++)
        tokens[i] = i + 1;
}

static struct ebi_inflight *take(uint64_t token, const char *key) {
    struct eb_message message = { .size = sizeof message, .token = token, .topic = { "t", 1 } };
    struct ebi_inflight *inflight = ebi_inflight_new(&message, NULL, NULL, ebi_inflight_spare(&dispatch.spares));

    cr_assert_not_null(inflight);
    cr_assert(ebi_dispatch_add(&dispatch, inflight, key, key ? strlen(key) : 0, 0));
    return inflight;
}

/* Gives the plugin the verdicts, and has it confirm those of n messages from `first` on. */
static void settle(uint64_t first, size_t n) {
    struct eb_verdict *verdicts;
    uint64_t batch;
    bool acked, late;

    if (ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch) > 0)
        ebi_dispatch_given(&dispatch, batch);
    free(verdicts);
    for (size_t i = 0; i < n; i++)
        ebi_dispatch_settled(&dispatch, first + i, 0, &acked, &late);
}

static void end(size_t n) {
    settle(1, n);
    cr_assert_eq(dispatch.in_flight, 0);
    ebi_dispatch_free(&dispatch);
    free(tokens);
}

static void revoke_a_long_key_queue(size_t n) {
    begin(n);
    for (size_t i = 0; i < n; i++)
        take(tokens[i], "one key");
    ebi_dispatch_revoke(&dispatch, tokens, n, 0);
    end(n);
}

static void revoke_behind_one_at_work(size_t n) {
    begin(n);
    for (size_t i = 0; i < n; i++)
        take(tokens[i], "one key");
    struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);
    for (size_t i = n; i-- > 1;)
        ebi_dispatch_revoke(&dispatch, &tokens[i], 1, 0);
    ebi_dispatch_ack(&dispatch, inflight, 0);
    end(n);
}

static void revoke_one_by_one_in_order(size_t n) {
    begin(n);
    for (size_t i = 0; i < n; i++)
        take(tokens[i], "one key");
    for (size_t i = 0; i < n; i++)
        ebi_dispatch_revoke(&dispatch, &tokens[i], 1, 0);
    end(n);
}

/* Each of many keys waits for its retry, while the loop turns. */
static void turn_while_keys_sleep(size_t n) {
    int64_t due;

    begin(n);
    for (size_t i = 0; i < n; i++) {
        take(tokens[i], NULL);
        ebi_dispatch_delay(&dispatch, ebi_dispatch_next(&dispatch), 1000 + (int64_t)(i * 7919 % n));
    }
    for (size_t i = 0; i < n; i++) {
        due = INT64_MAX;
        cr_assert_not(ebi_dispatch_wake(&dispatch, (int64_t)(i % 1000), &due));
        cr_assert_eq(due, 1000);
    }
    due = INT64_MAX;
    cr_assert(ebi_dispatch_wake(&dispatch, 1000 + (int64_t)n, &due));
    ebi_dispatch_return_waiting(&dispatch, 0);
    end(n);
}

/* A worker drains, and the plugin confirms one by one. */
static void drain_slowly(size_t n) {
    begin(n);
    for (size_t i = 0; i < n; i++)
        take(tokens[i], NULL);
    for (size_t i = 0; i < n; i++) {
        ebi_dispatch_return_waiting(&dispatch, 0);
        settle(tokens[i], 1);
    }
    end(n);
}

/* Many dead letters are on their way while a worker drains. */
static void drain_with_dead_letters_on_their_way(size_t n) {
    struct ebi_inflight **parked = calloc(n, sizeof *parked);

    begin(n);
    for (size_t i = 0; i < n; i++) {
        take(tokens[i], NULL);
        parked[i] = ebi_dispatch_next(&dispatch);
        ebi_dispatch_park(&dispatch, parked[i]);
    }
    for (size_t i = 0; i < n; i++) {
        ebi_dispatch_return_waiting(&dispatch, 0);
        ebi_dispatch_ack(&dispatch, parked[i], 0);
        settle(tokens[i], 1);
    }
    free(parked);
    end(n);
}

Test(growth, revoking_a_long_key_queue_takes_proportional_time) {
    expect_growth("revoked", revoke_a_long_key_queue, 500);
}

Test(growth, revoking_one_by_one_behind_one_at_work_takes_proportional_time) {
    expect_growth("revoked one by one", revoke_behind_one_at_work, 500);
}

Test(growth, revoking_one_by_one_in_order_takes_proportional_time) {
    expect_growth("revoked in order", revoke_one_by_one_in_order, 500);
}

Test(growth, keys_that_sleep_cost_a_turn_nothing) {
    expect_growth("slept", turn_while_keys_sleep, 500);
}

Test(growth, a_slow_drain_takes_proportional_time) {
    expect_growth("drained", drain_slowly, 500);
}

Test(growth, dead_letters_on_their_way_cost_a_drain_nothing) {
    expect_growth("drained with dead letters", drain_with_dead_letters_on_their_way, 500);
}
