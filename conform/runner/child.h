/* conform/runner/child.h - the running case, as its own process knows it. */
#ifndef EBC_CHILD_H
#define EBC_CHILD_H

#include "cases/case.h"
#include "runner/process.h"

struct ebc_child {
    struct ebc_test test; /* first: cases know this alone */
    const struct ebc_case *of;
    const char *peer;  /* its name where this process is a peer of the case; NULL: it runs the case itself */
    char *const *argv; /* the arguments of this process, and which of them is EBC_W_CASE: for peers */
    int first_argument;
    unsigned n_peers;
    struct ebc_progress *progress; /* where the runner sees what this process does */
};

static inline struct ebc_child *ebc_child_of(struct ebc_test *t) {
    return (struct ebc_child *)t;
}

/* Reports to the runner, by lines and by the shared page. */
extern const struct ebc_observer ebc_child_observer;

#endif
