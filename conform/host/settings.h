/* conform/host/settings.h - a plugin's settings struct, filled by its option table from KEY=VALUE texts. */
#ifndef EBC_SETTINGS_H
#define EBC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/plugin.h>
#include "host/load.h"

/* A filled settings struct and its memory. Used by one thread. */
struct ebc_settings {
    void *data;  /* the plugin's struct, settings_size bytes; NULL when it has none */
    void **held; /* the texts and lists that it points to */
    size_t n_held;
};

/* Fills *settings from the defaults and the n texts "KEY=VALUE" of `given`. In values and defaults ${STATE} is `state`,
 * ${NAME} and ${NAME:-default} an environment variable, $${ is "${". false, with why: which text is wrong and what was
 * expected. `about` is as ebc_load left it. What is filled is the caller's to free, in either case. */
bool ebc_settings_fill(const struct eb_plugin *about, const char *const *given, size_t n, const char *state,
                       struct ebc_settings *settings, char why[EBC_WHY_ROOM]);
void ebc_settings_free(struct ebc_settings *);

/* Returns whether an option's default fits its type and range, with why; true without a default. */
bool ebc_default_fits(const struct eb_option *, char why[EBC_WHY_ROOM]);

#endif
