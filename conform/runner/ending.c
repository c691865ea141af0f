/* conform/runner/ending.c - how the process of a case ended: by a signal, an exit, a sanitizer's report. */
#include "runner/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/rules.h"

/* Returns what the process wrote, as far as there is room; NULL: nothing. In memory of this function. */
static char *written(const struct ebc_process *child) {
    static char all[65536];
    ssize_t n = child->output < 0 ? 0 : pread(child->output, all, sizeof all - 1, 0);

    if (n <= 0)
        return NULL;
    all[n] = '\0';
    return all;
}

/* A sanitizer's report begins with one of these. */
static char *find_report(char *all) {
    char *error = strstr(all, "Sanitizer:");

    return error ? error : strstr(all, "runtime error:");
}

bool ebc_process_has_report(const struct ebc_process *child) {
    char *all = written(child);

    return all && find_report(all);
}

char *ebc_process_written(const struct ebc_process *child) {
    char *all = written(child), *line = all, *error;

    if (!all)
        return NULL;
    error = find_report(all);
    if (error)
        for (line = error; line > all && line[-1] != '\n'; line--)
            continue;
    line[strcspn(line, "\n")] = '\0';
    return strndup(line, 300);
}

/* What malloc writes when it finds the heap damaged. */
static bool heap_is_damaged(const struct ebc_process *child) {
    static const char *const words[] = {
        "free(): ",   "malloc(): ",       "realloc(): ", "malloc_consolidate(): ", "double free or corruption",
        "corrupted ", "munmap_chunk(): ", "malloc: "
    };
    char *all = written(child);

    for (size_t i = 0; all && i < sizeof words / sizeof *words; i++)
        if (strstr(all, words[i]))
            return true;
    return false;
}

/* Appends to a malloced text, which may be NULL when there is no memory. */
static char *with(char *text, const char *more) {
    char *both = NULL;

    if (text && asprintf(&both, "%s%s", text, more) < 0)
        return text;
    free(text);
    return both;
}

static char *after_signal(const struct ebc_process *child) {
    const struct ebc_progress *progress = &child->page->of[0];
    int number = WTERMSIG(child->status);
    char *text = NULL;

    if (asprintf(&text, "expected the case to end; came SIG%s, which ended its process; its last call was %s",
                 sigabbrev_np(number), progress->op) < 0)
        return NULL;
    if (heap_is_damaged(child)) {
        text = with(text, "; the heap had been damaged before: that call only met the damage");
    } else if (number == SIGABRT) {
        text = with(with(text, "; breaks \""), ebc_rule(EBC_FORBIDDEN)->sentence);
        text = with(text, "\"");
    }
    text = with(text, progress->closed[0] ? "; closed before it: " : "; no instance had been closed before it");
    return with(text, progress->closed);
}

static char *after_exit(const struct ebc_process *child) {
    const char *op = child->page->of[0].op, *breaks = ebc_rule(EBC_FORBIDDEN)->sentence;
    bool reported = child->done || child->over || child->skip;
    int status = WEXITSTATUS(child->status), made = 0;
    char *text = NULL;

    if (reported && status == 0)
        return NULL;
    if (reported)
        made = asprintf(&text, "expected the process to end with status 0 after the case; came %d", status);
    else
        made = asprintf(
            &text, "expected the case to end; came the end of its process with status %d; its last call was %s; breaks \"%s\"",
            status, op, breaks);
    return made < 0 ? NULL : text;
}

char *ebc_process_bad_end(const struct ebc_process *child) {
    bool badly = child->stuck || WIFSIGNALED(child->status) || WEXITSTATUS(child->status) != 0 ||
                 (!child->done && !child->over && !child->skip);
    char *text;

    if (!badly)
        return NULL;
    text = child->stuck ? strdup(child->stuck) : WIFSIGNALED(child->status) ? after_signal(child) : after_exit(child);
    return text ? text : strdup("the process ended badly");
}
