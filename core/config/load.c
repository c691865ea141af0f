/* core/config/load.c - loads a configuration from files and overrides: which files to read, in which order they count, and which of
 * them to trust. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/trust.h"
#include "config/file.h"
#include "config/ini.h"
#include "config/replace.h"
#include "config/store.h"

enum {
    FILE_MOST = 1 << 20,
    FILES_MOST = 1000 /* in one folder */
};

/* The defaults, where no configuration exists: the embedded broker, and no routes. */
static const char built_in[] = "[eventbus]\n"
                               "producer = main\n"
                               "consumer = main\n"
                               "[broker main]\n"
                               "plugin = sqlite\n"
                               "path = ${STATE}/bus.db\n";

/* One text that is being added to a configuration. */
struct source {
    struct ebi_config *config;
    struct ebi_section *section;
    const char *file;
    unsigned number;
};

struct loading {
    struct ebi_config *config;
    unsigned sources;  /* so far */
    bool may_be_empty; /* /dev/null is among the files: the caller wants the defaults */
};

/* ---- One file ---- */

static void print_where(char *where, size_t room, const char *file, unsigned line) {
    snprintf(where, room, "%s:%u", file, line);
}

static enum eb_status take_section(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *err) {
    struct source *source = arg;
    char where[PATH_MAX + 16];

    print_where(where, sizeof where, source->file, line);
    return ebi_config_add_section(source->config, kind, name, where, &source->section, err);
}

static enum eb_status take_key(void *arg, const char *key, const char *value, unsigned line, struct eb_error *err) {
    struct source *source = arg;
    char where[PATH_MAX + 16];

    print_where(where, sizeof where, source->file, line);
    return ebi_config_set(source->config, source->section, key, value, where, source->number, err);
}

static enum eb_status load_text(struct loading *loading, const char *file, const char *text, size_t len, struct eb_error *err) {
    struct source source = { .config = loading->config, .file = file, .number = ++loading->sources };
    const struct ebi_ini_visitor visitor = { .arg = &source, .section = take_section, .key = take_key };

    return ebi_ini_read(file, text, len, &visitor, err);
}

/* Reads one file; closes fd. */
static enum eb_status load_open_file(struct loading *loading, const char *file, int fd, struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    enum eb_status status = ebi_file_text(file, fd, FILE_MOST, &text, err);

    if (status == EB_OK)
        status = load_text(loading, file, text.data, text.len, err);
    ebi_bytes_free(&text);
    return status;
}

static enum eb_status cannot_open(const char *file, struct eb_error *err) {
    return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot open configuration %s", file);
}

static enum eb_status load_file(struct loading *loading, const char *file, struct eb_error *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? cannot_open(file, err) : load_open_file(loading, file, fd, err);
}

/* ---- A folder of files ---- */

static int is_ini(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that depends on the locale */
}

static enum eb_status load_entries(struct loading *loading, const char *folder, struct dirent **entries, int n,
                                   struct eb_error *err) {
    enum eb_status status = EB_OK;
    char file[PATH_MAX];

    if (n > FILES_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s holds %d INI files; %d are the most", folder, n,
                         (int)FILES_MOST);
    for (int i = 0; status == EB_OK && i < n; i++) {
        if (snprintf(file, sizeof file, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof file)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the path of a file in %.200s is too long", folder);
        status = load_file(loading, file, err);
    }
    return status;
}

static enum eb_status load_folder(struct loading *loading, const char *folder, struct eb_error *err) {
    struct dirent **entries;
    int n = scandir(folder, &entries, is_ini, by_bytes);
    enum eb_status status;

    if (n < 0)
        return cannot_open(folder, err);
    if (n == 0)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "%s holds no *.ini file; put one there, see whether it is mounted, or leave it out", folder);
    else
        status = load_entries(loading, folder, entries, n, err);
    while (n-- > 0)
        free(entries[n]);
    free(entries);
    return status;
}

static enum eb_status load_path(struct loading *loading, const char *path, struct eb_error *err) {
    struct stat st;

    if (stat(path, &st) != 0)
        return cannot_open(path, err);
    loading->may_be_empty |= S_ISCHR(st.st_mode);
    return S_ISDIR(st.st_mode) ? load_folder(loading, path, err) : load_file(loading, path, err);
}

/* ---- Which file to read where none is named ---- */

static enum eb_status pass_over(struct loading *loading, const char *file, const char *why, struct eb_error *err) {
    char note[EB_ERROR_ROOM];

    snprintf(note, sizeof note, "%s is passed over: %s; -c %s reads it all the same", file, why, file);
    loading->config->note = ebi_config_keep_text(loading->config, note, strlen(note));
    return loading->config->note ? EB_EMPTY : ebi_error_memory(err);
}

/* Whether only this user or root could have put the file there, by the same rule as for plugins. EB_EMPTY: somebody else could; the error
 * says why. fd: the opened file, as another file may have that name by now. */
static enum eb_status check_trust(const char *file, int fd, struct eb_error *why) {
    char *path = realpath(file, NULL);
    struct stat opened, named;
    enum eb_status status;

