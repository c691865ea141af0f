/* tests/unit/consume/test_dispatch.c - order by key, whatever becomes of the messages. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../memory.h"
#include "dispatch_fixture.h"

TestSuite(dispatch, .init = dispatch_begin, .fini = dispatch_end);

Test(dispatch, one_of_a_key_is_at_work_at_a_time) {
    take(1, "a"), take(2, "a"), take(3, "b");
    struct ebi_inflight *first = ebi_dispatch_next(&dispatch);
    cr_assert_eq(first->message.token, 1);
    cr_assert_eq(next(), 3);
    cr_assert_eq(next(), 0, "2 stands behind 1");
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_eq(next(), 2);
    cr_assert_str_eq(gathered(), "ACK 1");
}

Test(dispatch, messages_without_a_key_do_not_wait_for_each_other) {
    take(1, ""), take(2, ""), take(3, "");
    cr_assert_eq(next(), 1);
    cr_assert_eq(next(), 2);
    cr_assert_eq(next(), 3);
}

Test(dispatch, a_sleeping_one_holds_its_key_back_and_no_other) {
    take(1, "a"), take(2, "a"), take(3, "b");
    int64_t due = INT64_MAX;
    ebi_dispatch_delay(&dispatch, ebi_dispatch_next(&dispatch), 1500);
    cr_assert_eq(next(), 3);
    cr_assert_eq(next(), 0);
    cr_assert_not(ebi_dispatch_wake(&dispatch, 1499, &due));
    cr_assert_eq(due, 1500);
    cr_assert(ebi_dispatch_wake(&dispatch, 1500, &due));
    cr_assert_eq(next(), 1);
}

Test(dispatch, a_retry_at_the_broker_takes_the_followers_along) {
    take(1, "a"), take(2, "a"), take(3, "a"), take(4, "b");
    ebi_dispatch_retry(&dispatch, ebi_dispatch_next(&dispatch), 50, 1000);
    cr_assert_eq(next(), 4);
    take(5, "a");
    cr_assert_eq(next(), 0, "5 may not pass 1, which the broker does not hold back yet");
    cr_assert_str_eq(gathered(), "RETRY 1, RETURN 2, RETURN 3, RETURN 5");
    take(1, "a");
    cr_assert_eq(next(), 1, "handed over again, it runs");
}

Test(dispatch, what_comes_after_the_verdicts_were_taken_still_goes_back) {
    struct eb_verdict *verdicts;
    uint64_t batch;

    take(1, "a");
    ebi_dispatch_retry(&dispatch, ebi_dispatch_next(&dispatch), 50, 1000);
    cr_assert_eq(ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), 1);
    free(verdicts);
    take(2, "a"); /* the plugin has not been told yet */
    ebi_dispatch_given(&dispatch, batch);
    take(3, "a");
    cr_assert_eq(next(), 0, "2 goes back in the next batch, and 3 may not pass it");
    cr_assert_str_eq(gathered(), "RETURN 2, RETURN 3");
    take(2, "a");
    cr_assert_eq(next(), 2);
}

Test(dispatch, a_parked_one_holds_its_key_back) {
    struct ebi_inflight *first = take(1, "a");

    take(2, "a");
    cr_assert_eq(next(), 1);
    ebi_dispatch_park(&dispatch, first);
    cr_assert_eq(next(), 0);
    cr_assert_eq(dispatch.running.n, 0);
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_eq(dispatch.parked, 0);
    cr_assert_eq(next(), 2);
}

Test(dispatch, all_that_waits_is_given_back_once) {
    struct ebi_inflight *first = take(1, "a");

    take(2, "a"), take(3, "b"), take(4, "c");
    cr_assert_eq(next(), 1);
    ebi_dispatch_delay(&dispatch, ebi_dispatch_next(&dispatch), 9999);
    ebi_dispatch_return_waiting(&dispatch, 1000);
    ebi_dispatch_return_waiting(&dispatch, 1000);
    cr_assert_str_eq(gathered(), "RETURN 4, RETURN 3, RETURN 2");
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_str_eq(gathered(), "ACK 1");
    cr_assert_eq(dispatch.in_flight, 0);
    cr_assert_eq(dispatch.bytes, 0);
}

