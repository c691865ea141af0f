/* core/plugin/inspect.h - what a plugin file is, before any of its code runs. */
#ifndef EBI_INSPECT_H
#define EBI_INSPECT_H

#include <eventbus/error.h>

/* Whether the dynamic loader may be given this file: a regular one, readable, a whole shared object for this machine. It
 * maps files without looking at their length, so that a truncated one would end the process. EB_PERMANENT,
 * EB_KIND_PLUGIN: what it is instead. */
enum eb_status ebi_inspect(const char *file, struct eb_error *);

#endif
