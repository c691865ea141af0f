/* tests/unit/base/test_timers.c */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "base/timers.h"
#include "../growth.h"

Test(timers, the_earliest_comes_first_and_only_when_its_time_has_come) {
    struct ebi_timers timers = { 0 };
    struct ebi_timer a = { 0 }, b = { 0 }, c = { 0 };

    ebi_timers_add(&timers, &a, 30);
    ebi_timers_add(&timers, &b, 10);
    ebi_timers_add(&timers, &c, 20);
    cr_assert_null(ebi_timers_take_due(&timers, 9));
    cr_assert_eq(ebi_timers_take_due(&timers, 20), &b);
    cr_assert_not(b.set);
    cr_assert_eq(ebi_timers_take_due(&timers, 20), &c);
    cr_assert_null(ebi_timers_take_due(&timers, 20));
    ebi_timers_remove(&timers, &a);
    ebi_timers_remove(&timers, &a);
    cr_assert_null(timers.first);
}

/* Against a plain table: adds, removes and takes by chance. */
Test(timers, they_agree_with_a_table) {
    enum { N = 200 };
    static struct ebi_timer all[N];
    struct ebi_timers timers = { 0 };

    srand(1);
    for (int step = 0; step < 100000; step++) {
        struct ebi_timer *timer = &all[rand() % N];
        int64_t earliest = INT64_MAX;

        if (timer->set)
            ebi_timers_remove(&timers, timer);
        else
            ebi_timers_add(&timers, timer, rand() % 50);
        for (int i = 0; i < N; i++)
            if (all[i].set && all[i].at_ms < earliest)
                earliest = all[i].at_ms;
        cr_assert_eq(timers.first ? timers.first->at_ms : INT64_MAX, earliest);
        if (rand() % 3 == 0 && timers.first) {
            cr_assert_null(ebi_timers_take_due(&timers, earliest - 1));
            cr_assert_eq(ebi_timers_take_due(&timers, earliest)->at_ms, earliest);
        }
    }
}

static void wait_and_take(size_t n) {
    struct ebi_timer *all = calloc(n, sizeof *all);
    struct ebi_timers timers = { 0 };

    for (size_t i = 0; i < n; i++)
        ebi_timers_add(&timers, &all[i], (int64_t)(i * 2654435761u % n));
    for (size_t i = 0; i < n; i += 2)
        ebi_timers_remove(&timers, &all[i]);
    while (ebi_timers_take_due(&timers, INT64_MAX))
        continue;
    free(all);
}

Test(timers, waiting_takes_proportional_time) {
    expect_growth("timers", wait_and_take, 4000);
}
