/* conform/runner/observer.c - passes what a case finds, and what it is doing, from its process to the runner. */
#include "runner/child.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One write of less than PIPE_BUF, so that lines of several processes and threads do not mix. */
void ebc_tell(struct ebc_test *t, const char *verb, const char *promise, const char *text) {
    char line[EBC_LINE_ROOM];
    int head = snprintf(line, sizeof line, "%s%s%s\t", verb, promise ? "\t" : "", promise ? promise : "");
    size_t start = (size_t)head, len = strnlen(text, sizeof line - start - 1);

    memcpy(line + start, text, len);
    for (size_t i = start; i < start + len; i++)
        if (iscntrl((unsigned char)line[i]))
            line[i] = ' ';
    line[start + len] = '\n';
    if (write(ebc_child_of(t)->result, line, start + len + 1) < 0 && !ebc_child_of(t)->here)
        _exit(70); /* the runner is gone */
}

void ebc_end_case(struct ebc_test *t) {
    if (!ebc_child_of(t)->here)
        _exit(0);
    if (!pthread_equal(t->thread, pthread_self()))
        abort(); /* without memory, in a thread of the plugin */
    longjmp(ebc_child_of(t)->end, 1);
}

/* Copies the suspects of a rule that come before the case itself, the more basic ones first; "": the case answers alone. */
static void copy_suspects(const struct ebc_rule_text *rule, const char *name, char suspects[EBC_LINE_ROOM]) {
    const char *all = rule->suspects ? rule->suspects : "", *own = strstr(all, name);
    size_t len = own ? (size_t)(own - all) : strlen(all);

    snprintf(suspects, EBC_LINE_ROOM, "%.*s", (int)(own && len > 0 ? len - 1 : len), all);
}

static void write_breach(struct ebc_child *child, const struct ebc_rule_text *rule, const char *text) {
    const char *name = child->test.name, *promise = rule->promise ? rule->promise : name;
    bool elsewhere = strcmp(promise, name) != 0;
    char whole[EBC_LINE_ROOM], suspects[EBC_LINE_ROOM];

    snprintf(whole, sizeof whole, "%s; breaks \"%s\"%s%s%s%s", text, rule->sentence, elsewhere ? "; seen in the case " : "",
             elsewhere ? name : "", child->peer ? ", part " : "", child->peer ? child->peer : "");
    copy_suspects(rule, name, suspects);
    if (suspects[0])
        ebc_tell(&child->test, "blame", suspects, whole);
    else
        ebc_tell(&child->test, "broke", promise, whole);
}

/* Where the case is over, it ends without closing or freeing: after a breach, nothing that the plugin would do then
 * is known. */
static void on_breach(struct ebc_test *t, enum ebc_rule rule, const char *text, bool over) {
    if (text)
        write_breach(ebc_child_of(t), ebc_rule(rule), text);
    if (over) {
        ebc_tell(t, "over", NULL, "");
        ebc_child_of(t)->broke_off = true;
        ebc_end_case(t);
    }
}

static void on_skip(struct ebc_test *t, const char *why) {
    ebc_tell(t, "skip", NULL, why);
    ebc_end_case(t);
}

static void on_op(struct ebc_test *t, const char *op, int64_t until_ms) {
    struct ebc_progress *progress = ebc_child_of(t)->progress;

    if (until_ms)
        snprintf(progress->op, sizeof progress->op, "%s", op);
    progress->until_ms = until_ms;
}

static void on_log(struct ebc_test *t, const char *text) {
    struct ebc_progress *progress = ebc_child_of(t)->progress;

    snprintf(progress->logged, sizeof progress->logged, "%s", text);
}

/* Keeps the last names that there is room for. */
static void on_closed(struct ebc_test *t, const char *name) {
    char *closed = ebc_child_of(t)->progress->closed, *rest = closed;
    const size_t room = sizeof ebc_child_of(t)->progress->closed;

    while (*rest && strlen(rest) + strlen(name) + sizeof ", " > room)
        rest = strstr(rest, ", ") ? strstr(rest, ", ") + 2 : rest + strlen(rest);
    memmove(closed, rest, strlen(rest) + 1);
    snprintf(closed + strlen(closed), room - strlen(closed), "%s%s", closed[0] ? ", " : "", name);
}

const struct ebc_observer ebc_child_observer = {
    .breach = on_breach, .skip = on_skip, .op = on_op, .log = on_log, .closed = on_closed
};
