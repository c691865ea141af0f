/* core/plugin/broker.c - a broker: a section of the configuration, its plugin, and the plugin's settings. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/blank.h"
#include "base/error.h"
#include "base/thread.h"
#include "plugin/find.h"
#include "plugin/plugins.h"

enum { OWN_MOST = 16 };

static const char kind[] = "broker";
static const char fallback[] = "sqlite"; /* where no broker is configured */

/* Returns the plugin that a section names. */
static enum eb_status named_plugin(const struct ebi_config *config, const char *name, const char **plugin,
                                   struct eb_error *err) {
    if (*name && !ebi_config_has(config, kind, name))
        return ebi_config_no_section(config, kind, name, err);
    *plugin = *name ? ebi_config_text(config, kind, name, "plugin") : fallback;
    if (*plugin && !ebi_is_blank(*plugin))
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [broker %s] names no plugin; add plugin = NAME, say %s",
                     ebi_config_where(config, kind, name, NULL), name, fallback);
}

/* Where the key is written that a text begins with; "default" where it begins with no key of this section. */
static const char *place_of_key(const struct ebi_config *config, const char *name, const char *text) {
    char key[128];
    size_t len = strcspn(text, ": =,");

    if (len == 0 || len >= sizeof key)
        return "default";
    memcpy(key, text, len);
    key[len] = '\0';
    return ebi_config_where(config, kind, name, key);
}

/* Lets the plugin check its settings as a whole. Only the first line of its error is used. */
static enum eb_status check(const struct ebi_config *config, const struct ebi_broker *broker, struct eb_error *err) {
    const struct eb_plugin *about = &broker->plugin->about;
    struct eb_error why = { 0 };
    sigset_t before;

    if (!about->check)
        return EB_OK;
    ebi_thread_block_signals(&before);
    int32_t status = about->check(broker->settings, &why);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status >= 0)
        return EB_OK;
    why.text[sizeof why.text - 1] = '\0';
    const char *where = place_of_key(config, broker->name, why.text);
    if (strcmp(where, "default") == 0)
        where = ebi_config_where(config, kind, broker->name, NULL);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [broker %s]: %s", where, broker->name,
                     *why.text ? why.text : "its plugin refuses these settings and does not say why");
}

/* ---- Traits ---- */

static void set_traits(uint32_t listed, uint32_t (*traits_for)(const void *), const void *settings, uint32_t *traits,
                       uint32_t *unlisted) {
    uint32_t claimed = traits_for ? traits_for(settings) : listed;

    *traits = claimed & listed;
    *unlisted = claimed & ~listed;
    if (!(*traits & EB_T_DELAY))
        *traits &= ~(uint32_t)EB_T_DELAY_ORDER; /* it says how a delay is kept */
}

/* Asks each role of the plugin for its traits with the broker's settings. */
static void ask_traits(struct ebi_broker *broker) {
    const struct ebi_plugin *plugin = broker->plugin;
    struct ebi_traits *traits = &broker->traits, *unlisted = &broker->unlisted;
    const void *settings = broker->settings;
    sigset_t before;

    ebi_thread_block_signals(&before);
    if (plugin->producer)
        set_traits(plugin->producer->traits, plugin->producer->traits_for, settings, &traits->producer, &unlisted->producer);
    if (plugin->consumer)
        set_traits(plugin->consumer->traits, plugin->consumer->traits_for, settings, &traits->consumer, &unlisted->consumer);
    if (plugin->admin)
        set_traits(plugin->admin->traits, plugin->admin->traits_for, settings, &traits->admin, &unlisted->admin);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void log_unlisted(const struct ebi_broker *broker, const char *role, uint32_t traits, struct ebi_log *log) {
    if (traits)
        ebi_log_line(log, EBI_WARNING,
                     "broker %s: plugin %s (%s) claims traits 0x%x for its %s with these settings that it does not list; they "
                     "are not used: report this to its author",
                     broker->name, broker->plugin->about.name, broker->plugin->file, traits, role);
}

void ebi_broker_log_unlisted(const struct ebi_broker *broker, struct ebi_log *log) {
    log_unlisted(broker, "producer", broker->unlisted.producer, log);
    log_unlisted(broker, "consumer", broker->unlisted.consumer, log);
    log_unlisted(broker, "admin", broker->unlisted.admin, log);
}

/* ---- Settings ---- */

/* The core's table for a broker without a section: nothing is required, and the plugin is the default one. */
static struct ebi_table without_section(struct ebi_table table, struct eb_option options[OWN_MOST]) {
    table.n = table.n < OWN_MOST ? table.n : OWN_MOST;
    for (size_t i = 0; i < table.n; i++) {
        options[i] = table.options[i];
        options[i].flags &= ~(uint32_t)EB_OPT_REQUIRED;
        if (strcmp(options[i].key, "plugin") == 0)
            options[i].fallback = fallback;
    }
    table.options = options;
    return table;
}

static enum eb_status fill(struct ebi_config *config, struct ebi_broker *broker, struct eb_error *err) {
    const struct eb_plugin *about = &broker->plugin->about;
    void *settings = calloc(1, about->settings_size ? about->settings_size : 1);
    struct eb_option options[OWN_MOST];

    if (!settings)
        return ebi_error_memory(err);
    broker->settings = settings;
    struct ebi_table tables[] = {
        ebi_broker_table(&broker->own),
        { .options = about->options, .n = about->n_options, .stride = about->option_size, .settings = settings },
    };
    if (!*broker->name)
        tables[0] = without_section(tables[0], options);
    enum eb_status status = ebi_config_bind(config, kind, broker->name, tables, 2, err);
    if (status == EB_OK)
        status = check(config, broker, err);
    if (status == EB_OK)
        ask_traits(broker);
    return status;
}

enum eb_status ebi_broker_bind(struct ebi_config *config, const struct ebi_bus_settings *bus, const char *name,
                               struct ebi_broker **broker, struct eb_error *err) {
    struct ebi_broker *new = calloc(1, sizeof *new);
    const char *plugin = NULL;
    enum eb_status status;

    if (!new || !(new->name = strdup(name))) {
        ebi_broker_free(new);
        return ebi_error_memory(err);
    }
    status = named_plugin(config, name, &plugin, err);
    if (status == EB_OK) {
        status = ebi_plugin_load(ebi_plugin_path(bus), plugin, (enum ebi_trust)bus->plugin_trust, &new->plugin, err);
        if (status != EB_OK && *name)
            ebi_error_context(err, "%s: [broker %s]", ebi_config_where(config, kind, name, "plugin"), name);
    }
    if (status == EB_OK)
        status = fill(config, new, err);
    if (status == EB_OK)
        *broker = new;
    else
        ebi_broker_free(new);
    return status;
}

void ebi_broker_free(struct ebi_broker *broker) {
    if (!broker)
        return;
    free((void *)broker->settings);
    free((void *)broker->name);
    free(broker);
}

static enum eb_status need(const struct ebi_broker *broker, const void *ops, const char *role, struct eb_error *err) {
    if (ops)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN,
                     "plugin %s of [broker %s] has no %s role (%s); take a broker whose plugin has it",
                     broker->plugin->about.name, broker->name, role, broker->plugin->file);
}

enum eb_status ebi_broker_needs(const struct ebi_broker *broker, bool producer, bool consumer, bool admin,
                                struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (producer)
        status = need(broker, broker->plugin->producer, "producer", err);
    if (consumer && status == EB_OK)
        status = need(broker, broker->plugin->consumer, "consumer", err);
    if (admin && status == EB_OK)
        status = need(broker, broker->plugin->admin, "admin", err);
    return status;
}
