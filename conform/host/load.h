/* conform/host/load.h - a plugin file opened as the event bus would: its tables, copied at the sizes both sides know. */
#ifndef EBC_LOAD_H
#define EBC_LOAD_H

#include <stdbool.h>
#include <eventbus/plugin.h>

enum { EBC_WHY_ROOM = 2048 };       /* a sentence with its causes */

/* Belongs to the process; the plugin stays mapped until that ends. */
struct ebc_plugin {
    const char *file;
    struct eb_plugin about;         /* size: the author's; options and option_size: the copy's */
    struct eb_option *options;
    struct eb_producer_ops *producer;   /* NULL: it has not this role */
    struct eb_consumer_ops *consumer;
    struct eb_admin_ops *admin;
};

/* false, with why: not a plugin that this kit can host. */
bool ebc_load(const char *file, struct ebc_plugin *, char why[EBC_WHY_ROOM]);

/* Frees the copies. Nothing of the plugin is called. */
void ebc_unload(struct ebc_plugin *);

#endif
