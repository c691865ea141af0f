/* conform/runner/outcome.c - what becomes of each case: from what its process told, and from what others saw of its promise. */
#include "runner/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/rules.h"

static char *joined(const char *a, const char *between, const char *b) {
    char *text;

    if (asprintf(&text, "%s%s%s", a, b ? between : "", b ? b : "") < 0)
        return NULL;
    return text;
}

/* Takes `why`, which is malloced, as the reason of another outcome. */
static void change(struct ebc_result *result, enum ebc_outcome outcome, char *why) {
    result->outcome = outcome;
    free(result->why);
    result->why = why;
    result->changed = true;
}

static void keep_seen(struct ebc_run *r, size_t at, const struct ebc_breach *breach) {
    struct ebc_breach_seen *more = realloc(r->seen, (r->n_seen + 1) * sizeof *more);

    if (!more)
        return;
    r->seen = more;
    more[r->n_seen++] = (struct ebc_breach_seen){
        { breach->promise ? strdup(breach->promise) : NULL, breach->text ? strdup(breach->text) : NULL }, at
    };
}

/* Appends to a malloced text; without memory it stays as it is. */
static char *with(char *why, const char *before, const char *text) {
    char *more = why && text && text[0] ? joined(why, before, text) : NULL;

    if (!more)
        return why;
    free(why);
    return more;
}

static char *with_debug_command(const struct ebc_run *r, const char *name, char *why) {
    char *command = ebc_debug_command(r, name);

    why = with(why, "; to see it: ", command);
    free(command);
    return why;
}

/* A plugin must print nothing; what belongs to a crash is part of that failure. */
static void check_output(struct ebc_run *r, size_t at, const struct ebc_process *child) {
    char *line = ebc_process_written(child), *text = NULL;

    if (line && asprintf(&text, "expected nothing on stdout and stderr; came \"%s\"; breaks \"%s\"; seen in the case %s", line,
                         ebc_rule(EBC_FORBIDDEN)->sentence, child->name) >= 0) {
        if (ebc_process_has_report(child))
            text = with_debug_command(r, child->name, text);
        keep_seen(r, at, &(struct ebc_breach){ (char *)(uintptr_t)EBC_LEAVES_PROCESS, text });
    }
    free(text);
    free(line);
}

static void fail(struct ebc_run *r, struct ebc_result *result, struct ebc_process *child, const char *end) {
    char *output = end ? ebc_process_written(child) : NULL, *why = strdup(child->broke ? child->broke : end);

    if (child->broke)
        why = with(why, "; ", end);
    why = with(why, "; it wrote: ", output);
    why = with(why, "; the plugin's last words: ", child->page->of[0].logged);
    if (end)
        why = with_debug_command(r, child->name, why);
    change(result, EBC_FAIL, why);
    result->suspects = child->suspects;
    child->suspects = NULL;
    free(output);
}

void ebc_set_outcome(struct ebc_run *r, size_t at, struct ebc_process *child) {
    struct ebc_result *result = &r->results[at];
    char *end = ebc_process_bad_end(child);

    for (size_t i = 0; i < child->n_breaches; i++)
        keep_seen(r, at, &child->breaches[i]);
    if (child->broke || end) {
        fail(r, result, child, end);
    } else if (child->over) {
        change(result, EBC_SKIP,
               joined("not judged: it needs ", "",
                      child->n_breaches ? child->breaches[child->n_breaches - 1].promise : "what failed before"));
    } else if (child->skip) {
        change(result, EBC_SKIP, strdup(child->skip));
    } else {
        change(result, EBC_PASS, NULL);
        check_output(r, at, child);
    }
    free(end);
}

/* If the case that names the promise was not selected, the one that saw the breach fails. */
void ebc_attribute(struct ebc_run *r) {
    for (size_t i = 0; i < r->n_seen; i++) {
        const struct ebc_breach *breach = &r->seen[i].breach;
        struct ebc_result *result = &r->results[r->seen[i].in];

        for (size_t k = 0; k < r->n; k++)
            if (breach->promise && strcmp(r->results[k].of->name, breach->promise) == 0)
                result = &r->results[k];
        if (result->outcome != EBC_FAIL && result->outcome != EBC_NOT_RUN)
            change(result, EBC_FAIL, breach->text ? strdup(breach->text) : NULL);
    }
}

/* Returns the name of a case of these, "|" between them, that failed for itself; NULL: none did. */
static const char *failed_among(const struct ebc_run *r, const char *names) {
    for (size_t i = 0; i < r->n; i++) {
        const struct ebc_result *result = &r->results[i];
        const char *at = strstr(names, result->of->name);
        size_t len = strlen(result->of->name);

        if (at && (at[len] == '|' || !at[len]) && result->outcome == EBC_FAIL && (!result->suspects || result->by_itself))
            return result->of->name;
    }
    return NULL;
}

void ebc_excuse(struct ebc_run *r, size_t at) {
    struct ebc_result *result = &r->results[at];
    const char *guilty = result->outcome == EBC_FAIL && result->suspects ? failed_among(r, result->suspects) : NULL;

    if (guilty)
        change(result, EBC_SKIP, joined("not judged: it needs ", "", guilty));
}
