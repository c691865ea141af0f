/* core/plugin/describe.h - a loaded plugin: reads its tables, and refuses what cannot be right. */
#ifndef EBI_DESCRIBE_H
#define EBI_DESCRIBE_H

#include <eventbus/plugin.h>
#include "plugin/module.h"

/* A loaded plugin. Its tables are copies of the size that this core knows, with zeros where the plugin's own were shorter. Immutable,
 * and resident until the process ends. Any thread. */
struct ebi_plugin {
    const char *file;                       /* absolute, links resolved */
    struct eb_plugin about;                 /* options with the stride of this core: option_size is sizeof(struct eb_option) */
    const struct eb_producer_ops *producer; /* NULL: the plugin lacks this role */
    const struct eb_consumer_ops *consumer;
    const struct eb_admin_ops *admin;
};

/* Copies a struct that starts with its size, as the plugin's author knew it, into one as this core knows it, with zeros for what the
 * author's lacks. */
void ebi_copy_sized(void *to, size_t to_size, const void *from, size_t from_size);

/* Fills a plugin, except for its file, from the tables of an open module; each table is checked and copied, and what it points to
 * stays the module's. EB_PERMANENT, EB_KIND_PLUGIN: a table is refused. */
enum eb_status ebi_describe(struct ebi_module *, const char *file, struct ebi_plugin *, struct eb_error *);

/* Frees what ebi_describe allocated. */
void ebi_describe_free(struct ebi_plugin *);

#endif
