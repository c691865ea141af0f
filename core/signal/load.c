/* core/signal/load.c - loads a registry from schema files: see registry.h. */
#include "signal/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "schema/resolve.h"
#include "signal/receivers.h"

static const char ending[] = ".avsc";

/* The version of openedx-events that made the installed schemas: the sourcelib of new events. */
static const char definitions_version[] = "11.2.0";

/* ---- Files that cannot be used ---- */

/* Returns whether an error is this process's and not the file's, so that another start may read the same file. */
static bool own_trouble(const struct eb_error *why) {
    bool out_of_memory = why->kind == EB_KIND_SYSTEM && why->native == 0;

    return out_of_memory || why->native == ENOMEM || why->native == EMFILE || why->native == ENFILE;
}

/* Notes a file that cannot be used. Where it holds the current schema of a type, its name gives the type. Returns an
 * error only where the error is this process's own. */
static enum eb_status note_bad(struct ebi_signals *all, const char *name, bool current, const struct eb_error *why,
                               struct eb_error *err) {
    struct ebi_bad_schema *bad = NULL;

    if (own_trouble(why)) {
        if (err)
            *err = *why;
        return (enum eb_status)why->status;
    }
    bad = realloc(all->bad, (all->n_bad + 1) * sizeof *bad);
    if (!bad)
        return ebi_error_memory(err);
    all->bad = bad;
    bad[all->n_bad] = (struct ebi_bad_schema){ .type = current ? strndup(name, strlen(name) - (sizeof ending - 1)) : NULL,
                                               .why = *why };
    if (current && !bad[all->n_bad].type)
        return ebi_error_memory(err);
    all->n_bad++;
    return EB_OK;
}

/* ---- Reading a folder ---- */

/* Takes a schema over and sets it to NULL, or leaves it. Returns an error when the file cannot be used. */
typedef enum eb_status (*take_schema)(struct ebi_signals *, struct ebi_schema **, struct eb_error *);

struct reading {
    struct ebi_signals *all;
    size_t limit;
    take_schema take;
    bool current; /* true: the schemas of signals; false: earlier versions of them */
};

static enum eb_status read_file(const struct reading *reading, const char *folder, const char *name, struct eb_error *err) {
    struct ebi_bytes path = { 0 };
    struct ebi_schema *schema = NULL;
    struct eb_error why = { 0 };
    enum eb_status status;

    if (!ebi_bytes_add_format(&path, "%s/%s", folder, name)) {
        status = ebi_error_memory(err);
        goto done;
    }
    status = ebi_schema_read_file(path.data, reading->limit, &schema, &why);
    if (status == EB_OK) {
        status = reading->take(reading->all, &schema, &why);
        if (status != EB_OK)
            ebi_error_context(&why, "schema %s", path.data);
    }
    if (status != EB_OK)
        status = note_bad(reading->all, name, reading->current, &why, err);
done:
    ebi_schema_free(schema);
    ebi_bytes_free(&path);
    return status;
}

static int is_schema(const struct dirent *entry) {
    size_t len = strlen(entry->d_name), end = sizeof ending - 1;

    return len > end && entry->d_name[0] != '.' && strcmp(entry->d_name + len - end, ending) == 0;
}

/* Sorts the newest version first: TYPE.10.avsc before TYPE.9.avsc. */
static int by_version(const struct dirent **a, const struct dirent **b) {
    return versionsort(b, a);
}

/* Lists the schema files of a folder. Returns how many there are, or -1 with errno. */
static int list(const struct reading *reading, const char *folder, struct dirent ***entries) {
    return scandir(folder, entries, is_schema, reading->current ? alphasort : by_version);
}

