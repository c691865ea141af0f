/* conform/host/load.c - see load.h. */
#include "host/load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies the table at a symbol, at this kit's size: fields that the author's header did not have are zero. */
static void *copied_table(const void *from, size_t ours) {
    size_t theirs;
    char *copy = calloc(1, ours);

    if (!copy)
        return NULL;
    memcpy(&theirs, from, sizeof theirs);
    memcpy(copy, from, theirs < ours ? theirs : ours);
    return copy;
}

static bool copied_role(void *handle, const char *symbol, size_t ours, void **role, char why[EBC_WHY_ROOM]) {
    const void *table = dlsym(handle, symbol);

    *role = NULL;
    if (!table)
        return true;
    *role = copied_table(table, ours);
    if (!*role)
        snprintf(why, EBC_WHY_ROOM, "no memory left for the table %s", symbol);
    return *role != NULL;
}

static bool copied_options(struct ebc_plugin *plugin, char why[EBC_WHY_ROOM]) {
    struct eb_plugin *about = &plugin->about;
    size_t stride = about->option_size, ours = sizeof(struct eb_option);
    struct eb_option *copy = calloc(about->n_options + 1, ours);

    if (!copy) {
        snprintf(why, EBC_WHY_ROOM, "no memory left for a table of %zu options", about->n_options);
        return false;
    }
    plugin->options = copy;
    for (size_t i = 0; i < about->n_options; i++) {
        memcpy(&copy[i], (const char *)about->options + i * stride, stride < ours ? stride : ours);
        if (!copy[i].key) {
            snprintf(why, EBC_WHY_ROOM, "%s: option number %zu has no key", about->name, i + 1);
            return false;
        }
    }
    about->options = copy;
    about->option_size = ours;
    return true;
}

/* Checks what loading needs; a case of the kit checks the rest. */
static bool hostable(const struct eb_plugin *about, const char *file, char why[EBC_WHY_ROOM]) {
    size_t least = offsetof(struct eb_option, offset) + sizeof(size_t);

    if (about->abi_major != EB_ABI_MAJOR)
        snprintf(why, EBC_WHY_ROOM,
                 "%s was built for plugin ABI %u.%u; this kit knows %u.x: build it with the headers "
                 "of an event bus of that version",
                 file, about->abi_major, about->abi_minor, EB_ABI_MAJOR);
    else if (about->size < offsetof(struct eb_plugin, settings_size) + sizeof about->settings_size)
        snprintf(why, EBC_WHY_ROOM,
                 "%s says that its eventbus_plugin has %zu bytes, too few for settings_size: set "
                 "size to sizeof(struct eb_plugin)",
                 file, about->size);
    else if (!about->name || !about->version || !about->summary)
        snprintf(why, EBC_WHY_ROOM, "%s: name, version or summary of eventbus_plugin is NULL", file);
    else if (about->n_options > 0 && (!about->options || about->option_size < least || about->n_options > 10000))
        snprintf(why, EBC_WHY_ROOM,
                 "%s: n_options is %zu, yet options is NULL or option_size (%zu) is not "
                 "sizeof(struct eb_option)",
                 file, about->n_options, about->option_size);
    else if (about->settings_size > (1 << 20))
        snprintf(why, EBC_WHY_ROOM, "%s: settings_size is %zu, more than 1 MiB", file, about->settings_size);
    else
        return true;
    return false;
}

static bool copied_plugin(void *handle, const char *file, struct ebc_plugin *plugin, char why[EBC_WHY_ROOM]) {
    const void *about = dlsym(handle, "eventbus_plugin");
    struct eb_plugin *copy;

    if (!about) {
        snprintf(why, EBC_WHY_ROOM, "%s is not a plugin of the event bus: it exports no eventbus_plugin", file);
        return false;
    }
    copy = copied_table(about, sizeof *copy);
    if (!copy) {
        snprintf(why, EBC_WHY_ROOM, "no memory left for the plugin's descriptor");
        return false;
    }
    plugin->about = *copy;
    free(copy);
    return hostable(&plugin->about, file, why) && copied_options(plugin, why);
}

static void choose_traits(uint32_t *traits, uint32_t *listed, uint32_t (*traits_for)(const void *), const void *settings) {
    *listed = *traits;
    if (traits_for)
        *traits &= traits_for(settings);
}

void ebc_load_traits(struct ebc_plugin *plugin, const void *settings) {
    if (plugin->producer)
        choose_traits(&plugin->producer->traits, &plugin->listed.producer, plugin->producer->traits_for, settings);
    if (plugin->consumer)
        choose_traits(&plugin->consumer->traits, &plugin->listed.consumer, plugin->consumer->traits_for, settings);
    if (plugin->admin)
        choose_traits(&plugin->admin->traits, &plugin->listed.admin, plugin->admin->traits_for, settings);
}

bool ebc_load(const char *file, struct ebc_plugin *plugin, char why[EBC_WHY_ROOM]) {
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *producer, *consumer, *admin;

    memset(plugin, 0, sizeof *plugin);
    plugin->file = file;
    if (!handle) {
        snprintf(why, EBC_WHY_ROOM, "cannot be loaded: %s", dlerror());
        return false;
    }
    if (!copied_plugin(handle, file, plugin, why) ||
        !copied_role(handle, "eventbus_producer", sizeof *plugin->producer, &producer, why) ||
        !copied_role(handle, "eventbus_consumer", sizeof *plugin->consumer, &consumer, why) ||
        !copied_role(handle, "eventbus_admin", sizeof *plugin->admin, &admin, why))
        return false;
    plugin->producer = producer;
    plugin->consumer = consumer;
    plugin->admin = admin;
    return true;
}

void ebc_unload(struct ebc_plugin *plugin) {
    free(plugin->options);
    free(plugin->producer);
    free(plugin->consumer);
    free(plugin->admin);
    memset(plugin, 0, sizeof *plugin);
}
