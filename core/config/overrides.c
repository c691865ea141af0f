/* core/config/overrides.c - checks that what -o names exists: a typing error is reported, also where the section is not used. */
#include <string.h>

#include "base/error.h"
#include "config/settings.h"
#include "config/store.h"

static const char by_override[] = "-o";

static const struct ebi_value *first_override(const struct ebi_section *section) {
    const struct ebi_value *value = section->values;

    while (value && strcmp(value->where, by_override) != 0)
        value = value->next;
    return value;
}

const char *ebi_config_next_override(const struct ebi_config *config, const char *kind, const char *previous) {
    const char *name = previous;

    while ((name = ebi_config_next(config, kind, name)) && !first_override(ebi_config_section(config, kind, name)))
        continue;
    return name;
}

enum eb_status ebi_config_no_override(const struct ebi_config *config, const char *kind, const char *name,
                                      struct eb_error *err) {
    const struct ebi_value *value = first_override(ebi_config_section(config, kind, name));
    enum eb_status status = ebi_config_no_section(config, kind, name, err);

    if (status == EB_PERMANENT)
        ebi_error_context(err, "-o %s.%s.%s", kind, name, value ? value->key : "");
    return status;
}

bool ebi_config_is_override(const struct ebi_config *config, const char *kind, const char *name) {
    return strcmp(ebi_config_where(config, kind, name, NULL), by_override) == 0;
}

/* A section that only -o makes needs the key that every section of its kind has; without that key, a section of a file is meant. */
static enum eb_status check_complete(const struct ebi_config *config, const char *kind, const char *key, struct eb_error *err) {
    for (const char *name = NULL; (name = ebi_config_next_override(config, kind, name));)
        if (ebi_config_is_override(config, kind, name) && !ebi_section_value(ebi_config_section(config, kind, name), key))
            return ebi_config_no_override(config, kind, name, err);
    return EB_OK;
}

/* The kinds whose keys the core knows; the keys of a broker belong to its plugin. */
static enum eb_status check_keys(struct ebi_config *config, const char *kind, struct ebi_table *table, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (const char *name = NULL; status == EB_OK && (name = ebi_config_next_override(config, kind, name));)
        status = ebi_config_bind(config, kind, name, table, 1, err);
    return status;
}

enum eb_status ebi_config_check_overrides(struct ebi_config *config, struct eb_error *err) {
    struct ebi_route_settings route = { 0 };
    struct ebi_consume_settings consume = { 0 };
    struct ebi_table routes = ebi_route_table(&route), consumers = ebi_consume_table(&consume);
    enum eb_status status = check_complete(config, "broker", "plugin", err);

    if (status == EB_OK)
        status = check_complete(config, "route", "event", err);
    if (status == EB_OK)
        status = check_keys(config, "route", &routes, err);
    return status == EB_OK ? check_keys(config, "consume", &consumers, err) : status;
}