    if (!path)
        return ebi_error_errno(why, EB_EMPTY, EB_KIND_CONFIG, "cannot find it");
    if (fstat(fd, &opened) != 0 || stat(path, &named) != 0 || opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
        status = ebi_error(why, EB_EMPTY, EB_KIND_CONFIG, "it is being replaced");
    else if (!S_ISREG(opened.st_mode))
        status = ebi_error(why, EB_EMPTY, EB_KIND_CONFIG, "it is not a file");
    else
        status = ebi_trust_check(path, why) == EB_OK ? EB_OK : EB_EMPTY;
    free(path);
    return status;
}

/* EB_EMPTY: the file does not exist, or is not trusted. */
static enum eb_status load_if_trusted(struct loading *loading, const char *file, struct eb_error *err) {
    struct eb_error why;
    struct stat st;
    int fd;

    if (lstat(file, &st) != 0)
        return errno == ENOENT ? EB_EMPTY : cannot_open(file, err);
    if (st.st_uid != 0 &&
        st.st_uid != geteuid()) /* also the owner of a link: another user's link could point to any file of this one */
        return pass_over(loading, file, "it belongs to another user than root and the one running this", err);
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not wait where it is a pipe */
    if (fd < 0)
        return cannot_open(file, err);
    if (check_trust(file, fd, &why) == EB_OK)
        return load_open_file(loading, file, fd, err);
    close(fd);
    return pass_over(loading, file, why.text, err);
}

const char ebi_config_installed[] = EBI_CONFDIR "/eventbus.ini";

/* Files without any section are refused: an emptied file, or a volume that is not mounted, must not mean the embedded broker. */
static enum eb_status check_not_empty(const struct loading *loading, const char *path, struct eb_error *err) {
    if (loading->config->sections || loading->may_be_empty)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     "%s holds no section; write one, or give -c /dev/null to have the defaults", path);
}

static enum eb_status load_found(struct loading *loading, struct eb_error *err) {
    const char *named = secure_getenv("EVENTBUS_CONFIG");
    enum eb_status status;

    if (named && *named) {
        status = load_path(loading, named, err);
        if (status == EB_OK)
            status = check_not_empty(loading, named, err);
        if (status != EB_OK)
            ebi_error_context(err, "EVENTBUS_CONFIG");
        return status;
    }
    status = load_if_trusted(loading, "./eventbus.ini", err);
    if (status != EB_EMPTY)
        return status == EB_OK ? check_not_empty(loading, "./eventbus.ini", err) : status;
    if (access(ebi_config_installed, F_OK) == 0) {
        status = load_file(loading, ebi_config_installed, err);
        return status == EB_OK ? check_not_empty(loading, ebi_config_installed, err) : status;
    }
    return load_text(loading, "built-in", built_in, sizeof built_in - 1, err);
}

static enum eb_status load_files(struct loading *loading, const char *const *files, struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (!files || !*files)
        return load_found(loading, err);
    for (; status == EB_OK && *files; files++)
        status = load_path(loading, *files, err);
    return status == EB_OK ? check_not_empty(loading, files[-1], err) : status;
}

/* ---- Overrides ---- */

static bool is_word(const char *text, size_t len, const char *more) {
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9') ||
              strchr(more, text[i])))
            return false;
    return len > 0;
}

/* A parsed override; the value is borrowed from it. */
struct override {
    char kind[64], name[64], key[128];
    const char *value;
};

static bool copy_part(char *to, size_t room, const char *from, size_t len, const char *more) {
    if (len >= room || !is_word(from, len, more))
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* Parses KIND.NAME.KEY=VALUE or eventbus.KEY=VALUE. Everything behind NAME is the key. A dot in the value does not count: the part in
 * front of it would have the "=", which no word has. */
static bool split(const char *text, struct override *to) {
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');

    to->name[0] = '\0';
    if (!equals || !dot || !copy_part(to->kind, sizeof to->kind, text, (size_t)(dot - text), "-_"))
        return false;
    text = dot + 1;
    if (strcmp(to->kind, "eventbus") != 0) {
        dot = strchr(text, '.');
        if (!dot || !copy_part(to->name, sizeof to->name, text, (size_t)(dot - text), "-_"))
            return false;
        text = dot + 1;
    }
    to->value = equals + 1;
    return copy_part(to->key, sizeof to->key, text, (size_t)(equals - text), "-_.");
}

static enum eb_status no_setting(const char *where, const char *text, struct eb_error *err) {
    int shown = (int)strcspn(text, "="); /* the value may be a secret */

    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s %.*s: expected KIND.NAME.KEY=VALUE or eventbus.KEY=VALUE", where,
                     shown > 80 ? 80 : shown, text);
}

/* Sets what no file has set. */
static enum eb_status load_default(struct ebi_config *config, const char *text, struct eb_error *err) {
    static const char where[] = "a default of the program";
    struct override given;
    struct ebi_section *section;

    if (!split(text, &given))
        return no_setting(where, text, err);
    enum eb_status status = ebi_config_add_section(config, given.kind, given.name, where, &section, err);
    if (status != EB_OK || ebi_section_value(section, given.key))
        return status;
    return ebi_config_set(config, section, given.key, given.value, where, 0, err);
}