Test(dispatch, what_is_revoked_goes_back_and_the_rest_goes_on) {
    uint64_t tokens[] = { 1, 2, 3 };
    struct ebi_inflight *first = take(1, "a");

    take(2, "a"), take(3, "b"), take(4, "c");
    cr_assert_eq(next(), 1);
    ebi_dispatch_revoke(&dispatch, tokens, 3, 1000);
    cr_assert_str_eq(gathered(), "RETURN 2, RETURN 3");
    cr_assert_eq(next(), 4);
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_str_eq(gathered(), "ACK 1", "one at work is finished and gets its own verdict");
}

Test(dispatch, leases_are_renewed_for_all_without_a_verdict) {
    take(1, "a"), take(2, "a"), take(3, "b");
    ebi_dispatch_ack(&dispatch, ebi_dispatch_next(&dispatch), 1000);
    ebi_dispatch_extend(&dispatch, 1000);
    cr_assert_str_eq(gathered(), "ACK 1, EXTEND 2, EXTEND 3");
    for (int i = 0; i < 100; i++)
        ebi_dispatch_extend(&dispatch, 1000);
    cr_assert_leq(dispatch.verdicts.n + dispatch.in_flight, dispatch.verdicts.room,
                  "there is always room for the final verdicts");
}

Test(dispatch, a_dropped_instance_leaves_nothing_behind) {
    struct ebi_inflight *first = take(1, "a");

    take(2, "a"), take(3, "b");
    cr_assert_eq(next(), 1);
    ebi_dispatch_drop(&dispatch);
    cr_assert_eq(dispatch.in_flight, 0);
    cr_assert_null(first->queue);
    take(1, "a"); /* the same token, of the next instance */
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_eq(dispatch.running.n, 0);
    cr_assert_eq(dispatch.verdicts.n, 0, "no verdict on what is not ours any more");
    cr_assert_eq(next(), 1);
}

static void add_token(void *sum, const struct ebi_inflight *inflight) {
    *(uint64_t *)sum += inflight->message.token;
}

Test(dispatch, all_in_flight_are_seen_those_of_a_dropped_instance_too) {
    struct ebi_inflight *first = take(1, "a");
    uint64_t sum = 0;

    cr_assert_eq(next(), 1);
    ebi_dispatch_drop(&dispatch);
    take(10, "b");
    take(100, "");
    ebi_dispatch_each(&dispatch, add_token, &sum);
    cr_assert_eq(sum, 111);
    ebi_dispatch_ack(&dispatch, first, 1000); /* its thread is done, which frees it */
}

Test(dispatch, unknown_and_repeated_confirmations_change_nothing) {
    bool acked, late;

    take(1, "a");
    cr_assert_not(ebi_dispatch_settled(&dispatch, 7, 0, &acked, &late));
    cr_assert_not(ebi_dispatch_settled(&dispatch, 1, 0, &acked, &late), "it has no verdict yet");
    cr_assert_eq(dispatch.in_flight, 1);
}

/* Revokes one message of a key, which comes again with all that were delivered after it. Returns whether it is the broker's. */
static bool revoke_one(uint64_t token) {
    const struct ebi_inflight *inflight;

    HASH_FIND(hh, dispatch.by_token, &token, sizeof token, inflight);
    bool waits = inflight && inflight->state == EBI_WAITING;
    ebi_dispatch_revoke(&dispatch, &token, 1, 0);
    return waits;
}

