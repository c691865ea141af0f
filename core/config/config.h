/* core/config/config.h - INI files to checked, typed settings; it knows where each value came from. */
#ifndef EBI_CONFIG_H
#define EBI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/error.h>
#include <eventbus/plugin.h>

/* All that was read. What it says never changes once loaded, so any thread may read it, and bind. */
struct ebi_config;

/* Reads the files (or folders of *.ini, in name order; later ones override single keys), then the overrides
 * ("KIND.NAME.KEY=VALUE"; "eventbus.KEY=VALUE"); both NULL-ended. files NULL or empty: $EVENTBUS_CONFIG, else
 * ./eventbus.ini if trusted, else the installed one, else what is built in: SQLite in the state folder as broker
 * "main", no routes. A folder without *.ini, or files that hold no section at all, are refused, but for /dev/null: it
 * stands for the defaults. ${STATE}, ${NAME}, ${NAME:-default} and ${file:PATH} are replaced in what is left after layering;
 * where that fails in a broker's section (but its plugin), the error is kept until the section is bound. What overrides name
 * must be there, see ebi_config_check_overrides. EB_PERMANENT,
 * EB_KIND_CONFIG: "FILE:LINE: message"; values never stand in it. */
enum eb_status ebi_config_load(const char *const *files, const char *const *overrides, struct ebi_config **,
                               struct eb_error *);
void ebi_config_free(struct ebi_config *);      /* and all settings bound from it; NULL is nothing to do */

/* Where make install puts the installed one. */
extern const char ebi_config_installed[];

/* A line for the log about what was found and not taken (an ./eventbus.ini that is not trusted), or NULL. Borrowed. */
const char *ebi_config_note(const struct ebi_config *);

/* The state folder: $STATE_DIRECTORY, else $XDG_STATE_HOME/eventbus, else ~/.local/state/eventbus, else
 * /var/lib/eventbus. Borrowed from the configuration; not made by this. */
const char *ebi_config_state(const struct ebi_config *);

/* The names of the sections of a kind ("route"), in the order they first appeared: after NULL the first one, after the
 * last one NULL. Borrowed. [eventbus] has no name and is not walked. */
const char *ebi_config_next(const struct ebi_config *, const char *kind, const char *previous);
bool ebi_config_has(const struct ebi_config *, const char *kind, const char *name);

/* EB_PERMANENT, EB_KIND_CONFIG: that there is no section of this name, and which one was meant or which there are. */
enum eb_status ebi_config_no_section(const struct ebi_config *, const char *kind, const char *name, struct eb_error *);

/* Where a section or one of its keys stands, "FILE:LINE" or "-o"; "default" when it does not. Borrowed. */
const char *ebi_config_where(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* The text of one value, ${...} replaced, or NULL when it was not given (or that failed: bind tells): for what must be
 * known before a table is, such as which plugin a broker's section is for. Borrowed. It may be a secret. */
const char *ebi_config_text(const struct ebi_config *, const char *kind, const char *name, const char *key);

/* An option table and the struct it fills. stride: sizeof(struct eb_option) as the table's author knew it. */
struct ebi_table {
    const struct eb_option *options;
    size_t n, stride;
    void *settings;             /* zeroed, of the author's size; texts and lists in it belong to the ebi_config */
};

/* How a table is read:
 * - EB_OPT_REQUIRED: the key must be given, and have a value; one with the default "" may be given as empty.
 * - A value is empty when it holds nothing but blanks. An empty text or list without a default counts as not given
 *   (NULL), so that a later file can take back what an earlier one said. A text whose default is not empty may not be
 *   empty, nor may numbers, durations, sizes, choices and yes/no; a list may.
 * - Pairs: a section's keys that begin with the option's, without that prefix; NULL where there are none. Those whose
 *   names say so (password, secret, token ...) are secret, whatever the option's flags.
 * - A default may hold ${STATE} and the like. An option of an unknown type is left zero, and refused when given. */

/* Checks a section against tables that together know all its keys, and fills their settings, defaults included.
 * A key that several tables have goes to each. A section that does not exist is one without keys. name "" for
 * [eventbus]. The settings live as long as the configuration. Any thread. EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE:
 * [kind NAME] key: message"; secrets do not stand in it. */
enum eb_status ebi_config_bind(struct ebi_config *, const char *kind, const char *name, struct ebi_table *tables,
                               size_t n, struct eb_error *);

/* As ebi_config_next, but only the sections of which overrides (-o) give values. */
const char *ebi_config_next_override(const struct ebi_config *, const char *kind, const char *previous);

/* Whether a section stands in no file: overrides alone make it. */
bool ebi_config_is_override(const struct ebi_config *, const char *kind, const char *name);

/* As ebi_config_no_section, with the override in front that names the section. */
enum eb_status ebi_config_no_override(const struct ebi_config *, const char *kind, const char *name, struct eb_error *);

/* EB_PERMANENT, EB_KIND_CONFIG where an override names a broker or route that is not there and does not define it (with
 * plugin, event), or a key or value that a [route] or [consume] cannot have. */
enum eb_status ebi_config_check_overrides(struct ebi_config *, struct eb_error *);

/* EB_PERMANENT where a section is of no kind that is known, or has a name it should not have, or none it should. */
enum eb_status ebi_config_check_sections(const struct ebi_config *, struct eb_error *);

/* Effective values of a section by its tables, one call each, all borrowed until it returns; secrets as "***", URLs without
 * their passwords (see EB_OPT_URL; in any other text too), none as "". where: as ebi_config_where. Stops at a value whose ${...} cannot be replaced. */
enum eb_status ebi_config_walk(struct ebi_config *, const char *kind, const char *name,
                               const struct ebi_table *tables, size_t n,
                               void (*each)(void *arg, const struct eb_option *, const char *key, const char *value,
                                            const char *where),
                               void *arg, struct eb_error *);

/* The number that text means as a value of that key of a table, for options of a command line that stand for a key.
 * EB_PERMANENT: what was found and what was expected. */
enum eb_status ebi_read_number(const struct ebi_table *, const char *key, const char *text, int64_t *number, struct eb_error *);

/* Parsers of single values, for command lines: EB_PERMANENT with what was expected. */
enum eb_status ebi_read_duration(const char *text, int64_t *ms, struct eb_error *);
enum eb_status ebi_read_size(const char *text, int64_t *bytes, struct eb_error *);

/* A share: 0 to 1, such as 0.2; the same in every locale. For retry.jitter. */
enum eb_status ebi_read_share(const char *text, double *share, struct eb_error *);

#endif
