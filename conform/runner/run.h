/* conform/runner/run.h - a run of the kit: its cases, and what became of them. */
#ifndef EBC_RUN_H
#define EBC_RUN_H

#include <eventbus/conform.h>
#include "runner/cases.h"
#include "runner/process.h"

enum ebc_outcome { EBC_NOT_RUN, EBC_PASS = EB_CONFORM_PASS, EBC_FAIL = EB_CONFORM_FAIL, EBC_SKIP = EB_CONFORM_SKIP };

struct ebc_result {
    const struct ebc_case *of;
    enum ebc_outcome outcome;
    char *why;      /* NULL: nothing to say */
    char *suspects; /* skipped if one of these cases fails for itself; NULL: none */
    bool by_itself; /* it failed, and none of its suspects did */
    double seconds;
    bool told, changed; /* the program has heard of it; it became another one since */
};

/* A breach of another case's promise, and the case that saw it. */
struct ebc_breach_seen {
    struct ebc_breach breach;
    size_t in; /* the number of that case's result */
};

/* Used by one thread. `options` is borrowed; the rest ends with ebc_run_free. */
struct ebc_run {
    struct eb_conform options; /* at the size that this library knows */
    struct ebc_result *results;
    size_t n;
    struct ebc_breach_seen *seen;
    size_t n_seen;
    uint64_t seed;
    double pace;
    char run[20], seed_text[24], pace_text[24], n_options[24], file[4096], state[4096], plugin[200];
    uint64_t secret;       /* a bit for each option that must not be shown */
    const char *broke_off; /* in this process: the case after which no other can run; NULL: none */
    bool ended;            /* the program wants no further case */
    struct eb_error *err;
};

/* ---- what became of the cases ---- */

/* Makes the outcome of a case that has run of what its process told. */
void ebc_set_outcome(struct ebc_run *, size_t at, struct ebc_process *);
/* Gives the breaches seen so far to the cases that name their promises, those that have run. */
void ebc_attribute(struct ebc_run *);
/* Skips a failed case if one of its suspects has failed for itself. */
void ebc_excuse(struct ebc_run *, size_t at);

/* ---- how a person runs one case to see what happens ---- */

/* Returns "gdb --args COMMAND ... --in-process (or: valgrind ...)", malloced; NULL: no memory. Values of secret options are
 * left out. */
char *ebc_debug_command(const struct ebc_run *, const char *name);

#endif
