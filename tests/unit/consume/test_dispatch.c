/* tests/unit/consume/test_dispatch.c - order by key, whatever becomes of the messages. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "consume/dispatch.h"
#include "../memory.h"

static struct ebi_dispatch dispatch;

static void begin(void) {
    ebi_dispatch_init(&dispatch);
}

static void end(void) {
    for (struct ebi_inflight *inflight = dispatch.all; inflight; inflight = inflight->all_next)
        inflight->state = EBI_SETTLING;      /* the hands that had them are gone with the test */
    ebi_dispatch_free(&dispatch);
}

TestSuite(dispatch, .init = begin, .fini = end);

/* Takes in a message of a key; "" is no key. */
static struct ebi_inflight *take_message(const struct eb_message *message, const char *key) {
    struct ebi_inflight *inflight = ebi_inflight_new(message, NULL, NULL, NULL);

    cr_assert_not_null(inflight);
    cr_assert(ebi_dispatch_add(&dispatch, inflight, *key ? key : NULL, strlen(key), 1000));
    return inflight;
}

static struct ebi_inflight *take(uint64_t token, const char *key) {
    char position[24];
    size_t len = (size_t)snprintf(position, sizeof position, "%llu", (unsigned long long)token);

    return take_message(&(struct eb_message){.size = sizeof(struct eb_message), .token = token, .topic = {"t", 1},
                                             .position = {position, len}}, key);
}

/* One that was handed out so often that it is to run alone. */
static struct ebi_inflight *take_alone(uint64_t token, const char *key) {
    return take_message(&(struct eb_message){.size = sizeof(struct eb_message), .token = token, .topic = {"t", 1},
                                             .deliveries = 5}, key);
}

/* Gathers the verdicts as "ACK 1, RETURN 2", gives them to the plugin, and confirms them. */
static const char *gathered(void) {
    static const char *const names[] = {"?", "ACK", "RETRY", "RETURN", "EXTEND"};
    static char text[60000];
    struct eb_verdict *verdicts;
    uint64_t batch;
    size_t n = ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), len = 0;
    bool acked;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %u", i ? ", " : "", names[verdicts[i].kind],
                                (unsigned)verdicts[i].token);
    ebi_dispatch_given(&dispatch, batch);
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind != EB_EXTEND)
            cr_assert(ebi_dispatch_settled(&dispatch, verdicts[i].token, &acked));
    free(verdicts);
    return text;
}

static uint64_t next(void) {
    struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

    return inflight ? inflight->message.token : 0;
}

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
    take(2, "a");                       /* the plugin has not been told yet */
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

Test(dispatch, one_to_be_run_alone_has_no_company) {
    take(1, "a"), take_alone(2, "b"), take(3, "c");
    struct ebi_inflight *first = ebi_dispatch_next(&dispatch);
    cr_assert_eq(first->message.token, 1);
    cr_assert_eq(next(), 0, "2 waits for 1 to end");
    ebi_dispatch_ack(&dispatch, first, 1000);
    struct ebi_inflight *second = ebi_dispatch_next(&dispatch);
    cr_assert_eq(second->message.token, 2);
    cr_assert_eq(next(), 0, "3 waits for 2 to end");
    ebi_dispatch_ack(&dispatch, second, 1000);
    cr_assert_eq(next(), 3);
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
    uint64_t tokens[] = {1, 2, 3};
    struct ebi_inflight *first = take(1, "a");

    take(2, "a"), take(3, "b"), take(4, "c");
    cr_assert_eq(next(), 1);
    ebi_dispatch_revoke(&dispatch, tokens, 3, 1000);
    cr_assert_str_eq(gathered(), "RETURN 3, RETURN 2");
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
    take(1, "a");                       /* the same token, of the next instance */
    ebi_dispatch_ack(&dispatch, first, 1000);
    cr_assert_eq(dispatch.running.n, 0);
    cr_assert_eq(dispatch.verdicts.n, 0, "no verdict on what is not ours any more");
    cr_assert_eq(next(), 1);
}

