/* core/config/store.c - sections and values of a configuration, and the memory they live in: see store.h. */
#include "config/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct ebi_kept {
    struct ebi_kept *next;
    max_align_t memory[];
};

void *ebi_config_keep(struct ebi_config *config, size_t size) {
    struct ebi_kept *kept = calloc(1, sizeof *kept + size);

    if (!kept)
        return NULL;
    pthread_mutex_lock(&config->mutex);
    kept->next = config->kept;
    config->kept = kept;
    pthread_mutex_unlock(&config->mutex);
    return kept->memory;
}

char *ebi_config_keep_text(struct ebi_config *config, const char *text, size_t len) {
    char *copy = ebi_config_keep(config, len + 1);

    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

void ebi_config_free(struct ebi_config *config) {
    if (!config)
        return;
    while (config->kept) {
        struct ebi_kept *next = config->kept->next;

        free(config->kept);
        config->kept = next;
    }
    pthread_mutex_destroy(&config->mutex);
    free(config);
}

/* ---- Finding ---- */

struct ebi_section *ebi_config_section(const struct ebi_config *config, const char *kind, const char *name) {
    struct ebi_section *section = config->sections;

    while (section && (strcmp(section->kind, kind) != 0 || strcmp(section->name, name) != 0))
        section = section->next;
    return section;
}

struct ebi_value *ebi_section_value(const struct ebi_section *section, const char *key) {
    struct ebi_value *value = section ? section->values : NULL;

    while (value && strcmp(value->key, key) != 0)
        value = value->next;
    return value;
}

bool ebi_config_has(const struct ebi_config *config, const char *kind, const char *name) {
    return ebi_config_section(config, kind, name) != NULL;
}

const char *ebi_config_state(const struct ebi_config *config) {
    return config->state;
}

const char *ebi_config_note(const struct ebi_config *config) {
    return config->note;
}

const char *ebi_config_next(const struct ebi_config *config, const char *kind, const char *previous) {
    const struct ebi_section *section = config->sections;

    if (previous) {
        section = ebi_config_section(config, kind, previous);
        section = section ? section->next : NULL;
    }
    while (section && (strcmp(section->kind, kind) != 0 || !*section->name))
        section = section->next;
    return section ? section->name : NULL;
}

const char *ebi_config_where(const struct ebi_config *config, const char *kind, const char *name, const char *key) {
    const struct ebi_section *section = ebi_config_section(config, kind, name);
    const struct ebi_value *value = key ? ebi_section_value(section, key) : NULL;

    if (value)
        return value->where;
    return section && !key ? section->where : "default";
}

const char *ebi_config_text(const struct ebi_config *config, const char *kind, const char *name, const char *key) {
    const struct ebi_value *value = ebi_section_value(ebi_config_section(config, kind, name), key);

    return value ? value->text : NULL;
}

struct ebi_title ebi_section_title(const char *kind, const char *name) {
    struct ebi_title title;

    snprintf(title.text, sizeof title.text, *name ? "[%.60s %.60s]" : "[%.60s]", kind, name);
    return title;
}

/* ---- Adding ---- */

static struct ebi_section *new_section(struct ebi_config *config, const char *kind, const char *name, const char *where) {
    struct ebi_section *section = ebi_config_keep(config, sizeof *section);

    if (!section)
        return NULL;
    section->kind = ebi_config_keep_text(config, kind, strlen(kind));
    section->name = ebi_config_keep_text(config, name, strlen(name));
    section->where = ebi_config_keep_text(config, where, strlen(where));
    return section->kind && section->name && section->where ? section : NULL;
}

enum eb_status ebi_config_add_section(struct ebi_config *config, const char *kind, const char *name, const char *where,
                                      struct ebi_section **result, struct eb_error *err) {
    struct ebi_section **last = &config->sections;

    *result = ebi_config_section(config, kind, name);
    if (*result)
        return EB_OK;
    if (config->n_sections == EBI_SECTIONS_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "more than %d sections", (int)EBI_SECTIONS_MOST);
    *result = new_section(config, kind, name, where);
    if (!*result)
        return ebi_error_memory(err);
    while (*last)
        last = &(*last)->next;
    *last = *result;
    config->n_sections++;
    return EB_OK;
}

static struct ebi_value *new_value(struct ebi_config *config, const char *key) {
    struct ebi_value *value = ebi_config_keep(config, sizeof *value);

    if (!value)
        return NULL;
    value->key = ebi_config_keep_text(config, key, strlen(key));
    return value->key ? value : NULL;
}

static enum eb_status add_value(struct ebi_config *config, struct ebi_section *section, const char *key,
                                struct ebi_value **result, struct eb_error *err) {
    struct ebi_value **last = &section->values;

    if (section->n_values == EBI_KEYS_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s has more than %d keys",
                         ebi_section_title(section->kind, section->name).text, (int)EBI_KEYS_MOST);
    *result = new_value(config, key);
    if (!*result)
        return ebi_error_memory(err);
    while (*last)
        last = &(*last)->next;
    *last = *result;
    section->n_values++;
    return EB_OK;
}

enum eb_status ebi_config_set(struct ebi_config *config, struct ebi_section *section, const char *key, const char *raw,
                              const char *where, unsigned source, struct eb_error *err) {
    struct ebi_value *value = ebi_section_value(section, key);
    enum eb_status status = EB_OK;

    if (value && source && value->source == source)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s has %s already at %s",
                         ebi_section_title(section->kind, section->name).text, key, value->where);
    if (!value)
        status = add_value(config, section, key, &value, err);
    if (status != EB_OK)
        return status;
    value->source = source;
    value->raw = ebi_config_keep_text(config, raw, strlen(raw));
    value->where = ebi_config_keep_text(config, where, strlen(where));
    return value->raw && value->where ? EB_OK : ebi_error_memory(err);
}
