/* core/plugin/find.c - see find.h. */
#include "plugin/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/nearest.h"

const char *ebi_plugin_path(const struct ebi_bus_settings *settings) {
    return settings && settings->plugin_path && *settings->plugin_path ? settings->plugin_path : EBI_PLUGINDIR;
}

/* Returns the next folder of a path, as a new string, and moves *path behind it. NULL: the end, or no memory, and then *path is not at
 * its end. */
static char *next_folder(const char **path) {
    *path += strspn(*path, ":");
    size_t len = strcspn(*path, ":");
    char *folder = len ? strndup(*path, len) : NULL;

    if (folder)
        *path += len;
    return folder;
}

struct found {
    char *name, *file;
    size_t order; /* of its folder in the path */
};

struct list {
    struct found *found;
    size_t n, room;
};

static bool add_found(struct list *list, const char *folder, const char *entry, size_t order) {
    struct found found = { .order = order };

    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        struct found *more = realloc(list->found, room * sizeof *more);
        if (!more)
            return false;
        list->found = more;
        list->room = room;
    }
    found.name = strndup(entry, strlen(entry) - 3);
    if (!found.name || asprintf(&found.file, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, entry) < 0) {
        free(found.name);
        return false;
    }
    list->found[list->n++] = found;
    return true;
}

static bool list_folder(struct list *list, const char *folder, size_t order) {
    char *absolute = realpath(folder, NULL);
    DIR *entries = absolute ? opendir(absolute) : NULL;
    struct dirent *entry;
    bool fits = true;

    while (fits && entries && (entry = readdir(entries))) {
        size_t len = strlen(entry->d_name);
        if (len > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 3, ".so") == 0)
            fits = add_found(list, absolute, entry->d_name, order);
    }
    if (entries)
        closedir(entries);
    free(absolute);
    return fits;
}

static int by_name(const void *left, const void *right) {
    const struct found *a = left, *b = right;
    int order = strcmp(a->name, b->name);

    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static void free_list(struct list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->found[i].name);
        free(list->found[i].file);
    }
    free(list->found);
}

/* Lists all plugin files of a path, sorted. False: no memory. A folder that does not exist has none. */
static bool list_path(struct list *list, const char *path) {
    bool fits = true;
    char *folder;

    for (size_t order = 0; fits && (folder = next_folder(&path)); order++) {
        fits = list_folder(list, folder, order);
        free(folder);
    }
    if (list->n)
        qsort(list->found, list->n, sizeof *list->found, by_name);
    return fits && !*path;
}

enum eb_status ebi_plugin_walk(const char *path, void (*each)(void *arg, const char *name, const char *file, bool shadowed),
                               void *arg) {
    struct list list = { 0 };
    bool fits = list_path(&list, path);

    for (size_t i = 0; fits && i < list.n; i++) {
        const struct found *one = &list.found[i];
        each(arg, one->name, one->file, i > 0 && strcmp(one[-1].name, one->name) == 0);
    }
    free_list(&list);
    return fits ? EB_OK : EB_FATAL;
}

enum eb_status ebi_plugin_lost_folders(const char *path, void (*each)(void *arg, const char *folder, int number), void *arg) {
    char *folder;

    while ((folder = next_folder(&path))) {
        DIR *entries = opendir(folder);

        if (entries)
            closedir(entries);
        else
            each(arg, folder, errno);
        free(folder);
    }
    return *path ? EB_FATAL : EB_OK;
}

/* Adds " /a /b (no such folder)", or that no folders are searched. */
static bool add_folders(struct ebi_bytes *text, const char *path) {
    bool fits = path[strspn(path, ":")] || ebi_bytes_add_text(text, " (empty)");
    char *folder;

    while (fits && (folder = next_folder(&path))) {
        const char *note = access(folder, R_OK | X_OK) == 0 ? "" : errno == ENOENT ? " (no such folder)" : " (not readable)";
        fits = ebi_bytes_add_format(text, " %s%s", folder, note);
        free(folder);
    }
    return fits && !*path;
}

/* Adds "; there are memory, sqlite". */
static bool add_names(struct ebi_bytes *text, const struct list *list) {
    const char *before = NULL;

    for (size_t i = 0; i < list->n; before = list->found[i++].name)
        if ((!before || strcmp(before, list->found[i].name) != 0) &&
            !ebi_bytes_add_format(text, "%s%s", before ? ", " : "; there are ", list->found[i].name))
            return false;
    return before || ebi_bytes_add_text(text, "; there is no plugin at all");
}

/* Reports that a plugin was not found: the nearest name, the folders that were searched, the names that exist. */
static enum eb_status missing(const char *path, const char *name, struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    struct list list = { 0 };
    const char **names = NULL;
    enum eb_status status;

    bool fits = list_path(&list, path) && (names = calloc(list.n + 1, sizeof *names));
    for (size_t i = 0; fits && i < list.n; i++)
        names[i] = list.found[i].name;
    ptrdiff_t nearest = fits ? ebi_nearest(name, names, list.n) : -1;
    fits = fits && ebi_bytes_add_format(&text, "there is no plugin %s", name) &&
           (nearest < 0 || ebi_bytes_add_format(&text, " (did you mean %s?)", names[nearest])) &&
           ebi_bytes_add_format(&text, ": no %s.so in plugin_path", name) && add_folders(&text, path) &&
           add_names(&text, &list);
    status = fits ? ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "%s", text.data) : ebi_error_memory(err);
    free(names);
    free_list(&list);
    ebi_bytes_free(&text);
    return status;
}

/* Finds the first NAME.so in the folders of path; *file NULL: no folder has it. */
static enum eb_status search(const char *path, const char *name, char **file, struct eb_error *err) {
    struct stat st;
    char *folder;

    for (*file = NULL; !*file && (folder = next_folder(&path));) {
        if (asprintf(file, "%s/%s.so", folder, name) < 0)
            *file = NULL;
        free(folder);
        if (!*file)
            return ebi_error_memory(err);
        if (lstat(*file, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
            free(*file);
            *file = NULL;
        }
    }
    return *file || !*path ? EB_OK : ebi_error_memory(err);
}

enum eb_status ebi_plugin_find(const char *path, const char *name, char **file, struct eb_error *err) {
    if (*name == '/') {
        *file = strdup(name);
        return *file ? EB_OK : ebi_error_memory(err);
    }
    if (!*name || strchr(name, '/'))
        return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN,
                         "plugin \"%s\" is neither a plugin's name nor the whole path of "
                         "a file, from / on",
                         name);
    enum eb_status status = search(path, name, file, err);
    return status == EB_OK && !*file ? missing(path, name, err) : status;
}
