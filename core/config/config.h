/* core/config/config.h - INI files to checked, typed settings; it knows where each value came from. */
#ifndef EBI_CONFIG_H
#define EBI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <eventbus/error.h>
#include <eventbus/plugin.h>

/* All that was read; immutable once loaded, so any thread may read it. */
struct ebi_config;

/* Reads the files (or folders of *.ini, in name order; later ones override single keys), then the overrides
 * ("KIND.NAME.KEY=VALUE"; "eventbus.KEY=VALUE"); both NULL-ended. files NULL: $EVENTBUS_CONFIG, else ./eventbus.ini if
 * trusted, else the installed one, else nothing. ${STATE}, ${NAME}, ${NAME:-default} and ${file:PATH} are replaced.
 * EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE: message". */
enum eb_status ebi_config_load(const char *const *files, const char *const *overrides, struct ebi_config **,
                               struct eb_error *);
void ebi_config_free(struct ebi_config *);

/* The state folder: $STATE_DIRECTORY, else $XDG_STATE_HOME/eventbus, else ~/.local/state/eventbus, else
 * /var/lib/eventbus. Borrowed from the configuration; not made by this. */
const char *ebi_config_state(const struct ebi_config *);

/* The names of the sections of a kind ("route"), in the order they first appeared: after NULL the first one, after the
 * last one NULL. Borrowed. [eventbus] has no name and is not walked. */
const char *ebi_config_next(const struct ebi_config *, const char *kind, const char *previous);
bool ebi_config_has(const struct ebi_config *, const char *kind, const char *name);

/* Where a section or one of its keys stands, "FILE:LINE" or "-o"; "default" when it does not. Borrowed. */
const char *ebi_config_where(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* The raw text of one value, or NULL when it was not given: for what must be known before a table is, such as which
 * plugin a broker's section is for. */
const char *ebi_config_text(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* An option table and the struct it fills. stride: sizeof(struct eb_option) as the table's author knew it. */
struct ebi_table {
    const struct eb_option *options;
    size_t n, stride;
    void *settings;             /* zeroed, of the author's size; texts and lists in it belong to the ebi_config */
};

/* Checks a section against tables that together know all its keys, and fills their settings, defaults included.
 * A key that several tables have goes to each. A section that does not exist is one without keys. name "" for
 * [eventbus]. The settings live as long as the configuration. */
enum eb_status ebi_config_bind(struct ebi_config *, const char *kind, const char *name, struct ebi_table *tables,
                               size_t n, struct eb_error *);

/* EB_PERMANENT where a section is of no kind that is known, or has a name it should not have, or none it should. */
enum eb_status ebi_config_check_sections(const struct ebi_config *, struct eb_error *);

/* Effective values of a section by its tables, one call each; secrets as "***". where: as ebi_config_where. */
enum eb_status ebi_config_walk(const struct ebi_config *, const char *kind, const char *name,
                               const struct ebi_table *tables, size_t n,
                               void (*each)(void *arg, const struct eb_option *, const char *key, const char *value,
                                            const char *where),
                               void *arg, struct eb_error *);

/* Parsers of single values, for command lines: EB_PERMANENT with what was expected. */
enum eb_status ebi_read_duration(const char *text, int64_t *ms, struct eb_error *);
enum eb_status ebi_read_size(const char *text, int64_t *bytes, struct eb_error *);

#endif
