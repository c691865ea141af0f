/* conform/runner/child.h - the running case, as its own process knows it. */
#ifndef EBC_CHILD_H
#define EBC_CHILD_H

#include <setjmp.h>
#include "cases/case.h"
#include "host/settings.h"
#include "runner/process.h"

struct ebc_child {
    struct ebc_test test; /* first: cases know this alone */
    const struct ebc_case *of;
    const char *peer;  /* its name where this process is a peer of the case; NULL: it runs the case itself */
    char *const *argv; /* by enum ebc_argument; peers get the same */
    unsigned n_peers;
    pid_t peers[EBC_MOST_PROCESSES]; /* by number; 0: none, or waited for */
    int result, page_fd;             /* the pipe to the runner; the shared page */
    struct ebc_shared_page *page;
    struct ebc_settings settings;
    bool here;                     /* in the runner's own process; these are for that */
    bool broke_off;                /* a failure ended it, and its instances are open */
    jmp_buf end;                   /* where it goes when it ends early */
    struct ebc_child *older;       /* another one that broke off */
    struct ebc_progress *progress; /* where the runner sees what this process does */
};

static inline struct ebc_child *ebc_child_of(struct ebc_test *t) {
    return (struct ebc_child *)t;
}

/* Reports to the runner, by lines and by the shared page. */
extern const struct ebc_observer ebc_child_observer;

/* Writes a line to the runner (process.h). text: to the end of the line; promise NULL: none. Any thread. */
void ebc_tell(struct ebc_test *, const char *verb, const char *promise, const char *text);
/* Ends the case where it is, without closing or freeing anything. */
void ebc_end_case(struct ebc_test *) __attribute__((noreturn));

#endif
