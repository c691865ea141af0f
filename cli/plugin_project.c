/* cli/plugin_project.c - see plugin_project.h. */
#include "cli/plugin_project.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/error.h"

enum { NAME_MAX_LEN = 64, OPEN_FOLDERS = 8 };

/* What the template's name is replaced by. */
struct names {
    const char *name;             /* "my-broker": file names, the plugin's name */
    char c[NAME_MAX_LEN + 1];     /* "my_broker": where "_" follows, in identifiers */
    char upper[NAME_MAX_LEN + 1]; /* "MY_BROKER": macros */
};

/* Names that the event bus, its headers or the template's own files have. */
static const char *const taken[] = { "memory", "sqlite", "redis", "kafka",       "eventbus", "eb",
                                     "ebp",    "ebi",    "stub",  "stub_broker", NULL };

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum eb_status check_name(const char *name, struct eb_error *err) {
    size_t len = strlen(name);
    bool right = len > 0 && len <= NAME_MAX_LEN && is_letter(name[0]);

    for (size_t i = 0; i < len && right; i++)
        right = is_letter(name[i]) || (name[i] >= '0' && name[i] <= '9') || name[i] == '-' || name[i] == '_';
    if (!right)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "\"%.80s\" cannot be a plugin's name: it takes letters, digits, - and _, a letter first, "
                         "%d characters at most",
                         name, NAME_MAX_LEN);
    for (const char *const *other = taken; *other; other++)
        if (strcmp(name, *other) == 0)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "the name %s is taken by the event bus; choose another", name);
    return EB_OK;
}

static struct names names_of(const char *name) {
    struct names names = { .name = name };

    for (size_t i = 0; name[i]; i++) {
        names.c[i] = name[i] == '-' ? '_' : name[i];
        names.upper[i] = names.c[i] >= 'a' && names.c[i] <= 'z' ? (char)(names.c[i] - 'a' + 'A') : names.c[i];
    }
    return names;
}

/* Appends a text of the template with the names in it. */
static bool add_named(struct ebi_bytes *to, const char *text, const struct names *names) {
    const char *next = text;
    bool fits = true;

    while (fits && *text) {
        const char *as = strncmp(next, "ACME", 4) == 0    ? names->upper
                         : strncmp(next, "acme_", 5) == 0 ? names->c
                         : strncmp(next, "acme", 4) == 0  ? names->name
                                                          : NULL;
        if (as || !*next) {
            fits = ebi_bytes_add(to, text, (size_t)(next - text)) && (!as || ebi_bytes_add_text(to, as));
            next += as ? 4 : 0;
            text = next;
        } else {
            next++;
        }
    }
    return fits;
}

static enum eb_status cannot_write(const char *path, struct eb_error *err) {
    return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s", path);
}

/* Makes the folders of a path below its first `from` bytes. */
static enum eb_status make_folders(char *path, size_t from, struct eb_error *err) {
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return cannot_write(path, err);
        *slash = '/';
    }
    return EB_OK;
}

static enum eb_status write_text(const char *path, const struct ebi_bytes *text, bool executable, struct eb_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, executable ? 0777 : 0666);
    size_t done = 0;

    if (fd < 0)
        return cannot_write(path, err);
    while (done < text->len) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0 && errno != EINTR) {
            cannot_write(path, err);
            close(fd);
            return EB_FATAL;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return close(fd) == 0 ? EB_OK : cannot_write(path, err);
}

static enum eb_status write_file(const char *folder, const struct cli_project_file *file, const struct names *names,
                                 struct eb_error *err) {
    struct ebi_bytes path = { 0 }, text = { 0 };
    enum eb_status status;

    if (!ebi_bytes_add_format(&path, "%s/", folder) || !add_named(&path, file->path, names) ||
        !add_named(&text, file->text, names)) {
        status = ebi_error_memory(err);
        goto done;
    }
    status = make_folders(path.data, strlen(folder) + 1, err);
    if (status == EB_OK)
        status = write_text(path.data, &text, file->executable, err);
done:
    ebi_bytes_free(&path);
    ebi_bytes_free(&text);
    return status;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static enum eb_status exists_already(const char *path, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s exists already; choose another name or --directory", path);
}

/* Moves the folder to its name unless something has that name. */
static enum eb_status move(const char *from, const char *to, struct eb_error *err) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return EB_OK;
    if (errno == EEXIST)
        return exists_already(to, err);
    /* A file system without that flag: rename replaces nothing but an empty folder. */
    if (errno == EINVAL && rename(from, to) == 0)
        return EB_OK;
    return cannot_write(to, err);
}

static enum eb_status check_place(const char *in, const char *path, struct eb_error *err) {
    struct stat st;

    if (stat(in, &st) != 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot use folder %s", in);
    if (!S_ISDIR(st.st_mode))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is not a folder", in);
    return lstat(path, &st) == 0 ? exists_already(path, err) : EB_OK;
}

enum eb_status cli_project_write(const char *in, const char *name, enum cli_project_build build, struct eb_error *err) {
    char *path = NULL, *folder = NULL;
    enum eb_status status = check_name(name, err);
    bool made = false;

    if (status != EB_OK)
        return status;
    struct names names = names_of(name);
    if (asprintf(&path, "%s%s%s", in, in[strlen(in) - 1] == '/' ? "" : "/", name) < 0)
        path = NULL;
    if (path && asprintf(&folder, "%.*s.%s-%ld", (int)(strlen(path) - strlen(name)), path, name, (long)getpid()) < 0)
        folder = NULL;
    if (!path || !folder) {
        status = ebi_error_memory(err);
        goto done;
    }
    status = check_place(in, path, err);
    if (status != EB_OK)
        goto done;
    made = mkdir(folder, 0777) == 0;
    if (!made)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot make folder %s", folder);
    for (const struct cli_project_file *file = cli_project_files; file->path && status == EB_OK; file++)
        if (file->build == CLI_PROJECT_ANY || file->build == build)
            status = write_file(folder, file, &names, err);
    if (status == EB_OK)
        status = move(folder, path, err);
done:
    if (made && status != EB_OK)
        nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    free(path);
    free(folder);
    return status;
}
