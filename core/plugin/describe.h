/* core/plugin/describe.h - reading what a plugin says of itself, and refusing what cannot be true. */
#ifndef EBI_DESCRIBE_H
#define EBI_DESCRIBE_H

#include "plugin/module.h"
#include "plugin/plugins.h"

/* Copies a struct that starts with its size, as its author knew it, into one as this core knows it: what the author had
 * not, is zero. */
void ebi_copy_sized(void *to, size_t to_size, const void *from, size_t from_size);

/* Fills a plugin, but for its file, from the tables of an open module, each checked and copied; what the tables point to
 * stays the module's. EB_PERMANENT, EB_KIND_PLUGIN. */
enum eb_status ebi_describe(struct ebi_module *, const char *file, struct ebi_plugin *, struct eb_error *);

/* Frees what ebi_describe made. */
void ebi_describe_free(struct ebi_plugin *);

#endif
