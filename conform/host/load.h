/* conform/host/load.h - a plugin file opened as the event bus would: its tables, copied at the sizes both sides know. */
#ifndef EBC_LOAD_H
#define EBC_LOAD_H

#include <stdbool.h>
#include <eventbus/plugin.h>

enum { EBC_WHY_ROOM = 2048 }; /* room for a sentence with its causes */

/* A loaded plugin. It stays mapped until the process ends. */
struct ebc_plugin {
    const char *file;
    struct eb_plugin about; /* size: the author's; options and option_size: the copy's */
    struct eb_option *options;
    struct eb_producer_ops *producer; /* NULL: the plugin does not have this role */
    struct eb_consumer_ops *consumer;
    struct eb_admin_ops *admin;
    struct {
        uint32_t producer, consumer, admin;
    } listed; /* the traits in the plugin's tables */
};

/* Loads a file. Returns false, with why, when it is not a plugin that this kit can host. */
bool ebc_load(const char *file, struct ebc_plugin *, char why[EBC_WHY_ROOM]);

/* Gives each role the traits that it has with these settings, which check has passed: the cases go by them. */
void ebc_load_traits(struct ebc_plugin *, const void *settings);

/* Frees the copies. Calls nothing of the plugin. */
void ebc_unload(struct ebc_plugin *);

#endif
