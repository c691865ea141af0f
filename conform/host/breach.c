/* conform/host/breach.c - reports what a test finds: broken promises, reasons to skip, and ops that take too long. */
#include "host/host.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_ROOM = 1500, OP_ROOM = 120 };

static void note(struct ebc_test *t, enum ebc_rule rule, bool over, const char *format, va_list args) {
    char text[TEXT_ROOM];
    bool before = atomic_exchange(&t->noted[rule], true);

    assert(rule < EBC_RULES);
    vsnprintf(text, sizeof text, format, args);
    if (!before || over)
        t->observer->breach(t, rule, before ? NULL : text, over);
}

void ebc_note(struct ebc_test *t, enum ebc_rule rule, const char *format, ...) {
    va_list args;

    va_start(args, format);
    note(t, rule, false, format, args);
    va_end(args);
}

void ebc_break(struct ebc_test *t, enum ebc_rule rule, const char *format, ...) {
    va_list args;

    va_start(args, format);
    note(t, rule, true, format, args);
    va_end(args);
    abort(); /* the observer does not return */
}

void ebc_skip(struct ebc_test *t, const char *format, ...) {
    char text[TEXT_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ebc_close_all(t);
    t->observer->skip(t, text);
    abort();
}

void ebc_attempt(struct ebc_test *t, bool (*attempt)(struct ebc_test *, int number)) {
    enum { TRIES = 4 }; /* two groups each are as many as ebc_group_bit has bits for */

    for (int i = 0; i < TRIES; i++)
        if (attempt(t, i))
            return;
    ebc_skip(
        t,
        "%d times this machine was too busy to extend a lease in time: run the kit when it is less busy, or give the plugin a "
        "longer lease by -o",
        TRIES);
}

/* ---- how long ops take ---- */

static int64_t ms_of(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t ebc_monotonic_ms(void) {
    return ms_of(CLOCK_MONOTONIC);
}

int64_t ebc_wall_ms(void) {
    return ms_of(CLOCK_REALTIME);
}

/* How much longer than its timeout an op may take before it counts as late: a busy machine is not the plugin's
 * fault. */
static int64_t slack_ms(const struct ebc_test *t) {
    return (int64_t)(3000 * t->pace > 10000 ? 3000 * t->pace : 10000);
}

/* The op that this thread is in. */
static _Thread_local int64_t due_ms;
static _Thread_local char op[OP_ROOM];

/* The observer hears of the test's own thread only: what matters is that this one is stuck. */
static void show(struct ebc_test *t, int64_t until_ms) {
    if (pthread_equal(t->thread, pthread_self()))
        t->observer->op(t, op, until_ms);
}

void ebc_op_begins(struct ebc_test *t, int32_t timeout_ms, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(op, sizeof op, format, args);
    va_end(args);
    due_ms = ebc_monotonic_ms() + timeout_ms + slack_ms(t);
    show(t, due_ms);
}

void ebc_op_ended(struct ebc_test *t) {
    int64_t late_ms = ebc_monotonic_ms() - due_ms;

    show(t, 0);
    if (late_ms > 0)
        ebc_note(t, EBC_TIME,
                 "expected %s to be back within %lld ms more than its timeout; came back %lld ms after "
                 "that",
                 op, (long long)slack_ms(t), (long long)late_ms);
}
