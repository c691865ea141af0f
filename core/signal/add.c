/* core/signal/add.c - signals that a program adds after its bus was opened: see registry.h. */
#include "signal/registry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "signal/receivers.h"

enum { ADDED_MOST = 10000 };

void ebi_added_free(struct ebi_added *added) {
    if (!added)
        return;
    ebi_signal_clear(&added->signal);
    free(added);
}

static struct eb_text text_of(const struct ebi_schema *schema) {
    return ebi_schema_public(schema)->json;
}

/* Adds one schema to the earlier versions of a signal. One that cannot be resolved is logged and left out. */
static enum eb_status add_version(struct eb_signal *signal, const struct ebi_schema *earlier, struct eb_error *err) {
    struct ebi_version *version = &signal->versions[signal->n_versions];
    struct eb_text json = text_of(earlier);
    struct eb_error why = { 0 };
    enum eb_status status = ebi_schema_parse(json.data, json.len, &version->schema, &why);

    if (status == EB_OK)
        status = ebi_resolution_new(version->schema, signal->schema, &version->resolver, &why);
    if (status == EB_OK) {
        signal->n_versions++;
        return EB_OK;
    }
    ebi_schema_free(version->schema);
    version->schema = NULL;
    if (status != EB_PERMANENT)
        return ebi_error_memory(err);
    ebi_log_line(signal->all->log, EBI_WARNING,
                 "what an earlier schema of %s wrote cannot be read by the one that was added: %s",
                 ebi_schema_type(signal->schema), why.text);
    return EB_OK;
}

/* Makes the schema of the earlier signal, and its versions, earlier versions of this one. */
static enum eb_status keep_versions(struct eb_signal *signal, const struct eb_signal *earlier, struct eb_error *err) {
    signal->versions = calloc(earlier->n_versions + 1, sizeof *signal->versions);
    if (!signal->versions)
        return ebi_error_memory(err);
    enum eb_status status = add_version(signal, earlier->schema, err);
    for (size_t i = 0; status == EB_OK && i < earlier->n_versions; i++)
        status = add_version(signal, earlier->versions[i].schema, err);
    return status;
}

static enum eb_status fill(struct ebi_signals *all, struct eb_signal *signal, const struct eb_signal *earlier,
                           struct eb_error *err) {
    signal->all = all;
    signal->number = all->n + all->n_added;
    signal->receivers = ebi_receivers_new();
    signal->switches = malloc(sizeof *signal->switches);
    if (!signal->receivers || !signal->switches)
        return ebi_error_memory(err);
    atomic_init(signal->switches, EBI_ENABLED);
    return earlier ? keep_versions(signal, earlier, err) : EB_OK;
}

static enum eb_status parse(const struct ebi_signals *all, const char *json, size_t len, struct ebi_schema **schema,
                            struct eb_error *err) {
    enum eb_status status = ebi_schema_parse(json, len, schema, err);

    if (status == EB_OK && !*ebi_schema_type(*schema))
        status = ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the outermost record has no namespace, which is the event type");
    if (status == EB_OK && all->n_added >= ADDED_MOST)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%d signals were added to this bus, which is the most; %s is not",
                           (int)ADDED_MOST, ebi_schema_type(*schema));
    return status;
}

static bool same_text(const struct ebi_schema *a, const struct ebi_schema *b) {
    return text_of(a).len == text_of(b).len && memcmp(text_of(a).data, text_of(b).data, text_of(a).len) == 0;
}

enum eb_status ebi_signals_make(struct ebi_signals *all, const char *json, size_t len, struct ebi_added **out,
                                const struct eb_signal **same, struct eb_error *err) {
    struct ebi_added *added = calloc(1, sizeof *added);
    enum eb_status status;

    if (!added)
        return ebi_error_memory(err);
    status = parse(all, json, len, &added->signal.schema, err);
    if (status == EB_OK) {
        const char *type = ebi_schema_type(added->signal.schema);
        const struct eb_signal *earlier = ebi_signals_get(all, type, strlen(type));

        if (earlier && same_text(earlier->schema, added->signal.schema)) {
            *same = earlier;
            status = EB_END;
        } else
            status = fill(all, &added->signal, earlier, err);
    }
    if (status != EB_OK) {
        ebi_added_free(added);
        return status;
    }
    *out = added;
    return EB_OK;
}

void ebi_signals_publish(struct ebi_signals *all, struct ebi_added *added) {
    added->older = atomic_load(&all->added);
    all->n_added++;
    atomic_store(&all->added, added);
}
