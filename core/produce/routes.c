/* core/produce/routes.c - see routes.h. */
#include "produce/routes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "config/settings.h"
#include "schema/key_field.h"

struct cached_key {
    struct ebi_key_field *field;
    UT_hash_handle hh;
    char name[]; /* signal number, ":", path */
};

struct ebi_routes {
    struct ebi_route *items; /* all, in the order of the configuration */
    size_t n;
    const struct ebi_route **enabled; /* by signal, in order; of signal i from first[i] to first[i + 1] */
    size_t *first;
    size_t n_signals; /* that were loaded; those that were added have greater numbers */
    _Atomic(struct followed *) followed;
    pthread_mutex_t lock; /* guards keys */
    struct cached_key *keys;
};

/* The routes of a signal that was added in the place of another one. The list only grows. */
struct followed {
    struct followed *older;
    const struct eb_signal *signal;
    const struct ebi_route **enabled;
    size_t n, n_enabled;
    struct ebi_route items[]; /* their names and topics are those of the routes that they follow */
};

/* ---- Key fields ---- */

enum eb_status ebi_routes_key_field(struct ebi_routes *routes, const struct eb_signal *signal, const char *path,
                                    const struct ebi_key_field **out, struct eb_error *err) {
    struct ebi_bytes name = { 0 };
    struct cached_key *key = NULL;
    enum eb_status status = EB_OK;

    if (!ebi_bytes_add_format(&name, "%zu:%s", signal->number, path))
        return ebi_error_memory(err);
    pthread_mutex_lock(&routes->lock);
    HASH_FIND(hh, routes->keys, name.data, name.len, key);
    if (key)
        goto done;
    key = calloc(1, sizeof *key + name.len + 1);
    status = key ? ebi_key_field_new(signal->schema, path, &key->field, err) : ebi_error_memory(err);
    if (status != EB_OK) {
        free(key);
        goto done;
    }
    memcpy(key->name, name.data, name.len);
    HASH_ADD(hh, routes->keys, name, name.len, key);
    if (!EBI_HASHED(key)) {
        status = ebi_error_memory(err);
        ebi_key_field_free(key->field);
        free(key);
    }
done:
    pthread_mutex_unlock(&routes->lock);
    ebi_bytes_free(&name);
    if (status == EB_OK)
        *out = key->field;
    return status;
}

/* ---- Loading ---- */

static const char *where(const struct ebi_config *config, const char *name, const char *key) {
    return ebi_config_where(config, "route", name, ebi_config_text(config, "route", name, key) ? key : NULL);
}

static enum eb_status load_route(struct ebi_routes *routes, struct ebi_config *config, const struct ebi_signals *signals,
                                 const char *prefix, const char *name, struct ebi_route *route, struct eb_error *err) {
    struct ebi_route_settings settings = { 0 };
    struct ebi_table table = ebi_route_table(&settings);
    enum eb_status status = ebi_config_bind(config, "route", name, &table, 1, err);

    if (status != EB_OK)
        return status;
    route->name = name;
    route->enabled = settings.enabled != 0;
    route->signal = ebi_signals_find(signals, settings.event, err);
    if (!route->signal && settings.event && ebi_signals_bad(signals, settings.event)) {
        ebi_log_line(signals->log, EBI_ERROR, "%s: [route %s] sends nothing: the schema of %s cannot be used",
                     where(config, name, "event"), name, settings.event);
        return EB_OK; /* a program cannot make an event of that type here either */
    }
    if (!route->signal) {
        if (err)
            err->kind = EB_KIND_CONFIG;
        ebi_error_context(err, "%s: [route %s]", where(config, name, "event"), name);
        return EB_PERMANENT;
    }
    if (ebi_topic_is_pattern(settings.topic))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "%s: [route %s] topic: \"%s\" is a pattern; a route names one topic", where(config, name, "topic"),
                         name, settings.topic);
    route->topic = settings.topic;
    route->full_topic = ebi_full_topic(prefix, settings.topic);
    if (!route->full_topic)
        return ebi_error_memory(err);
    if (settings.key_field && *settings.key_field) {
        status = ebi_routes_key_field(routes, route->signal, settings.key_field, &route->key, err);
        if (status != EB_OK) {
            if (err)
                err->kind = EB_KIND_CONFIG;
            ebi_error_context(err, "%s: [route %s] key_field", where(config, name, "key_field"), name);
        }
    }
    return status;
}

/* Sorts the enabled routes by signal; they are few enough for a simple loop. */
static enum eb_status sort_enabled(struct ebi_routes *routes, const struct ebi_signals *signals, struct eb_error *err) {
    size_t n = 0;

    routes->n_signals = signals->n;
    routes->first = calloc(signals->n + 1, sizeof *routes->first);
    routes->enabled = calloc(routes->n + 1, sizeof *routes->enabled);
    if (!routes->first || !routes->enabled)
        return ebi_error_memory(err);
    for (size_t s = 0; s < signals->n; s++) {
        routes->first[s] = n;
        for (size_t i = 0; i < routes->n; i++)
            if (routes->items[i].enabled && routes->items[i].signal == &signals->items[s])
                routes->enabled[n++] = &routes->items[i];
    }
    routes->first[signals->n] = n;
    return EB_OK;
}

