/* core/plugin/plugins.h - finding, loading and checking plugin files, and the brokers made of them. */
#ifndef EBI_PLUGINS_H
#define EBI_PLUGINS_H

#include <stdbool.h>
#include "base/log.h"
#include "config/config.h"
#include "config/settings.h"
#include "plugin/describe.h"

/* Loads NAME (NAME.so in the folders of `path`, ":" between them) or an absolute file, once for the process.
 * EB_PERMANENT, EB_KIND_PLUGIN: the error names the file, what was found, what is supported, and what to do. Any thread. */
enum eb_status ebi_plugin_load(const char *path, const char *name, enum ebi_trust, const struct ebi_plugin **,
                               struct eb_error *);

/* Whether nobody but root and the running user can change a file, or put another in its place. `file` is absolute, its
 * links resolved. EB_PERMANENT, EB_KIND_PLUGIN, when the file or a folder above it
 * - belongs to another user,
 * - may be written by everybody, or by a group with others in it (a user's own group, as Debian makes them, has none),
 *   or by an access list; in a folder with the sticky bit that is no matter, since what it holds is then its owner's. */
enum eb_status ebi_plugin_trusted(const char *file, struct eb_error *);

/* The traits of a plugin's roles with the settings of one section; 0 for a role that it lacks. */
struct ebi_traits {
    uint32_t producer, consumer, admin;
};

/* A [broker NAME] section with its plugin and its checked settings. Lives as long as the configuration. */
struct ebi_broker {
    const char *name;
    const struct ebi_plugin *plugin;
    const void *settings; /* the plugin's */
    struct ebi_broker_settings own;
    struct ebi_traits traits;   /* what the core goes by; the plugin's tables say what it can have with other settings */
    struct ebi_traits unlisted; /* what the plugin claims with these settings and has not in its table: not gone by */
};

/* Binds a section: loads the plugin that it names, fills the settings, and lets the plugin check them. A name without a section is an
 * error, except for "" (nothing is configured: SQLite in the state folder). */
enum eb_status ebi_broker_bind(struct ebi_config *, const struct ebi_bus_settings *, const char *name, struct ebi_broker **,
                               struct eb_error *);
void ebi_broker_free(struct ebi_broker *);

/* Logs each trait that is claimed with these settings and not listed. Once for each broker of a bus. */
void ebi_broker_log_unlisted(const struct ebi_broker *, struct ebi_log *);

/* EB_PERMANENT, EB_KIND_PLUGIN: "plugin X has no producer role", with the file. */
enum eb_status ebi_broker_needs(const struct ebi_broker *, bool producer, bool consumer, bool admin, struct eb_error *);

#endif
