/* tests/unit/base/test_thread.c */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include "base/clock.h"
#include "base/thread.h"

struct seen {
    sigset_t blocked;
    char name[32];
};

static void *look(void *arg) {
    struct seen *seen = arg;

    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
    return seen;
}

Test(thread, runs_with_signals_blocked_but_faults) {
    struct seen seen;
    sigset_t before, after;
    pthread_t thread;
    void *result;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert_eq(ebi_thread_start(&thread, "looker", look, &seen, NULL), EB_OK);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq(result, &seen);
    cr_assert(sigismember(&seen.blocked, SIGTERM));
    cr_assert(sigismember(&seen.blocked, SIGPIPE));
    cr_assert(sigismember(&seen.blocked, SIGALRM));
    cr_assert_not(sigismember(&seen.blocked, SIGSEGV));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open;
};

static void *wait_for_gate(void *arg) {
    struct gate *gate = arg;

    pthread_mutex_lock(&gate->mutex);
    while (!gate->open)
        ebi_cond_wait_until(&gate->cond, &gate->mutex, INT64_MAX);
    pthread_mutex_unlock(&gate->mutex);
    return NULL;
}

Test(thread, has_its_name_cut_to_what_the_kernel_takes) {
    struct gate gate = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    pthread_t thread;
    char name[32];

    ebi_cond_init(&gate.cond);
    cr_assert_eq(ebi_thread_start(&thread, "a name that is too long", wait_for_gate, &gate, NULL), EB_OK);
    cr_assert_eq(pthread_getname_np(thread, name, sizeof name), 0);
    cr_assert_str_eq(name, "a name that is ");
    pthread_mutex_lock(&gate.mutex);
    gate.open = true;
    pthread_cond_signal(&gate.cond);
    pthread_mutex_unlock(&gate.mutex);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&gate.cond);
}

Test(thread, a_wait_ends_at_its_time_and_not_before) {
    struct gate gate = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    int64_t until;

    ebi_cond_init(&gate.cond);
    pthread_mutex_lock(&gate.mutex);
    until = ebi_ticks_ms() + 20;
    while (ebi_cond_wait_until(&gate.cond, &gate.mutex, until))
        ; /* woken for nothing */
    cr_assert_geq(ebi_ticks_ms(), until);
    cr_assert_not(ebi_cond_wait_until(&gate.cond, &gate.mutex, 0));
    cr_assert_not(ebi_cond_wait_until(&gate.cond, &gate.mutex, -5));
    pthread_mutex_unlock(&gate.mutex);
    pthread_cond_destroy(&gate.cond);
}