Test(dispatch, unknown_and_repeated_confirmations_change_nothing) {
    bool acked;

    take(1, "a");
    cr_assert_not(ebi_dispatch_settled(&dispatch, 7, &acked));
    cr_assert_not(ebi_dispatch_settled(&dispatch, 1, &acked), "it has no verdict yet");
    cr_assert_eq(dispatch.in_flight, 1);
}

/* 20,000 random steps with 10 keys: at each completion of a key its number is one more than the last, nothing is lost. */
Test(dispatch, order_by_key_survives_everything_that_can_happen) {
    enum { KEYS = 10, STEPS = 20000 };
    static uint64_t sent[KEYS], done[KEYS], at_broker[KEYS];
    struct ebi_inflight *busy[8] = {0};
    unsigned short seed[3] = {1, 2, 3};
    int64_t now = 0, due;

    for (int step = 0; step < STEPS; step++, now++) {
        size_t key = (size_t)(nrand48(seed) % KEYS), hand = (size_t)(nrand48(seed) % 8);
        char name[2] = {(char)('a' + key), '\0'};

        if (nrand48(seed) % 2 && sent[key] < done[key] + 20) {      /* the plugin hands over the next of a key */
            take(++sent[key] * KEYS + key, name);
        } else if (!busy[hand]) {
            busy[hand] = ebi_dispatch_next(&dispatch);
        } else {
            struct ebi_inflight *inflight = busy[hand];
            size_t k = inflight->message.token % KEYS;
            uint64_t number = inflight->message.token / KEYS;

            busy[hand] = NULL;
            cr_assert_eq(number, done[k] + 1, "step %d: key %zu at %u after %u", step, k, (unsigned)number,
                         (unsigned)done[k]);
            switch (nrand48(seed) % 4) {
            case 0:
                ebi_dispatch_delay(&dispatch, inflight, now + 5);
                break;
            case 1:                     /* back to the broker: it, and all handed over after it, come again */
                dispatch.attempts.broker = EBI_COUNTS;
                cr_assert(ebi_dispatch_retry(&dispatch, inflight, 1, now));
                at_broker[k] = 1;
                break;
            default:
                done[k] = number;
                ebi_dispatch_ack(&dispatch, inflight, now);
            }
        }
        due = INT64_MAX;
        ebi_dispatch_wake(&dispatch, now, &due);
        if (nrand48(seed) % 3 == 0)
            gathered();
        for (size_t k = 0; k < KEYS; k++)
            if (at_broker[k] && dispatch.verdicts.n == 0) {
                sent[k] = done[k];
                at_broker[k] = 0;
            }
    }
    for (size_t k = 0; k < KEYS; k++)
        cr_assert_gt(done[k], 50, "key %zu made no progress", k);
}

