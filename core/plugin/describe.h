/* core/plugin/describe.h - reads a plugin's tables, and refuses what cannot be right. */
#ifndef EBI_DESCRIBE_H
#define EBI_DESCRIBE_H

#include "plugin/module.h"
#include "plugin/plugins.h"

/* Copies a struct that starts with its size, as the plugin's author knew it, into one as this core knows it, with zeros for what the
 * author's lacks. */
void ebi_copy_sized(void *to, size_t to_size, const void *from, size_t from_size);

/* Fills a plugin, except for its file, from the tables of an open module; each table is checked and copied, and what it points to
 * stays the module's. EB_PERMANENT, EB_KIND_PLUGIN: a table is refused. */
enum eb_status ebi_describe(struct ebi_module *, const char *file, struct ebi_plugin *, struct eb_error *);

/* Frees what ebi_describe allocated. */
void ebi_describe_free(struct ebi_plugin *);

#endif
