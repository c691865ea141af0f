/* core/plugin/find.h - from the name in the configuration to a file. */
#ifndef EBI_FIND_H
#define EBI_FIND_H

#include <eventbus/error.h>

/* The file that a name stands for: NAME.so in the first folder of `path` that has it, or an absolute file as it is. Links
 * are not followed, and the file may be anything. *file is the caller's to free. EB_PERMANENT, EB_KIND_PLUGIN: the folders
 * that were searched, the nearest name and all that there are. */
enum eb_status ebi_plugin_find(const char *path, const char *name, char **file, struct eb_error *);

#endif
