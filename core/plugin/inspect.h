/* core/plugin/inspect.h - checks a plugin file before any of its code runs. */
#ifndef EBI_INSPECT_H
#define EBI_INSPECT_H

#include <eventbus/error.h>

/* Checks that the dynamic loader may be given this file: a regular, readable file, and a whole shared object for this machine. The
 * loader maps files without looking at their length, so that a truncated one would end the process. EB_PERMANENT, EB_KIND_PLUGIN:
 * the error says what the file is instead. */
enum eb_status ebi_inspect(const char *file, struct eb_error *);

#endif