/* 20,000 random steps with 10 keys: at each completion of a key its number is one more than the last, nothing is lost. */
Test(dispatch, order_by_key_survives_everything_that_can_happen) {
    enum { KEYS = 10, STEPS = 20000 };
    static uint64_t sent[KEYS], done[KEYS], at_broker[KEYS]; /* at_broker: the first that is handed back; 0: none is */
    struct ebi_inflight *busy[8] = { 0 };
    unsigned short seed[3] = { 1, 2, 3 };
    int64_t now = 0, due;

    for (int step = 0; step < STEPS; step++, now++) {
        size_t key = (size_t)(nrand48(seed) % KEYS), thread = (size_t)(nrand48(seed) % 8);
        char name[2] = { (char)('a' + key), '\0' };

        if (nrand48(seed) % 2 && sent[key] < done[key] + 20) { /* the plugin hands over the next of a key */
            take(++sent[key] * KEYS + key, name);
        } else if (!busy[thread]) {
            busy[thread] = ebi_dispatch_next(&dispatch);
        } else {
            struct ebi_inflight *inflight = busy[thread];
            size_t k = inflight->message.token % KEYS;
            uint64_t number = inflight->message.token / KEYS;

            busy[thread] = NULL;
            cr_assert_eq(number, done[k] + 1, "step %d: key %zu at %u after %u", step, k, (unsigned)number, (unsigned)done[k]);
            switch (nrand48(seed) % 4) {
            case 0:
                ebi_dispatch_delay(&dispatch, inflight, now + 5);
                break;
            case 1: /* back to the broker: it, and all handed over after it, come again */
                dispatch.attempts.broker = EBI_COUNTS;
                cr_assert(ebi_dispatch_retry(&dispatch, inflight, 1, now));
                at_broker[k] = number;
                break;
            default:
                done[k] = number;
                ebi_dispatch_ack(&dispatch, inflight, now);
            }
        }
        uint64_t revoked = done[key] + 1 + (uint64_t)(nrand48(seed) % 20);
        if (step % 5 == 0 && revoke_one(revoked * KEYS + key) && (!at_broker[key] || revoked < at_broker[key]))
            at_broker[key] = revoked;
        due = INT64_MAX;
        ebi_dispatch_wake(&dispatch, now, &due);
        if (nrand48(seed) % 3 == 0)
            gathered();
        for (size_t k = 0; k < KEYS; k++)
            if (at_broker[k] && dispatch.verdicts.n == 0) {
                sent[k] = at_broker[k] - 1;
                at_broker[k] = 0;
            }
    }
    for (size_t k = 0; k < KEYS; k++)
        cr_assert_gt(done[k], 50, "key %zu made no progress", k);
}

/* More keys at a time than queues are kept of, long ones between them; then each queue is another key's. */
Test(dispatch, queues_that_are_used_again_know_nothing_of_their_last_key) {
    enum { N = 1300 };
    char key[300];

    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < N; i++) {
            snprintf(key, sizeof key, "%*d", i % 10 == 0 ? 250 : 1, (int)(round * N + i));
            take(2 * (round * N + i) + 1, key);
            take(2 * (round * N + i) + 2, key);
        }
        for (uint64_t i = 0; i < N; i++) {
            struct ebi_inflight *first = ebi_dispatch_next(&dispatch);
            cr_assert_eq(first->message.token, 2 * (round * N + i) + 1);
            if (i % 2)
                ebi_dispatch_ack(&dispatch, first, 1000);
            else
                ebi_dispatch_return(&dispatch, first, 1000);
        }
        for (uint64_t i = 1; i < N; i += 2) {
            struct ebi_inflight *second = ebi_dispatch_next(&dispatch);
            cr_assert_eq(second->message.token, 2 * (round * N + i) + 2);
            ebi_dispatch_ack(&dispatch, second, 1000);
        }
        cr_assert_null(ebi_dispatch_next(&dispatch));
        gathered();
        cr_assert_eq(dispatch.in_flight, 0);
        cr_assert_null(dispatch.queues.by_key);
    }
}

