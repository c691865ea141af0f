/* conform/runner/cases.h - all cases in the order in which they run, and what each needs. */
#ifndef EBC_CASES_H
#define EBC_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cases/case.h"

/* Case number i of all, in order; NULL after the last. */
const struct ebc_case *ebc_case_at(size_t i);
const struct ebc_case *ebc_case_named(const char *name);
/* Whether `only` (a case, a group, or NULL for all) selects the case. */
bool ebc_selected(const struct ebc_case *, const char *only);

enum { EBC_NEEDS_ROOM = 200 };
/* What a plugin and a run must have for the case to test the plugin: roles, traits, options of the run, blanks between them;
 * "" when it needs nothing. */
void ebc_case_needs(const struct ebc_case *, char text[EBC_NEEDS_ROOM]);
/* The name of the lowest of these traits; NULL: none that plugin.h knows. */
const char *ebc_first_trait(uint32_t traits);

#endif