/* More keys at a time than queues are kept of, long ones between them; then each queue is another key's. */
Test(dispatch, lanes_that_are_used_again_know_nothing_of_their_last_key) {
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

    for (uint64_t token = 1; token <= 300; token++) {       /* enough for the tables to grow on the way */
        const char *key = token % 3 ? "k" : NULL;

        for (unsigned n = 1;; n++) {
            struct eb_message message = {.size = sizeof message, .token = token, .topic = {"t", 1}};
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
    for (uint64_t n = 0; n < 300; n++) {                    /* none of the queues stands in the way of another */
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
    void (*const ends[])(struct ebi_dispatch *, struct ebi_inflight *, int64_t) = {ebi_dispatch_ack, ebi_dispatch_return};
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

Test(dispatch, what_is_revoked_may_stand_anywhere_in_its_line_or_nowhere_any_more) {
    static const uint64_t middle[] = {2}, all[] = {1, 3, 4, 99};

    take(1, "a"), take(2, "a"), take(3, "a"), take(4, "b");
    struct ebi_inflight *first = ebi_dispatch_next(&dispatch), *other = ebi_dispatch_next(&dispatch);
    ebi_dispatch_revoke(&dispatch, middle, 1, 1000);
    ebi_dispatch_ack(&dispatch, other, 1000);
    ebi_dispatch_revoke(&dispatch, all, 4, 1000);
    cr_assert(first->revoked);
    ebi_dispatch_return(&dispatch, first, 1000);
    cr_assert_str_eq(gathered(), "RETURN 2, ACK 4, RETURN 3, RETURN 1");
}

/* ---- Attempts ---- */

static struct eb_message handed_out(uint64_t token, const char *position, uint32_t failures, uint32_t deliveries) {
    static const struct eb_header id = {{"id", 2}, {"an-id", 5}};

    return (struct eb_message){.size = sizeof(struct eb_message), .token = token, .topic = {"t", 1},
                               .position = {position, strlen(position)}, .attrs = &id, .n_attrs = 1, .failures = failures,
                               .deliveries = deliveries};
}

static struct ebi_inflight *fail_it(const struct eb_message *message) {
    take_message(message, "a");
    struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

    inflight->failures++;
    inflight->first_failed_us = inflight->first_failed_us ? inflight->first_failed_us : 77;
    return inflight;
}

Test(dispatch, attempts_outlive_a_hand_back_and_the_end_of_an_instance) {
    struct eb_message first = handed_out(1, "p", 0, 0), again = handed_out(2, "p", 0, 0), third = handed_out(3, "p", 0, 0);

    ebi_dispatch_return(&dispatch, fail_it(&first), 1000);
    gathered();
    struct ebi_inflight *inflight = fail_it(&again);
    cr_assert_eq(inflight->failures, 2);
    ebi_dispatch_delay(&dispatch, inflight, 5000);
    ebi_dispatch_drop(&dispatch);
    inflight = fail_it(&third);
    cr_assert_eq(inflight->failures, 3);
    cr_assert_eq(inflight->first_failed_us, 77);
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTING_UNKNOWN, "it was not to count a hand-back");
    cr_assert_null(dispatch.attempts.kept);
}

Test(dispatch, a_broker_that_counts_is_believed_and_other_workers_failures_count_too) {
    struct eb_message first = handed_out(1, "p", 0, 1), again = handed_out(2, "p", 1, 2), far = handed_out(3, "p", 5, 7);

    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 10, 1000));
    gathered();
    struct ebi_inflight *inflight = fail_it(&again);
    cr_assert_eq(inflight->failures, 2);
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTS);
    cr_assert(ebi_dispatch_retry(&dispatch, inflight, 10, 1000));
    gathered();
    cr_assert_eq(fail_it(&far)->failures, 6, "three failed elsewhere");
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTS);
}

Test(dispatch, a_broker_that_counts_may_hand_out_a_repeat_with_the_same_id) {
    struct eb_message first = handed_out(1, "p", 0, 1), again = handed_out(2, "p", 1, 2), repeat = handed_out(3, "q", 0, 1);

    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 10, 1000));
    gathered();
    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&again), 10, 1000));
    gathered();
    cr_assert_eq(fail_it(&repeat)->failures, 1);
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTS);
}

/* A producer that was not sure sent it twice: the second one comes while the broker holds the first for its retry. */
Test(dispatch, a_repeat_that_comes_before_the_retry_could_has_attempts_of_its_own) {
    struct eb_message first = handed_out(1, "p", 0, 1), repeat = handed_out(2, "q", 0, 1), again = handed_out(3, "p", 1, 2);

    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 600000, 1000));
    gathered();
    struct ebi_inflight *inflight = fail_it(&repeat);
    cr_assert_eq(inflight->failures, 1);
    ebi_dispatch_ack(&dispatch, inflight, 1000);
    gathered();
    cr_assert_eq(fail_it(&again)->failures, 2);
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTS);
}

/* The verdict may or may not have reached the broker before its instance ended: neither is a wrong count. */
Test(dispatch, a_verdict_that_may_be_lost_shows_nothing_of_the_brokers_counting) {
    for (uint32_t counted = 0; counted < 2; counted++) {
        struct eb_message first = handed_out(1, "p", 0, 1), again = handed_out(2, "p", counted, 2);

        cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 10, 1000));
        ebi_dispatch_drop(&dispatch);
        struct ebi_inflight *inflight = fail_it(&again);
        cr_assert_eq(inflight->failures, 2);
        cr_assert_neq(dispatch.attempts.broker, EBI_MISCOUNTS);
        ebi_dispatch_ack(&dispatch, inflight, 1000);
        gathered();
    }
}