static enum eb_status read_entries(const struct reading *reading, const char *folder, struct dirent **entries, int n,
                                   struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (int i = 0; i < n; i++) {
        if (status == EB_OK)
            status = read_file(reading, folder, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* Calls `each` for the folders in `path`, until one fails. */
static enum eb_status each_folder(const struct reading *reading, const char *path,
                                  enum eb_status (*each)(const struct reading *, const char *, struct eb_error *),
                                  struct eb_error *err) {
    char *folders = strdup(path), *rest = folders, *folder;
    enum eb_status status = EB_OK;

    if (!folders)
        return ebi_error_memory(err);
    while (status == EB_OK && (folder = strsep(&rest, ":")))
        if (*folder)
            status = each(reading, folder, err);
    free(folders);
    return status;
}

/* ---- The schemas of signals ---- */

static bool is_known(const struct ebi_signals *all, const char *type) {
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(ebi_schema_type(all->items[i].schema), type) == 0)
            return true;
    return ebi_signals_bad(all, type) != NULL; /* another folder's does not replace a bad one: it may differ */
}

static enum eb_status add_signal(struct ebi_signals *all, struct ebi_schema **schema, struct eb_error *err) {
    if (is_known(all, ebi_schema_type(*schema)))
        return EB_OK;
    struct eb_signal *items = realloc(all->items, (all->n + 1) * sizeof *items);
    if (!items)
        return ebi_error_memory(err);
    all->items = items;
    items[all->n++] = (struct eb_signal){ .schema = *schema, .all = all };
    *schema = NULL;
    return EB_OK;
}

static enum eb_status read_folder(const struct reading *reading, const char *folder, struct eb_error *err) {
    struct dirent **entries = NULL;
    int n = list(reading, folder, &entries);

    if (n < 0 && (errno == ENOENT || errno == ENOTDIR) && strcmp(folder, EBI_SCHEMADIR) == 0)
        return EB_OK; /* only the installed folder may be missing */
    if (n < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot read the schemas in %s (schema_path)", folder);
    return read_entries(reading, folder, entries, n, err);
}

/* Adds a signal for each *.avsc of the folders in `path` (":" between them), in no order. A file that cannot be used is
 * noted in `bad`. Errors: a folder that schema_path names cannot be read (EB_KIND_CONFIG), no schema at all is found,
 * or this process has too little memory or too few descriptors (EB_KIND_SYSTEM). */
static enum eb_status load_signals(struct ebi_signals *all, const char *path, size_t limit, struct eb_error *err) {
    const struct reading reading = { .all = all, .limit = limit, .take = add_signal, .current = true };
    enum eb_status status = each_folder(&reading, path, read_folder, err);

    if (status == EB_OK && all->n == 0 && all->n_bad > 0) {
        if (err)
            *err = all->bad[0].why;
        ebi_error_context(err, "no schema can be used");
        return EB_PERMANENT;
    }
    if (status == EB_OK && all->n == 0)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "no schema (*.avsc) found in %s; install the schemas or set schema_path", path);
    return status;
}

/* ---- Earlier versions ---- */

static bool same_text(const struct ebi_schema *a, const struct ebi_schema *b) {
    struct eb_text one = ebi_schema_public(a)->json, other = ebi_schema_public(b)->json;

    return one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}

static enum eb_status add_version(struct ebi_signals *all, struct ebi_schema **schema, struct eb_error *err) {
    const char *type = ebi_schema_type(*schema);
    struct eb_signal *signal = (struct eb_signal *)ebi_signals_get(all, type, strlen(type));
    struct ebi_version version = { .schema = *schema }, *versions;
    enum eb_status status;

    if (!signal)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "an earlier version of %s, which has no current schema", type);
    if (same_text(*schema, signal->schema))
        return EB_OK; /* the current schema, put there before it is replaced */
    status = ebi_resolution_new(*schema, signal->schema, &version.resolver, err);
    if (status != EB_OK) {
        ebi_error_context(err, "what this version wrote cannot be read by the present schema");
        return status;
    }
    versions = realloc(signal->versions, (signal->n_versions + 1) * sizeof *versions);
    if (!versions) {
        ebi_resolution_free(version.resolver);
        return ebi_error_memory(err);
    }
    signal->versions = versions;
    versions[signal->n_versions++] = version;
    *schema = NULL;
    return EB_OK;
}

static enum eb_status read_history(const struct reading *reading, const char *folder, struct eb_error *err) {
    struct ebi_bytes path = { 0 };
    struct dirent **entries = NULL;
    struct eb_error why;
    enum eb_status status = EB_OK;

    if (!ebi_bytes_add_format(&path, "%s/history", folder))
        return ebi_error_memory(err);
    int n = list(reading, path.data, &entries);
    if (n >= 0) {
        status = read_entries(reading, path.data, entries, n, err);
    } else if (errno != ENOENT && errno != ENOTDIR) {
        ebi_error_errno(&why, EB_PERMANENT, EB_KIND_CONFIG, "cannot read the earlier versions of schemas in %s", path.data);
        status = note_bad(reading->all, path.data, false, &why, err);
    }
    ebi_bytes_free(&path);
    return status;
}

/* Adds the earlier versions from the `history` folder in each of these folders to the signals, which have been sorted.
 * A version that cannot be used is noted in `bad`. */
static enum eb_status load_history(struct ebi_signals *all, const char *path, size_t limit, struct eb_error *err) {
    const struct reading reading = { .all = all, .limit = limit, .take = add_version };

    return each_folder(&reading, path, read_history, err);
}

/* ---- The registry ---- */

static int by_type(const void *a, const void *b) {
    const struct eb_signal *left = a, *right = b;

    return strcmp(ebi_schema_type(left->schema), ebi_schema_type(right->schema));
}

static enum eb_status name_origin(struct ebi_origin *origin, const char *service, struct eb_error *err) {
    struct ebi_bytes source = { 0 };
    char host[256] = "localhost";

    gethostname(host, sizeof host - 1); /* cannot fail with that room; the name may be cut */
    if (!ebi_bytes_add_format(&source, "openedx/%s/web", service))
        return ebi_error_memory(err);
    origin->source = source.data;
    origin->sourcehost = strdup(host);
    origin->sourcelib = definitions_version;
    return origin->sourcehost ? EB_OK : ebi_error_memory(err);
}

static enum eb_status make_signals(struct ebi_signals *all, struct eb_error *err) {
    qsort(all->items, all->n, sizeof *all->items, by_type);
    for (size_t i = 0; i < all->n; i++) {
        struct eb_signal *signal = &all->items[i];

        signal->number = i;
        signal->receivers = ebi_receivers_new();
        signal->switches = malloc(sizeof *signal->switches);
        if (!signal->receivers || !signal->switches)
            return ebi_error_memory(err);
        atomic_init(signal->switches, EBI_ENABLED);
    }
    return EB_OK;
}

static void log_bad(const struct ebi_signals *all) {
    for (size_t i = 0; i < all->n_bad; i++) {
        const struct ebi_bad_schema *bad = &all->bad[i];

        if (bad->type)
            ebi_log_line(all->log, EBI_ERROR, "the event type %s is missing here, the others are not: %s", bad->type,
                         bad->why.text);
        else
            ebi_log_line(all->log, EBI_ERROR, "an earlier version of a schema is left out: %s", bad->why.text);
    }
}

enum eb_status ebi_signals_load(const char *path, size_t limit, const char *service, struct ebi_log *log,
                                struct ebi_signals **out, struct eb_error *err) {
    struct ebi_signals *all = calloc(1, sizeof *all);
    enum eb_status status = EB_OK;

    if (!all)
        return ebi_error_memory(err);
    all->log = log;
    all->forks = ebi_forks();
    all->receivers = ebi_receivers_new();
    status = all->receivers ? name_origin(&all->origin, service, err) : ebi_error_memory(err);
    if (status == EB_OK)
        status = load_signals(all, path, limit, err);
    if (status == EB_OK)
        status = make_signals(all, err);
    if (status == EB_OK)
        status = load_history(all, path, limit, err);
    if (status == EB_OK)
        log_bad(all);
    if (status != EB_OK) {
        ebi_signals_free(all);
        return status;
    }
    *out = all;
    return EB_OK;
}