Test(dispatch, a_message_that_finds_no_memory_is_refused_and_leaves_no_trace) {
    unsigned failures = 0;

    for (uint64_t token = 1; token <= 300; token++) { /* enough for the tables to grow on the way */
        const char *key = token % 3 ? "k" : NULL;

        for (unsigned n = 1;; n++) {
            struct eb_message message = { .size = sizeof message, .token = token, .topic = { "t", 1 } };
            struct ebi_inflight *inflight = ebi_inflight_new(&message, NULL, NULL, NULL);

            fail_allocation(n);
            bool added = ebi_dispatch_add(&dispatch, inflight, key, key ? 1 : 0, 1000);
            if (!allocation_failed()) {
                cr_assert(added);
                break;
            }
            failures++;
            cr_assert_not(added, "token %u, allocation %u", (unsigned)token, n);
            cr_assert_eq(dispatch.in_flight, token - 1);
            ebi_inflight_free(inflight);
        }
    }
    cr_assert_gt(failures, 100, "only %u allocations failed", failures);
    for (uint64_t n = 0; n < 300; n++) { /* none of the queues stands in the way of another */
        struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

        cr_assert_not_null(inflight, "after %u", (unsigned)n);
        ebi_dispatch_ack(&dispatch, inflight, 1000);
    }
    gathered();
    cr_assert_eq(dispatch.in_flight, 0);
    cr_assert_null(dispatch.queues.by_key);
}

Test(dispatch, verdicts_stay_when_there_is_no_memory_to_gather_them) {
    take(1, "a");
    ebi_dispatch_ack(&dispatch, ebi_dispatch_next(&dispatch), 1000);
    struct eb_verdict *verdicts;
    uint64_t batch;

    fail_allocation(1);
    cr_assert_eq(ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), 0);
    cr_assert(allocation_failed());
    cr_assert_str_eq(gathered(), "ACK 1");
}

Test(dispatch, there_is_room_for_each_verdict_though_none_could_be_gathered) {
    struct ebi_inflight *at_work[30];
    struct eb_verdict *verdicts;
    uint64_t batch;

    for (int i = 0; i < 30; i++) {
        take((uint64_t)i + 1, "");
        at_work[i] = ebi_dispatch_next(&dispatch);
        if (i == 19)
            for (int times = 0; times < 5; times++) {
                ebi_dispatch_extend(&dispatch, 1000);
                fail_allocation(1);
                cr_assert_eq(ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), 0);
                cr_assert(allocation_failed());
            }
    }
    for (int i = 0; i < 30; i++) {
        ebi_dispatch_ack(&dispatch, at_work[i], 1000);
        cr_assert_leq(dispatch.verdicts.n, dispatch.verdicts.room);
    }
}

Test(dispatch, one_at_work_whose_instance_is_gone_is_forgotten_whatever_becomes_of_it) {
    void (*const ends[])(struct ebi_dispatch *, struct ebi_inflight *, int64_t) = { ebi_dispatch_ack, ebi_dispatch_return };
    struct ebi_inflight *inflight;

    for (int i = 0; i < 4; i++) {
        take(1, "a");
        inflight = ebi_dispatch_next(&dispatch);
        ebi_dispatch_drop(&dispatch);
        if (i < 2)
            ends[i](&dispatch, inflight, 1000);
        else if (i == 2)
            ebi_dispatch_retry(&dispatch, inflight, 50, 1000);
        else
            ebi_dispatch_delay(&dispatch, inflight, 1500);
        cr_assert_eq(dispatch.running.n, 0);
        cr_assert_str_eq(gathered(), "");
    }
}

Test(dispatch, a_wait_of_the_broker_is_no_longer_than_it_can_be_said) {
    struct eb_verdict *verdicts;
    uint64_t batch;

    take(1, "a");
    ebi_dispatch_retry(&dispatch, ebi_dispatch_next(&dispatch), INT64_MAX, 1000);
    cr_assert_eq(ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), 1);
    cr_assert_eq(verdicts[0].delay_ms, UINT32_MAX);
    free(verdicts);
}

