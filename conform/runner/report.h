/* conform/runner/report.h - which cases run, and how their results are printed. */
#ifndef EBC_REPORT_H
#define EBC_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cases/case.h"
#include "conform.h"

/* Case number i of all, in order; NULL after the last. */
const struct ebc_case *ebc_case_at(size_t i);
const struct ebc_case *ebc_case_named(const char *name);
/* Whether `only` (a case, a group, or NULL for all) selects the case. */
bool ebc_selected(const struct ebc_case *, const char *only);

enum { EBC_NEEDS_ROOM = 200 };
/* What a plugin must have for the case to test it: roles, then traits, blanks between them; "" when it needs nothing. */
void ebc_case_needs(const struct ebc_case *, char text[EBC_NEEDS_ROOM]);
/* The name of the lowest of these traits; NULL: none that plugin.h knows. */
const char *ebc_first_trait(uint32_t traits);

enum ebc_outcome { EBC_NOT_RUN, EBC_PASS, EBC_FAIL, EBC_SKIP };

struct ebc_result {
    const struct ebc_case *of;
    enum ebc_outcome outcome;
    char *why;      /* NULL: nothing to say */
    char *suspects; /* skipped if one of these cases fails; NULL: none */
    double seconds;
};

struct ebc_report {
    enum eb_conform_format format;
    uint64_t seed;
    char plugin[200]; /* "sqlite 0.1.0 (producer, consumer, admin)" */
    struct ebc_result *results;
    size_t n;
};

void ebc_print(const struct ebc_report *);
/* Writes the JUnit file; false, with why. */
bool ebc_write_junit(const struct ebc_report *, const char *file, char why[EBC_WHY_ROOM]);

/* Prints "program: text" on standard error, as one line of printable characters only (eventbus/printable.h). */
void ebc_print_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
