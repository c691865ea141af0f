/* tests/unit/signal/test_receivers.c - receivers that come and go while they run. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "base/error.h"
#include "signal/receivers.h"

static struct ebi_receivers *receivers;
static char ran[100];

static void begin(void) {
    receivers = ebi_receivers_new();
    ran[0] = '\0';
}

static void end(void) {
    ebi_receivers_free(receivers);
}

TestSuite(receivers, .init = begin, .fini = end);

static enum eb_status note(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event, (void)err;
    strcat(ran, arg);
    return EB_OK;
}

static enum eb_status fail(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event;
    strcat(ran, arg);
    return ebi_error(err, EB_PERMANENT, EB_KIND_NONE, "%s is broken", (const char *)arg);
}

static enum eb_status fail_silently(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event, (void)arg, (void)err;
    return EB_RETRIABLE;
}

static enum eb_status run(struct eb_outcome *outcome) {
    return ebi_receivers_run(receivers, NULL, false, outcome, NULL);
}

Test(receivers, run_in_the_order_they_were_connected) {
    struct eb_outcome outcome = { 0 };

    cr_assert_eq(ebi_receivers_add(receivers, "first", note, "1", NULL), EB_OK);
    cr_assert_eq(ebi_receivers_add(receivers, "second", note, "2", NULL), EB_OK);
    cr_assert_eq(run(&outcome), EB_OK);
    cr_assert_str_eq(ran, "12");
    cr_assert_eq(outcome.receivers, 2);
    cr_assert_eq(outcome.failed, 0);
}

Test(receivers, all_run_though_some_fail_and_each_failure_is_told) {
    struct eb_outcome outcome = { 0 };

    ebi_receivers_add(receivers, "a", fail, "1", NULL);
    ebi_receivers_add(receivers, "b", note, "2", NULL);
    ebi_receivers_add(receivers, "c", fail_silently, "3", NULL);
    cr_assert_eq(run(&outcome), EB_OK);
    cr_assert_str_eq(ran, "12");
    cr_assert_eq(outcome.receivers, 3);
    cr_assert_eq(outcome.failed, 2);
    cr_assert_str_eq(outcome.failures[0].receiver, "a");
    cr_assert_str_eq(outcome.failures[0].error.text, "1 is broken");
    cr_assert_eq(outcome.failures[1].error.status, EB_RETRIABLE);
    cr_assert_str_eq(outcome.failures[1].error.text, "failed and gave no reason");
    eb_outcome_free(&outcome);
}

Test(receivers, can_be_told_to_stop_at_the_first_failure) {
    struct eb_outcome outcome = { 0 };
    struct eb_error err;

    ebi_receivers_add(receivers, "a", fail, "1", NULL);
    ebi_receivers_add(receivers, "b", note, "2", NULL);
    cr_assert_eq(ebi_receivers_run(receivers, NULL, true, &outcome, &err), EB_PERMANENT);
    cr_assert_str_eq(err.text, "1 is broken");
    cr_assert_str_eq(ran, "1");
    eb_outcome_free(&outcome);
}

Test(receivers, a_name_is_taken_once) {
    struct eb_error err;

    ebi_receivers_add(receivers, "grant badge", note, "1", NULL);
    cr_assert_eq(ebi_receivers_add(receivers, "grant badge", note, "2", &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "grant badge"));
    cr_assert_eq(ebi_receivers_remove(receivers, "grant badge"), EB_OK);
    cr_assert_eq(ebi_receivers_remove(receivers, "grant badge"), EB_GONE);
    cr_assert_eq(ebi_receivers_add(receivers, "grant badge", note, "2", NULL), EB_OK);
}

static enum eb_status leave(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event, (void)err;
    strcat(ran, "x");
    return ebi_receivers_remove(receivers, arg) == EB_OK ? EB_OK : EB_PERMANENT;
}

Test(receivers, may_disconnect_themselves_and_later_ones) {
    struct eb_outcome outcome = { 0 };

    ebi_receivers_add(receivers, "self", leave, "self", NULL);
    ebi_receivers_add(receivers, "killer", leave, "victim", NULL);
    ebi_receivers_add(receivers, "victim", note, "v", NULL);
    cr_assert_eq(run(&outcome), EB_OK);
    cr_assert_str_eq(ran, "xx", "one removed while the others run is not run any more");
    cr_assert_eq(outcome.failed, 0);
}

static atomic_int inside, gate;

static enum eb_status wait_at_gate(const struct eb_event *event, void *arg, struct eb_error *err) {
    (void)event, (void)arg, (void)err;
    atomic_store(&inside, 1);
    while (!atomic_load(&gate))
        sched_yield();
    atomic_store(&inside, 2);
    return EB_OK;
}

static void *run_in_thread(void *arg) {
    struct eb_outcome outcome = { 0 };

    (void)arg;
    run(&outcome);
    return NULL;
}

static void *open_gate(void *arg) {
    (void)arg;
    atomic_store(&gate, 1);
    return NULL;
}

Test(receivers, are_not_running_any_more_once_disconnected) {
    pthread_t runner, opener;

    ebi_receivers_add(receivers, "slow", wait_at_gate, NULL, NULL);
    cr_assert_eq(pthread_create(&runner, NULL, run_in_thread, NULL), 0);
    while (atomic_load(&inside) != 1)
        sched_yield();
    cr_assert_eq(pthread_create(&opener, NULL, open_gate, NULL), 0);
    cr_assert_eq(ebi_receivers_remove(receivers, "slow"), EB_OK);
    cr_assert_eq(atomic_load(&inside), 2);
    pthread_join(runner, NULL);
    pthread_join(opener, NULL);
}