Test(dispatch, what_is_revoked_may_stand_anywhere_in_its_queue_or_nowhere_any_more) {
    static const uint64_t middle[] = { 2 }, all[] = { 1, 3, 4, 99 };

    take(1, "a"), take(2, "a"), take(3, "a"), take(4, "b");
    struct ebi_inflight *first = ebi_dispatch_next(&dispatch), *other = ebi_dispatch_next(&dispatch);
    ebi_dispatch_revoke(&dispatch, middle, 1, 1000);
    ebi_dispatch_ack(&dispatch, other, 1000);
    ebi_dispatch_revoke(&dispatch, all, 4, 1000);
    cr_assert(first->revoked);
    ebi_dispatch_return(&dispatch, first, 1000);
    cr_assert_str_eq(gathered(), "RETURN 2, RETURN 3, ACK 4, RETURN 1");
}

Test(dispatch, what_is_revoked_takes_its_followers_along_whether_or_not_a_later_call_names_them) {
    static const uint64_t first[] = { 1 }, second[] = { 2 };

    take(1, "a"), take(2, "a"), take(3, "a"), take(4, "b");
    ebi_dispatch_revoke(&dispatch, first, 1, 1000);
    cr_assert_eq(next(), 4, "another key goes on");
    cr_assert_eq(next(), 0, "2 may not pass 1, which goes to another member");
    ebi_dispatch_revoke(&dispatch, second, 1, 1000);
    take(5, "a");
    cr_assert_eq(next(), 0, "nor may what still arrives");
    cr_assert_str_eq(gathered(), "RETURN 1, RETURN 2, RETURN 3, RETURN 5");
    take(1, "a");
    cr_assert_eq(next(), 1, "delivered again, it runs");
}

Test(dispatch, what_is_revoked_takes_the_followers_of_a_delayed_one_along) {
    static const uint64_t middle[] = { 2 };
    int64_t due = INT64_MAX;

    take(1, "a"), take(2, "a"), take(3, "a");
    ebi_dispatch_delay(&dispatch, ebi_dispatch_next(&dispatch), 1500);
    ebi_dispatch_revoke(&dispatch, middle, 1, 1000);
    cr_assert_str_eq(gathered(), "RETURN 2, RETURN 3");
    cr_assert(ebi_dispatch_wake(&dispatch, 1500, &due));
    cr_assert_eq(next(), 1);
}

Test(dispatch, what_arrives_behind_a_revoked_one_goes_back_until_the_plugin_knows) {
    static const uint64_t middle[] = { 2 };
    struct eb_verdict *verdicts;
    uint64_t batch;

    struct ebi_inflight *first = take(1, "a");
    take(2, "a");
    cr_assert_eq(next(), 1);
    ebi_dispatch_revoke(&dispatch, middle, 1, 1000);
    take(3, "a");
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_eq(next(), 0, "3 may not pass 2 while 1 is at work");
    take(4, "a");
    cr_assert_eq(next(), 0, "nor may 4 when 1 is done");
    cr_assert_eq(ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(verdicts[i].kind, verdicts[i].token == 1 ? EB_ACK : EB_RETURN);
    free(verdicts);
    ebi_dispatch_given(&dispatch, batch);
    take(2, "a");
    cr_assert_eq(next(), 2);
}

Test(dispatch, what_stands_before_a_revoked_one_runs_first) {
    static const uint64_t last[] = { 3 };

    struct ebi_inflight *first = take(1, "a");
    take(2, "a"), take(3, "a");
    cr_assert_eq(next(), 1);
    ebi_dispatch_revoke(&dispatch, last, 1, 1000);
    ebi_dispatch_ack(&dispatch, first, 1000);
    struct ebi_inflight *second = ebi_dispatch_next(&dispatch);
    cr_assert_eq(second->message.token, 2);
    ebi_dispatch_ack(&dispatch, second, 1000);
    cr_assert_str_eq(gathered(), "RETURN 3, ACK 1, ACK 2");
    cr_assert_null(dispatch.queues.by_key, "its queue is gone once the plugin knows");
}
