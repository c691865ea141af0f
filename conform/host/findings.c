/* conform/host/findings.c - how a case tells what it found, and what it is at: lines and a page that the runner reads. */
#include "inner.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One write of less than PIPE_BUF, so that lines of several processes and threads do not mix. */
void ebc_tell(const char *verb, const char *promise, const char *text) {
    char line[EBC_LINE_ROOM];
    int head = snprintf(line, sizeof line, "%s%s%s\t", verb, promise ? "\t" : "", promise ? promise : "");
    size_t start = (size_t)head, len = strnlen(text, sizeof line - start - 1);

    memcpy(line + start, text, len);
    for (size_t i = start; i < start + len; i++)
        if (iscntrl((unsigned char)line[i]))
            line[i] = ' ';
    line[start + len] = '\n';
    if (write(EBC_FD_RESULT, line, start + len + 1) < 0)
        _exit(70);                      /* the runner is gone */
}

static void note(struct ebc *t, enum ebc_rule number, const char *format, va_list args) {
    const struct ebc_rule_text *rule = ebc_rule(number);
    const char *promise = rule->promise ? rule->promise : t->at->name;
    bool elsewhere = strcmp(promise, t->at->name) != 0;
    char text[EBC_LINE_ROOM / 2], whole[EBC_LINE_ROOM];

    if (atomic_exchange(&t->noted[number], true))
        return;
    vsnprintf(text, sizeof text, format, args);
    snprintf(whole, sizeof whole, "%s; breaks \"%s\"%s%s%s%s", text, rule->sentence,
             elsewhere ? "; seen in the case " : "", elsewhere ? t->at->name : "", t->part ? ", part " : "",
             t->part ? t->part : "");
    if (rule->suspects && !strstr(rule->suspects, t->at->name))
        ebc_tell("blame", rule->suspects, whole);
    else
        ebc_tell("broke", promise, whole);
}

void ebc_note(struct ebc *t, enum ebc_rule rule, const char *format, ...) {
    va_list args;

    va_start(args, format);
    note(t, rule, format, args);
    va_end(args);
}

/* Without closing or freeing: after a breach, nothing that the plugin would do then is known. */
void ebc_break(struct ebc *t, enum ebc_rule rule, const char *format, ...) {
    va_list args;

    va_start(args, format);
    note(t, rule, format, args);
    va_end(args);
    ebc_tell("over", NULL, "");
    _exit(0);
}

void ebc_skip(struct ebc *t, const char *format, ...) {
    char text[EBC_LINE_ROOM / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ebc_close_all(t);
    ebc_tell("skip", NULL, text);
    _exit(0);
}

static int64_t ms_of(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t ebc_ticks_ms(void) {
    return ms_of(CLOCK_MONOTONIC);
}

int64_t ebc_clock_ms(void) {
    return ms_of(CLOCK_REALTIME);
}

/* How much longer than its timeout an op may take before it counts as late: a busy machine is not the plugin's
 * fault. */
static int64_t slack_ms(const struct ebc *t) {
    return (int64_t)(3000 * (t->pace > 1 ? t->pace : 1));
}

/* Of the op that this thread is in. */
static _Thread_local int64_t due_ms;
static _Thread_local char doing[sizeof ((struct ebc_slot *)0)->doing];

/* The runner sees the case's own thread only; that it is stuck is what matters. */
static void show(struct ebc *t, int64_t until_ms) {
    if (!pthread_equal(t->thread, pthread_self()))
        return;
    if (until_ms)
        memcpy(t->slot->doing, doing, sizeof doing);
    t->slot->until_ms = until_ms;
}

void ebc_begin(struct ebc *t, int32_t timeout_ms, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    due_ms = ebc_ticks_ms() + timeout_ms + slack_ms(t);
    show(t, due_ms);
}

void ebc_end(struct ebc *t) {
    int64_t late = ebc_ticks_ms() - due_ms;

    show(t, 0);
    if (late > 0)
        ebc_note(t, EBC_TIME, "expected %s to be back within %lld ms more than its timeout; came back %lld ms after "
                 "that", doing, (long long)slack_ms(t), (long long)late);
}
