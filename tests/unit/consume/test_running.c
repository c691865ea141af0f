/* tests/unit/consume/test_running.c - an event that is to run alone, and what hangs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dispatch_fixture.h"

TestSuite(running, .init = dispatch_begin, .fini = dispatch_end);

Test(running, one_to_be_run_alone_has_no_company) {
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

static bool woken(int64_t now, int64_t *due) {
    *due = INT64_MAX;
    return ebi_dispatch_wake(&dispatch, now, due);
}

Test(running, others_pass_one_that_waits_to_run_alone_while_a_receiver_hangs) {
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

Test(running, of_several_to_run_alone_only_the_first_waits_for_one_that_hangs) {
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

Test(running, one_that_hangs_while_it_runs_alone_gets_company) {
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
Test(running, one_that_is_to_run_alone_starves_no_more_than_the_others) {
    struct ebi_inflight *busy = NULL, *last;
    uint64_t token = 1;
    int64_t now = 1000, due, ran_ms = 0;

    take(token++, "");
    busy = ebi_dispatch_next(&dispatch);
    take_alone(1000000, "alone");
    for (; !ran_ms && now < 60000; now += 100) { /* each works for 3 s, and another one begins before it ends */
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
