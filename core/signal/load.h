/* core/signal/load.h - reads schema files into a registry that is being created. For this room. */
#ifndef EBI_LOAD_H
#define EBI_LOAD_H

#include "signal/registry.h"

/* Adds a signal for each *.avsc of the folders in `path` (":" between them), in no order. A file that cannot be used is
 * noted in `bad`. Errors: a folder that schema_path names cannot be read (EB_KIND_CONFIG), no schema at all is found,
 * or this process has too little memory or too few descriptors (EB_KIND_SYSTEM). */
enum eb_status ebi_load_signals(struct ebi_signals *, const char *path, size_t limit, struct eb_error *);

/* Adds the earlier versions from the `history` folder in each of these folders to the signals, which have been sorted.
 * A version that cannot be used is noted in `bad`. */
enum eb_status ebi_load_history(struct ebi_signals *, const char *path, size_t limit, struct eb_error *);

#endif
