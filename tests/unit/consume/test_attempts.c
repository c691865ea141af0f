/* tests/unit/consume/test_attempts.c - the failed attempts of events that go back to the broker are counted here where the broker does not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dispatch_fixture.h"

TestSuite(attempts, .init = dispatch_begin, .fini = dispatch_end);

static struct eb_message delivered(uint64_t token, const char *position, uint32_t failures, uint32_t deliveries) {
    static const struct eb_header id = { { "id", 2 }, { "an-id", 5 } };

    return (struct eb_message){ .size = sizeof(struct eb_message),
                                .token = token,
                                .topic = { "t", 1 },
                                .position = { position, strlen(position) },
                                .attrs = &id,
                                .n_attrs = 1,
                                .failures = failures,
                                .deliveries = deliveries };
}

static struct ebi_inflight *fail_it(const struct eb_message *message) {
    take_message(message, "a");
    struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

    inflight->failures++;
    inflight->first_failed_us = inflight->first_failed_us ? inflight->first_failed_us : 77;
    return inflight;
}

Test(attempts, attempts_outlive_a_hand_back_and_the_end_of_an_instance) {
    struct eb_message first = delivered(1, "p", 0, 0), again = delivered(2, "p", 0, 0), third = delivered(3, "p", 0, 0);

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

Test(attempts, a_broker_that_counts_is_believed_and_other_workers_failures_count_too) {
    struct eb_message first = delivered(1, "p", 0, 1), again = delivered(2, "p", 1, 2), far = delivered(3, "p", 5, 7);

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

Test(attempts, a_broker_that_counts_may_hand_out_a_repeat_with_the_same_id) {
    struct eb_message first = delivered(1, "p", 0, 1), again = delivered(2, "p", 1, 2), repeat = delivered(3, "q", 0, 1);

    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 10, 1000));
    gathered();
    cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&again), 10, 1000));
    gathered();
    cr_assert_eq(fail_it(&repeat)->failures, 1);
    cr_assert_eq(dispatch.attempts.broker, EBI_COUNTS);
}

/* A producer that was not sure sent it twice: the second one comes while the broker holds the first for its retry. */
Test(attempts, a_repeat_that_comes_before_the_retry_could_has_attempts_of_its_own) {
    struct eb_message first = delivered(1, "p", 0, 1), repeat = delivered(2, "q", 0, 1), again = delivered(3, "p", 1, 2);

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
Test(attempts, a_verdict_that_may_be_lost_shows_nothing_of_the_brokers_counting) {
    for (uint32_t counted = 0; counted < 2; counted++) {
        struct eb_message first = delivered(1, "p", 0, 1), again = delivered(2, "p", counted, 2);

        cr_assert(ebi_dispatch_retry(&dispatch, fail_it(&first), 10, 1000));
        ebi_dispatch_drop(&dispatch);
        struct ebi_inflight *inflight = fail_it(&again);
        cr_assert_eq(inflight->failures, 2);
        cr_assert_neq(dispatch.attempts.broker, EBI_MISCOUNTS);
        ebi_dispatch_ack(&dispatch, inflight, 1000);
        gathered();
    }
}

Test(attempts, counts_are_kept_of_so_many_events_and_the_oldest_give_way) {
    enum { MANY = 10050 };
    char position[24];

    for (uint64_t i = 1; i <= MANY; i++) {
        struct eb_message message = { .size = sizeof message,
                                      .token = i,
                                      .topic = { "t", 1 },
                                      .failures = 1,
                                      .position = { position, (size_t)snprintf(position, sizeof position, "%d", (int)i) } };

        take_message(&message, "");
        ebi_dispatch_return(&dispatch, ebi_dispatch_next(&dispatch), 1000);
        gathered();
    }
    cr_assert_eq(dispatch.attempts.n_kept, 10000);
}

/* What has no name that fits stays uncounted, and is no trouble. */
Test(attempts, an_event_without_a_usable_name_is_not_counted) {
    static char text[600];
    struct eb_message message = delivered(1, "p", 0, 0);
    struct eb_header id = { { "id", 2 }, { text, sizeof text - 1 } };

    memset(text, 'x', sizeof text - 1);
    message.attrs = &id;
    for (int i = 0; i < 4; i++) { /* a long id, a long topic, a long position; an empty id and no position */
        message.token = (uint64_t)i + 1;
        id.value = (struct eb_text){ i == 0 ? text : i == 3 ? "" : "an-id", i == 0 ? sizeof text - 1 : i == 3 ? 0 : 5 };
        message.topic = (struct eb_text){ i == 1 ? text : "t", i == 1 ? sizeof text - 1 : 1 };
        message.position = (struct eb_text){ i == 2 ? text : "p", i == 2 ? 257 : i == 3 ? 0 : 1 };
        ebi_dispatch_return(&dispatch, fail_it(&message), 1000);
        gathered();
        cr_assert_null(dispatch.attempts.kept, "%d", i);
    }
    struct eb_message known = delivered(9, "p", 0, 0);
    ebi_dispatch_return(&dispatch, fail_it(&known), 1000);
    gathered();
    message.token = 10;
    cr_assert_eq(fail_it(&message)->failures, 1, "it is not mistaken for another one");
}

Test(attempts, counts_end_at_the_largest_number) {
    struct eb_message first = delivered(1, "p", UINT32_MAX, 1), again = delivered(2, "p", UINT32_MAX, 3);

    struct ebi_inflight *inflight = fail_it(&first);
    inflight->failures = UINT32_MAX;
    cr_assert(ebi_dispatch_retry(&dispatch, inflight, 10, 1000));
    gathered();
    take_message(&again, "a");
    cr_assert_eq(ebi_dispatch_next(&dispatch)->failures, UINT32_MAX);
}
