/* core/plugin/find.h - from the name in the configuration to a file; and walking over all plugin files. */
#ifndef EBI_FIND_H
#define EBI_FIND_H

#include <stdbool.h>
#include <eventbus/error.h>
#include "config/settings.h"

/* Finds the file of a plugin name: NAME.so in the first folder of `path` that has it, or an absolute file as it is. Does not follow
 * links, nor look into the file. *file is the caller's to free. EB_PERMANENT, EB_KIND_PLUGIN: not found; the error names the folders
 * that were searched, the nearest name and all names that exist. */
enum eb_status ebi_plugin_find(const char *path, const char *name, char **file, struct eb_error *);

/* Calls each(arg, name, file) for the *.so of every folder in `path`, in the order of their names. Of files with the same name only the
 * first counts; the others are passed with shadowed = true. EB_FATAL: no memory, each was not called. */
enum eb_status ebi_plugin_walk(const char *path, void (*each)(void *arg, const char *name, const char *file, bool shadowed),
                               void *arg);

/* Calls each(arg, folder, number) for every folder in `path` that cannot be searched; number: the errno that says why. EB_FATAL:
 * no memory. */
enum eb_status ebi_plugin_lost_folders(const char *path, void (*each)(void *arg, const char *folder, int number), void *arg);

/* The folders to search: plugin_path of the settings, otherwise the installed folder. */
const char *ebi_plugin_path(const struct ebi_bus_settings *);

#endif