static enum eb_status load_override(struct ebi_config *config, const char *text, struct eb_error *err) {
    struct override override;
    struct ebi_section *section;
    enum eb_status status;

    if (!split(text, &override))
        return no_setting("-o", text, err);
    status = ebi_config_add_section(config, override.kind, override.name, "-o", &section, err);
    if (status != EB_OK)
        return status;
    return ebi_config_set(config, section, override.key, override.value, "-o", 0, err);
}

/* ---- The state folder, and ${...} ---- */

/* Replaces several slashes by one, and removes those at the end: HOME=/ gives "//.local". Returns the new length. */
static size_t tidy(char *path, size_t len) {
    size_t to = 0;

    for (size_t from = 0; from < len; from++)
        if (path[from] != '/' || to == 0 || path[to - 1] != '/')
            path[to++] = path[from];
    to -= to > 1 && path[to - 1] == '/';
    path[to] = '\0';
    return to;
}

static enum eb_status find_state(struct ebi_config *config, struct eb_error *err) {
    const char *given = secure_getenv("STATE_DIRECTORY"), *xdg = secure_getenv("XDG_STATE_HOME");
    const char *home = secure_getenv("HOME");
    char state[PATH_MAX];
    int len;

    if (given && *given)
        len = snprintf(state, sizeof state, "%.*s", (int)strcspn(given, ":"), given); /* systemd may give several */
    else if (xdg && *xdg == '/') /* the XDG rules: a relative path is ignored */
        len = snprintf(state, sizeof state, "%s/eventbus", xdg);
    else if (home && *home)
        len = snprintf(state, sizeof state, "%s/.local/state/eventbus", home);
    else
        len = snprintf(state, sizeof state, "/var/lib/eventbus");
    if (len >= (int)sizeof state)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the state folder's path is longer than %d bytes", PATH_MAX);
    len = (int)tidy(state, (size_t)len);
    config->state = ebi_config_keep_text(config, state, (size_t)len);
    return config->state ? EB_OK : ebi_error_memory(err);
}

/* What is missing in a broker's section is an error only where that broker is used: its secrets need not exist for others. Its plugin
 * must be known always. */
static bool may_wait(const struct ebi_section *section, const struct ebi_value *value) {
    return strcmp(section->kind, "broker") == 0 && strcmp(value->key, "plugin") != 0;
}

static enum eb_status replace_value(struct ebi_config *config, const struct ebi_section *section, struct ebi_value *value,
                                    struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    struct eb_error why = { 0 };
    enum eb_status status = ebi_replace(value->raw, config->state, &text, &value->secret, &why);

    if (status == EB_OK)
        value->text = ebi_config_keep_text(config, text.data, text.len);
    else if (status == EB_PERMANENT)
        value->fault = ebi_config_keep_text(config, why.text, strlen(why.text));
    ebi_bytes_free(&text);
    if (!value->text && !value->fault)
        return ebi_error_memory(err);
    if (value->text || may_wait(section, value))
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s %s: %s", value->where,
                     ebi_section_title(section->kind, section->name).text, value->key, value->fault);
}

static enum eb_status replace_values(struct ebi_config *config, struct eb_error *err) {
    for (struct ebi_section *section = config->sections; section; section = section->next)
        for (struct ebi_value *value = section->values; value; value = value->next) {
            enum eb_status status = replace_value(config, section, value, err);

            if (status != EB_OK)
                return status;
        }
    return EB_OK;
}

static enum eb_status load(struct ebi_config *config, const struct ebi_config_sources *from, struct eb_error *err) {
    const char *const *defaults = from->defaults, *const *overrides = from->overrides;
    struct loading loading = { .config = config };
    enum eb_status status = find_state(config, err);

    if (status == EB_OK)
        status = load_files(&loading, from->files, err);
    for (; status == EB_OK && defaults && *defaults; defaults++)
        status = load_default(config, *defaults, err);
    for (; status == EB_OK && overrides && *overrides; overrides++)
        status = load_override(config, *overrides, err);
    if (status == EB_OK)
        status = replace_values(config, err);
    return status == EB_OK ? ebi_config_check_overrides(config, err) : status;
}

enum eb_status ebi_config_load(const char *const *files, const char *const *overrides, struct ebi_config **result,
                               struct eb_error *err) {
    const struct ebi_config_sources from = { .files = files, .overrides = overrides };

    return ebi_config_load_from(&from, result, err);
}

enum eb_status ebi_config_load_from(const struct ebi_config_sources *from, struct ebi_config **result, struct eb_error *err) {
    struct ebi_config *config = calloc(1, sizeof *config);
    enum eb_status status;

    if (!config)
        return ebi_error_memory(err);
    if (pthread_mutex_init(&config->mutex, NULL) != 0) {
        free(config);
        return ebi_error_memory(err);
    }
    status = load(config, from, err);
    if (status == EB_OK)
        *result = config;
    else
        ebi_config_free(config);
    return status;
}