enum eb_status ebi_routes_load(struct ebi_config *config, const struct ebi_signals *signals, const char *prefix,
                               struct ebi_routes **out, struct eb_error *err) {
    struct ebi_routes *routes = calloc(1, sizeof *routes);
    enum eb_status status = EB_OK;
    size_t n = 0;

    if (!routes)
        return ebi_error_memory(err);
    pthread_mutex_init(&routes->lock, NULL);
    for (const char *name = NULL; (name = ebi_config_next(config, "route", name));)
        n++;
    routes->items = calloc(n + 1, sizeof *routes->items);
    if (!routes->items)
        status = ebi_error_memory(err);
    for (const char *name = NULL; status == EB_OK && (name = ebi_config_next(config, "route", name));)
        status = load_route(routes, config, signals, prefix, name, &routes->items[routes->n++], err);
    if (status == EB_OK)
        status = sort_enabled(routes, signals, err);
    if (status != EB_OK) {
        ebi_routes_free(routes);
        return status;
    }
    *out = routes;
    return EB_OK;
}

void ebi_routes_free(struct ebi_routes *routes) {
    struct cached_key *key, *next;

    if (!routes)
        return;
    for (size_t i = 0; i < routes->n; i++)
        free((char *)routes->items[i].full_topic);
    for (struct followed *followed = atomic_load(&routes->followed), *older; followed; followed = older) {
        older = followed->older;
        free(followed->enabled);
        free(followed);
    }
    HASH_ITER(hh, routes->keys, key, next) {
        HASH_DEL(routes->keys, key);
        ebi_key_field_free(key->field);
        free(key);
    }
    pthread_mutex_destroy(&routes->lock);
    free(routes->items);
    free(routes->enabled);
    free(routes->first);
    free(routes);
}

/* ---- Signals that were added ---- */

static const struct followed *followed_by(const struct ebi_routes *routes, const struct eb_signal *signal) {
    const struct followed *followed = atomic_load(&routes->followed);

    while (followed && followed->signal != signal)
        followed = followed->older;
    return followed;
}

/* All routes of a signal, enabled or not: of those that this returns, the ones whose signal it is. */
static const struct ebi_route *all_of(const struct ebi_routes *routes, const struct eb_signal *signal, size_t *n) {
    if (signal->number < routes->n_signals) {
        *n = routes->n;
        return routes->items;
    }
    const struct followed *followed = followed_by(routes, signal);
    *n = followed ? followed->n : 0;
    return followed ? followed->items : NULL;
}

static enum eb_status follow_one(struct ebi_routes *routes, struct followed *followed, const struct ebi_route *route,
                                 struct eb_error *err) {
    struct ebi_route *item = &followed->items[followed->n++];

    *item = *route;
    item->signal = followed->signal;
    if (item->enabled)
        followed->enabled[followed->n_enabled++] = item;
    if (!route->key)
        return EB_OK;
    enum eb_status status = ebi_routes_key_field(routes, item->signal, ebi_key_field_path(route->key), &item->key, err);
    if (status != EB_OK)
        ebi_error_context(err, "[route %s] key_field", route->name);
    return status;
}

enum eb_status ebi_routes_follow(struct ebi_routes *routes, const struct eb_signal *earlier, const struct eb_signal *signal,
                                 struct eb_error *err) {
    size_t n;
    const struct ebi_route *items = all_of(routes, earlier, &n);
    struct followed *followed = calloc(1, sizeof *followed + n * sizeof *followed->items);
    enum eb_status status = EB_OK;

    if (!followed)
        return ebi_error_memory(err);
    followed->signal = signal;
    followed->enabled = calloc(n + 1, sizeof(struct ebi_route *));
    if (!followed->enabled)
        status = ebi_error_memory(err);
    for (size_t i = 0; status == EB_OK && i < n; i++)
        if (items[i].signal == earlier)
            status = follow_one(routes, followed, &items[i], err);
    if (status != EB_OK) {
        free(followed->enabled);
        free(followed);
        return status;
    }
    followed->older = atomic_load(&routes->followed);
    atomic_store(&routes->followed, followed);
    return EB_OK;
}

/* ---- Looking up ---- */

const struct ebi_route *const *ebi_routes_of(const struct ebi_routes *routes, const struct eb_signal *signal, size_t *n) {
    if (signal->number >= routes->n_signals) {
        const struct followed *followed = followed_by(routes, signal);

        *n = followed ? followed->n_enabled : 0;
        return followed ? followed->enabled : NULL;
    }
    size_t first = routes->first[signal->number];

    *n = routes->first[signal->number + 1] - first;
    return routes->enabled + first;
}

bool ebi_routes_any(const struct ebi_routes *routes) {
    return routes->enabled[0] != NULL;
}

const struct ebi_key_field *ebi_routes_key(const struct ebi_routes *routes, const struct eb_signal *signal,
                                           const char *full_topic) {
    size_t n;
    const struct ebi_route *items = all_of(routes, signal, &n);

    for (size_t i = 0; i < n; i++)
        if (items[i].signal == signal && strcmp(items[i].full_topic, full_topic) == 0 && items[i].key)
            return items[i].key;
    return NULL;
}
