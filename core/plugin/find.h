/* core/plugin/find.h - from the name in the configuration to a file. */
#ifndef EBI_FIND_H
#define EBI_FIND_H

#include <eventbus/error.h>

/* Finds the file of a plugin name: NAME.so in the first folder of `path` that has it, or an absolute file as it is. Does not follow
 * links, nor look into the file. *file is the caller's to free. EB_PERMANENT, EB_KIND_PLUGIN: not found; the error names the folders
 * that were searched, the nearest name and all names that exist. */
enum eb_status ebi_plugin_find(const char *path, const char *name, char **file, struct eb_error *);

#endif
