/* tests/unit/help/test_wakeup.c - no signal is missed, and none is seen for ever. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/wakeup.h>

enum { LONG_MS = 60000, SHORT_MS = 50, ROUNDS = 20000 };

static struct ebp_wakeup wakeup;

static void set_up(void) {
    cr_assert(ebp_wakeup_open(&wakeup));
}

static void tear_down(void) {
    ebp_wakeup_close(&wakeup);
    ebp_wakeup_close(&wakeup);
}

TestSuite(help_wakeup, .init = set_up, .fini = tear_down);

static int64_t waited_ms(int64_t timeout_ms) {
    int64_t began = ebp_monotonic_ms();

    ebp_wakeup_wait(&wakeup, NULL, 0, timeout_ms);
    return ebp_monotonic_ms() - began;
}

Test(help_wakeup, a_signal_ends_a_wait_until_it_is_taken) {
    ebp_wakeup_signal(&wakeup);
    ebp_wakeup_signal(&wakeup);
    cr_assert_lt(waited_ms(LONG_MS), LONG_MS / 2);
    cr_assert_lt(waited_ms(LONG_MS), LONG_MS / 2);
    cr_assert(ebp_wakeup_take(&wakeup));
    cr_assert_not(ebp_wakeup_take(&wakeup));
    cr_assert_geq(waited_ms(SHORT_MS), SHORT_MS);
}

static void *signal_later(void *arg) {
    struct timespec wait = ebp_timespec(SHORT_MS);

    (void)arg;
    nanosleep(&wait, NULL);
    ebp_wakeup_signal(&wakeup);
    return NULL;
}

Test(help_wakeup, another_thread_ends_a_wait) {
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, signal_later, NULL), 0);
    cr_assert_lt(waited_ms(LONG_MS), LONG_MS / 2);
    pthread_join(thread, NULL);
    cr_assert(ebp_wakeup_take(&wakeup));
}

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static atomic_int offered, taken;

/* Offers one thing after the other, each when the one before was taken. */
static void *offer(void *arg) {
    (void)arg;
    for (int i = 1; i <= ROUNDS; i++) {
        atomic_store(&offered, i);
        ebp_wakeup_signal(&wakeup);
        while (atomic_load(&taken) != i)
            sched_yield();
    }
    return NULL;
}

/* A signal that was lost would show as one long wait. */
Test(help_wakeup, no_signal_is_lost_between_a_look_and_the_wait) {
    int64_t longest = 0;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, offer, NULL), 0);
    while (atomic_load(&taken) < ROUNDS) {
        ebp_wakeup_take(&wakeup);
        if (atomic_load(&offered) != atomic_load(&taken))
            atomic_store(&taken, atomic_load(&offered));
        else
            longest = longer(longest, waited_ms(LONG_MS));
    }
    pthread_join(thread, NULL);
    cr_assert_lt(longest, LONG_MS / 2);
}

Test(help_wakeup, another_descriptor_ends_a_wait) {
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    const struct pollfd others[] = { { .fd = -1 }, { .fd = ends[0], .events = POLLIN } };
    int64_t began = ebp_monotonic_ms();
    ebp_wakeup_wait(&wakeup, others, 2, LONG_MS);
    cr_assert_lt(ebp_monotonic_ms() - began, LONG_MS / 2);
    cr_assert_not(ebp_wakeup_take(&wakeup));
    close(ends[0]);
    close(ends[1]);
}

Test(help_wakeup, a_time_that_is_over_is_not_waited_for) {
    cr_assert_lt(waited_ms(0), LONG_MS / 2);
    cr_assert_lt(waited_ms(INT64_MIN), LONG_MS / 2);
}

/* The other thread was between its two steps when its signal was taken, and has written since. */
Test(help_wakeup, a_late_write_makes_one_wait_too_short_not_all) {
    uint64_t one = 1;

    cr_assert_eq(write(wakeup.fd, &one, sizeof one), (ssize_t)sizeof one);
    ebp_wakeup_wait(&wakeup, NULL, 0, SHORT_MS);
    cr_assert_geq(waited_ms(SHORT_MS), SHORT_MS);
}

/* ---- with a condition variable ---- */

static struct ebp_cond_wakeup cond;

static void set_up_cond(void) {
    cr_assert(ebp_cond_wakeup_open(&cond));
}

static void tear_down_cond(void) {
    ebp_cond_wakeup_close(&cond);
}

TestSuite(help_cond_wakeup, .init = set_up_cond, .fini = tear_down_cond);

static int64_t cond_waited_ms(int64_t timeout_ms) {
    int64_t began = ebp_monotonic_ms();

    ebp_cond_wakeup_wait(&cond, timeout_ms);
    return ebp_monotonic_ms() - began;
}

Test(help_cond_wakeup, a_signal_ends_a_wait_until_it_is_taken) {
    ebp_cond_wakeup_signal(&cond);
    ebp_cond_wakeup_signal(&cond);
    cr_assert_lt(cond_waited_ms(LONG_MS), LONG_MS / 2);
    cr_assert_lt(cond_waited_ms(LONG_MS), LONG_MS / 2);
    cr_assert(ebp_cond_wakeup_take(&cond));
    cr_assert_not(ebp_cond_wakeup_take(&cond));
    cr_assert_geq(cond_waited_ms(SHORT_MS), SHORT_MS);
}

static void *offer_by_cond(void *arg) {
    (void)arg;
    for (int i = 1; i <= ROUNDS; i++) {
        atomic_store(&offered, i);
        ebp_cond_wakeup_signal(&cond);
        while (atomic_load(&taken) != i)
            sched_yield();
    }
    return NULL;
}

Test(help_cond_wakeup, no_signal_is_lost_between_a_look_and_the_wait) {
    int64_t longest = 0;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, offer_by_cond, NULL), 0);
    while (atomic_load(&taken) < ROUNDS) {
        ebp_cond_wakeup_take(&cond);
        if (atomic_load(&offered) != atomic_load(&taken))
            atomic_store(&taken, atomic_load(&offered));
        else
            longest = longer(longest, cond_waited_ms(LONG_MS));
    }
    pthread_join(thread, NULL);
    cr_assert_lt(longest, LONG_MS / 2);
}

Test(help_cond_wakeup, a_time_that_is_over_is_not_waited_for) {
    cr_assert_lt(cond_waited_ms(0), LONG_MS / 2);
    cr_assert_lt(cond_waited_ms(INT64_MIN), LONG_MS / 2);
}