Test(dispatch, counts_are_kept_of_so_many_events_and_the_oldest_give_way) {
    enum { MANY = 10050 };
    char position[24];

    for (uint64_t i = 1; i <= MANY; i++) {
        struct eb_message message = {.size = sizeof message, .token = i, .topic = {"t", 1}, .failures = 1,
                                     .position = {position, (size_t)snprintf(position, sizeof position, "%d", (int)i)}};

        take_message(&message, "");
        ebi_dispatch_return(&dispatch, ebi_dispatch_next(&dispatch), 1000);
        gathered();
    }
    cr_assert_eq(dispatch.attempts.n_kept, 10000);
}

/* ---- What hangs holds only itself ---- */

static bool woken(int64_t now, int64_t *due) {
    *due = INT64_MAX;
    return ebi_dispatch_wake(&dispatch, now, due);
}

Test(dispatch, others_pass_one_that_waits_to_run_alone_while_a_receiver_hangs) {
    int64_t due;

    take(1, "a");
    struct ebi_inflight *hung = ebi_dispatch_next(&dispatch);
    take_alone(2, "b"), take(3, "c");
    woken(1000, &due);
    cr_assert_eq(next(), 0, "2 waits for 1, and 3 for 2");
    cr_assert_leq(due, 2000);
    cr_assert(woken(2000, &due));
    struct ebi_inflight *other = ebi_dispatch_next(&dispatch);
    cr_assert_eq(other->message.token, 3, "1 takes long, so 3 goes on");
    ebi_dispatch_ack(&dispatch, other, 2001);
    cr_assert_leq(due, 11000);
    cr_assert(woken(11000, &due));
    take(4, "d");
    struct ebi_inflight *alone = ebi_dispatch_next(&dispatch);
    cr_assert_eq(alone->message.token, 2, "1 hangs: it is no company any more");
    cr_assert_eq(alone->n_hanging, 1);
    cr_assert_eq(next(), 0);
    ebi_dispatch_ack(&dispatch, alone, 11001);
    cr_assert_eq(next(), 4);
    ebi_dispatch_ack(&dispatch, hung, 12000);
}

Test(dispatch, of_several_to_run_alone_only_the_first_waits_for_one_that_hangs) {
    int64_t due;

    take(1, "a");
    next();
    take_alone(2, "b"), take_alone(3, "c"), take(4, "d");
    woken(1000, &due);
    woken(11000, &due);
    for (uint64_t token = 2; token <= 4; token++) {
        struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

        cr_assert_eq(inflight->message.token, token);
        ebi_dispatch_ack(&dispatch, inflight, 11000);
    }
}

Test(dispatch, one_that_hangs_while_it_runs_alone_gets_company) {
    int64_t due;

    take_alone(1, "a"), take(2, "b");
    cr_assert_eq(next(), 1);
    cr_assert_not(woken(10999, &due));
    cr_assert_eq(due, 11000);
    cr_assert_eq(next(), 0);
    cr_assert(woken(11000, &due));
    cr_assert_eq(next(), 2);
}

/* However the others come and go, one that is to run alone gets its turn. */
Test(dispatch, one_that_is_to_run_alone_starves_no_more_than_the_others) {
    struct ebi_inflight *busy = NULL, *last;
    uint64_t token = 1;
    int64_t now = 1000, due, ran_ms = 0;

    take(token++, "");
    busy = ebi_dispatch_next(&dispatch);
    take_alone(1000000, "alone");
    for (; !ran_ms && now < 60000; now += 100) {        /* each works for 3 s, and another one begins before it ends */
        take(token++, "");
        woken(now, &due);
        last = ebi_dispatch_next(&dispatch);
        if (last && last->message.token == 1000000)
            ran_ms = now;
        else if (last && busy)
            ebi_dispatch_delay(&dispatch, last, now + 3000);
        if (busy && now >= 4000) {
            ebi_dispatch_ack(&dispatch, busy, now);
            busy = NULL;
        }
    }
    cr_assert(ran_ms && ran_ms < 25000, "%d", (int)ran_ms);
}
