/* core/config/config.h - turns INI files into checked, typed settings, and knows where each value came from. */
#ifndef EBI_CONFIG_H
#define EBI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/error.h>
#include <eventbus/plugin.h>

/* A configuration. Its values never change once it is loaded, so any thread may read it, and bind sections. */
struct ebi_config;

/* Reads the files (or folders of *.ini, in name order; later ones override single keys), then the overrides
 * ("KIND.NAME.KEY=VALUE"; "eventbus.KEY=VALUE"); both NULL-ended. files NULL or empty: $EVENTBUS_CONFIG, otherwise
 * ./eventbus.ini if it is trusted, otherwise the installed file, otherwise the built-in defaults: SQLite in the state folder as broker
 * "main", no routes. A folder without *.ini, and files without any section, are refused; /dev/null means the defaults. ${STATE},
 * ${NAME}, ${NAME:-default} and ${file:PATH} are replaced in the values that remain after layering; where that fails in a broker's
 * section (except for its plugin), the error is kept until the section is bound. What overrides name must exist, see
 * ebi_config_check_overrides. EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE: message", which never shows a value. */
enum eb_status ebi_config_load(const char *const *files, const char *const *overrides, struct ebi_config **, struct eb_error *);

/* The same, with defaults, which look as overrides do: each counts where no file sets its key. */
struct ebi_config_sources {
    const char *const *files, *const *overrides, *const *defaults;
};
enum eb_status ebi_config_load_from(const struct ebi_config_sources *, struct ebi_config **, struct eb_error *);
void ebi_config_free(struct ebi_config *); /* and all settings bound from it; NULL does nothing */

/* The path of the installed file. */
extern const char ebi_config_installed[];

/* A line for the log about a file that was found and not read (an ./eventbus.ini that is not trusted), or NULL. Borrowed. */
const char *ebi_config_note(const struct ebi_config *);

/* The state folder: $STATE_DIRECTORY, otherwise $XDG_STATE_HOME/eventbus, otherwise ~/.local/state/eventbus, otherwise
 * /var/lib/eventbus. Borrowed from the configuration. It may not exist yet. */
const char *ebi_config_state(const struct ebi_config *);

/* The names of the sections of a kind ("route"), in the order they first appeared: returns the first one after NULL,
 * and NULL after the last one. Borrowed. [eventbus] has no name and is not among them. */
const char *ebi_config_next(const struct ebi_config *, const char *kind, const char *previous);
bool ebi_config_has(const struct ebi_config *, const char *kind, const char *name);

/* Returns EB_PERMANENT, EB_KIND_CONFIG: no section has this name, with the nearest name, or the names that exist. */
enum eb_status ebi_config_no_section(const struct ebi_config *, const char *kind, const char *name, struct eb_error *);

/* Where a section or one of its keys is written, "FILE:LINE" or "-o"; "default" where it is not. Borrowed. */
const char *ebi_config_where(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* The text of one value, with ${...} replaced, or NULL where it is not given, or the replacing failed, which bind reports. For values
 * that are needed before a table is known, such as the plugin of a broker's section. Borrowed. It may be a secret. */
const char *ebi_config_text(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* An option table and the struct it fills. stride: sizeof(struct eb_option) as the table's author knew it. */
struct ebi_table {
    const struct eb_option *options;
    size_t n, stride;
    void *settings; /* zeroed, of the author's size; the ebi_config owns texts and lists in it */
};

/* How a table is read:
 * - EB_OPT_REQUIRED: the key must be given, and have a value; one with the default "" may be given as empty.
 * - A value is empty when it holds nothing but blanks. An empty text or list without a default counts as not given
 *   (NULL), so that a later file can undo what an earlier one set. A text whose default is not empty may not be
 *   empty, nor may numbers, durations, sizes, choices and yes/no; a list may.
 * - Pairs: a section's keys that begin with the option's, without that prefix; NULL where there are none. Keys whose
 *   names say so (password, secret, token ...) are secret, whatever the option's flags.
 * - A default may hold ${STATE} and the like. An option of an unknown type is left zero, and refused when given. */

/* Checks a section against tables that together know all its keys, and fills their settings, defaults included.
 * A key that several tables have goes to each. A section that does not exist counts as one without keys. name "" for
 * [eventbus]. The settings live as long as the configuration. Any thread. EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE: [kind NAME] key:
 * message", which shows no secrets. */
enum eb_status ebi_config_bind(struct ebi_config *, const char *kind, const char *name, struct ebi_table *tables, size_t n,
                               struct eb_error *);

/* As ebi_config_next, but only for sections that overrides (-o) give values of. */
const char *ebi_config_next_override(const struct ebi_config *, const char *kind, const char *previous);

/* Whether a section is in no file, and only overrides make it. */
bool ebi_config_is_override(const struct ebi_config *, const char *kind, const char *name);

/* As ebi_config_no_section, with the override in front that names the section. */
enum eb_status ebi_config_no_override(const struct ebi_config *, const char *kind, const char *name, struct eb_error *);

/* Returns EB_PERMANENT, EB_KIND_CONFIG where an override names a broker or route that does not exist, and does not define it (with
 * plugin, event), or a key or value that a [route] or [consume] section cannot have. */
enum eb_status ebi_config_check_overrides(struct ebi_config *, struct eb_error *);

/* Returns EB_PERMANENT where the kind of a section is unknown, or a section has a name that its kind has not, or lacks one. */
enum eb_status ebi_config_check_sections(const struct ebi_config *, struct eb_error *);

/* Calls each for every effective value of a section, by its tables; what it gets is borrowed until it returns. Secrets are "***", URLs
 * lack their passwords (see EB_OPT_URL; also in any other text), a value that is not set is "". where: as ebi_config_where. Stops at a
 * value whose ${...} cannot be replaced. */
enum eb_status ebi_config_walk(struct ebi_config *, const char *kind, const char *name, const struct ebi_table *tables,
                               size_t n,
                               void (*each)(void *arg, const struct eb_option *, const char *key, const char *value,
                                            const char *where),
                               void *arg, struct eb_error *);

/* Reads text as a number of that key of a table, for options of a command line that set a key. EB_PERMANENT: the error says what was
 * found and what was expected. */
enum eb_status ebi_read_number(const struct ebi_table *, const char *key, const char *text, int64_t *number, struct eb_error *);

/* Parse single values, for command lines. EB_PERMANENT: the error says what was expected. */
enum eb_status ebi_read_duration(const char *text, int64_t *ms, struct eb_error *);
enum eb_status ebi_read_size(const char *text, int64_t *bytes, struct eb_error *);

/* Reads a share, 0 to 1, such as 0.2, in the same way in every locale. For retry.jitter. */
enum eb_status ebi_read_share(const char *text, double *share, struct eb_error *);

#endif
