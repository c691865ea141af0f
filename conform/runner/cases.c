/* conform/runner/cases.c - all cases, group by group, and which of them a name selects. */
#include "runner/cases.h"

#include <stdio.h>
#include <string.h>
#include <eventbus/conform.h>

/* clang-format off */
static const struct ebc_case *const tables[] = {
    ebc_calls, ebc_traits, ebc_options, ebc_sending, ebc_resending, ebc_sizes, ebc_closing_producers, ebc_receiving, ebc_subscribing,
    ebc_starts, ebc_schemas, ebc_settling, ebc_model, ebc_closing_consumers, ebc_order, ebc_admin, ebc_seeking, ebc_removing,
    ebc_positions, ebc_load_cases, ebc_together, ebc_crash, ebc_crash_sending, ebc_outage,
};
/* clang-format on */

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

/* ---- what a case needs ---- */

static const char *const role_names[] = { "producer", "consumer", "admin" };
static const char *const trait_names[] = { "EB_T_ORDER",       "EB_T_POWER",      "EB_T_DELAY",   "EB_T_DELAY_ORDER",
                                           "EB_T_FREE_RETURN", "EB_T_HISTORY",    "EB_T_PATTERN", "EB_T_BATCH_REDELIVERY",
                                           "EB_T_PROCESSES",   "EB_T_LATE_UNTOLD" };

enum { ROLES = sizeof role_names / sizeof *role_names, TRAITS = sizeof trait_names / sizeof *trait_names };

const char *ebc_first_trait(uint32_t traits) {
    for (size_t i = 0; i < TRAITS; i++)
        if (traits >> i & 1)
            return trait_names[i];
    return NULL;
}

/* Appends a word to the list in `text`. */
static void add_word(char text[EBC_NEEDS_ROOM], const char *word) {
    size_t len = strlen(text);

    snprintf(text + len, EBC_NEEDS_ROOM - len, "%s%s", len ? " " : "", word);
}

static void add_traits(char text[EBC_NEEDS_ROOM], uint32_t traits) {
    for (size_t i = 0; i < TRAITS; i++)
        if (traits >> i & 1 && !strstr(text, trait_names[i]))
            add_word(text, trait_names[i]);
}

void ebc_case_needs(const struct ebc_case *of, char text[EBC_NEEDS_ROOM]) {
    text[0] = '\0';
    for (size_t i = 0; i < ROLES; i++)
        if (of->roles >> i & 1)
            add_word(text, role_names[i]);
    add_traits(text, of->consumer | of->producer);
    if (of->broker & EBC_RESTARTED)
        add_word(text, "--down --up");
    if (of->broker & EBC_UNREACHABLE)
        add_word(text, "--unreachable");
}

/* ---- for programs ---- */

static void tell_case(const struct ebc_case *of, void (*each)(void *, const struct eb_conform_case *), void *arg) {
    char needs[EBC_NEEDS_ROOM];
    struct eb_conform_case about = {
        .size = sizeof about, .name = of->name, .group = of->group, .about = of->about, .needs = needs
    };

    ebc_case_needs(of, needs);
    each(arg, &about);
}

size_t eb_conform_cases(const char *only, void (*each)(void *, const struct eb_conform_case *), void *arg) {
    size_t n = 0;

    for (size_t i = 0; ebc_case_at(i); i++)
        if (ebc_selected(ebc_case_at(i), only)) {
            n++;
            if (each)
                tell_case(ebc_case_at(i), each, arg);
        }
    return n;
}
