/* conform/runner/cases.c - all cases, group by group, and which of them a name selects. */
#include "runner/report.h"

#include <string.h>

static const struct ebc_case *const tables[] = { ebc_calls, ebc_sending, ebc_receiving, ebc_subscribing,  ebc_settling,
                                                 ebc_order, ebc_admin,   ebc_crash,     ebc_crash_sending };

const struct ebc_case *ebc_case_at(size_t i) {
    for (size_t g = 0; g < sizeof tables / sizeof *tables; g++)
        for (const struct ebc_case *at = tables[g]; at->name; at++)
            if (i-- == 0)
                return at;
    return NULL;
}

const struct ebc_case *ebc_case_named(const char *name) {
    for (size_t i = 0; ebc_case_at(i); i++)
        if (strcmp(ebc_case_at(i)->name, name) == 0)
            return ebc_case_at(i);
    return NULL;
}

bool ebc_selected(const struct ebc_case *at, const char *only) {
    return !only || strcmp(only, at->group) == 0 || strcmp(only, at->name) == 0;
}

bool eb_conform_knows(const char *only) {
    for (size_t i = 0; ebc_case_at(i); i++)
        if (ebc_selected(ebc_case_at(i), only))
            return true;
    return false;
}
