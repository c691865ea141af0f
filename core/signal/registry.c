/* core/signal/registry.c - see registry.h. */
#include "signal/registry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/nearest.h"
#include "schema/resolve.h"
#include "signal/receivers.h"

char *ebi_schema_folders(const char *configured) {
    struct ebi_bytes path = { 0 };

    if (configured && *configured && !ebi_bytes_add_format(&path, "%s:", configured))
        return NULL;
    if (!ebi_bytes_add_text(&path, EBI_SCHEMADIR)) {
        ebi_bytes_free(&path);
        return NULL;
    }
    return path.data;
}

/* ---- The registry ---- */

void ebi_signal_clear(struct eb_signal *signal) {
    for (size_t i = 0; i < signal->n_versions; i++) {
        ebi_resolution_free(signal->versions[i].resolver);
        ebi_schema_free(signal->versions[i].schema);
    }
    free(signal->versions);
    ebi_receivers_free(signal->receivers);
    free((void *)signal->switches);
    ebi_schema_free(signal->schema);
}

void ebi_signals_free(struct ebi_signals *all) {
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        ebi_signal_clear(&all->items[i]);
    for (struct ebi_added *added = atomic_load(&all->added), *older; added; added = older) {
        older = added->older;
        ebi_added_free(added);
    }
    for (size_t i = 0; i < all->n_bad; i++)
        free(all->bad[i].type);
    free(all->bad);
    ebi_receivers_free(all->receivers);
    free((char *)all->origin.source);
    free((char *)all->origin.sourcehost);
    free(all->items);
    free(all);
}

static const struct eb_signal *get_added(const struct ebi_signals *all, const char *type, size_t len) {
    for (const struct ebi_added *added = atomic_load(&all->added); added; added = added->older) {
        const char *other = ebi_schema_type(added->signal.schema);

        if (strncmp(type, other, len) == 0 && other[len] == '\0')
            return &added->signal;
    }
    return NULL;
}

static const struct eb_signal *get_loaded(const struct ebi_signals *all, const char *type, size_t len) {
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = ebi_schema_type(all->items[middle].schema);
        int order = strncmp(type, other, len);

        if (order == 0 && other[len] == '\0')
            return &all->items[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle; /* equal so far, but the other is longer */
    }
    return NULL;
}

const struct eb_signal *ebi_signals_get(const struct ebi_signals *all, const char *type, size_t len) {
    const struct eb_signal *added = get_added(all, type, len);

    return added ? added : get_loaded(all, type, len);
}

/* Whether no signal that was added later has its type. */
static bool is_current(const struct ebi_signals *all, const struct eb_signal *signal) {
    const char *type = ebi_schema_type(signal->schema);

    return ebi_signals_get(all, type, strlen(type)) == signal;
}

int ebi_signals_each(const struct ebi_signals *all, int (*each)(void *, const struct eb_signal *), void *arg) {
    int answer = 0;

    for (size_t i = 0; i < all->n && answer == 0; i++)
        if (is_current(all, &all->items[i]))
            answer = each(arg, &all->items[i]);
    for (const struct ebi_added *added = atomic_load(&all->added); added && answer == 0; added = added->older)
        if (is_current(all, &added->signal))
            answer = each(arg, &added->signal);
    return answer;
}

const struct eb_error *ebi_signals_bad(const struct ebi_signals *all, const char *type) {
    for (size_t i = 0; i < all->n_bad; i++)
        if (all->bad[i].type && strcmp(all->bad[i].type, type) == 0)
            return &all->bad[i].why;
    return NULL;
}

const struct eb_signal *ebi_signals_find(const struct ebi_signals *all, const char *type, struct eb_error *err) {
    const struct eb_signal *found = ebi_signals_get(all, type, strlen(type));
    const struct eb_error *bad;
    const char **names;

    if (found || !err)
        return found;
    bad = ebi_signals_bad(all, type);
    if (bad) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema of the event type \"%.200s\" cannot be used: %s", type,
                  bad->text);
        return NULL;
    }
    names = malloc((all->n + 1) * sizeof *names);
    if (!names) {
        ebi_error_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < all->n; i++)
        names[i] = ebi_schema_type(all->items[i].schema);
    ptrdiff_t nearest = ebi_nearest(type, names, all->n);
    if (nearest >= 0)
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "no signal has the event type \"%.200s\"; did you mean %s?", type,
                  names[nearest]);
    else
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                  "no signal has the event type \"%.200s\"; `eventbus signals` lists those there are", type);
    free(names);
    return NULL;
}

enum eb_status ebi_signals_connect(struct ebi_signals *all, const struct eb_signal *signal, const char *name, eb_receiver call,
                                   void *arg, struct eb_error *err) {
    enum eb_status status = ebi_receivers_add(signal ? signal->receivers : all->receivers, name, call, arg, err);

    if (status != EB_OK)
        ebi_error_context(err, "%s", signal ? ebi_schema_type(signal->schema) : "every signal");
    return status;
}

static int is_heard(void *but, const struct eb_signal *signal) {
    return ebi_signals_heard(signal->all, signal, *(eb_receiver *)but);
}

bool ebi_signals_heard(const struct ebi_signals *signals, const struct eb_signal *signal, eb_receiver but) {
    if (signal)
        return (atomic_load(signal->switches) & EBI_ENABLED) &&
               (ebi_receivers_any(signals->receivers, but) || ebi_receivers_any(signal->receivers, but));
    return ebi_signals_each(signals, is_heard, &but) != 0;
}

enum eb_status ebi_signals_disconnect(struct ebi_signals *all, const struct eb_signal *signal, const char *name) {
    return ebi_receivers_remove(signal ? signal->receivers : all->receivers, name);
}

/* ---- One signal ---- */

const char *eb_signal_type(const struct eb_signal *signal) {
    return signal ? ebi_schema_type(signal->schema) : NULL;
}

const char *eb_signal_schema(const struct eb_signal *signal) {
    return signal ? ebi_schema_public(signal->schema)->json.data : NULL;
}

static void switch_to(const struct eb_signal *signal, enum ebi_switch which, int on) {
    if (!signal)
        return;
    if (on)
        atomic_fetch_or(signal->switches, which);
    else
        atomic_fetch_and(signal->switches, ~(int)which);
}

void eb_signal_enable(const struct eb_signal *signal, int enabled) {
    switch_to(signal, EBI_ENABLED, enabled);
}

int eb_signal_enabled(const struct eb_signal *signal) {
    return signal && (atomic_load(signal->switches) & EBI_ENABLED) != 0;
}

void eb_signal_allow_failure(const struct eb_signal *signal, int allowed) {
    switch_to(signal, EBI_MAY_FAIL, allowed);
}
