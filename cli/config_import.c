/* cli/config_import.c - eventbus config import: writes the settings of a Django service as an INI, and its secrets into
 * files. */
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/folders.h"
#include "base/utf8.h"
#include "cli/django.h"
#include "cli/ini_text.h"
#include "config/file.h"

enum { LARGEST_FILE = 16 << 20 };

struct ask {
    const char *django, *secrets;
};

/* ---- the settings ------------------------------------------------------------------------------------------------ */

static const char *name_of(const char *path) {
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static enum eb_status read_text(const char *path, struct ebi_bytes *text, struct eb_error *err) {
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot open %s", name_of(path));
    return ebi_file_text(name_of(path), fd, LARGEST_FILE, text, err);
}

/* The error names the place, never the text there, which may be a secret. */
static enum eb_status refuse_json(const char *path, const json_error_t *wrong, struct eb_error *err) {
    const char *why = "this is no JSON";

    if (json_error_code(wrong) == json_error_duplicate_key)
        why = "a name stands here twice";
    else if (json_error_code(wrong) == json_error_numeric_overflow)
        why = "a number here is too large";
    else if (json_error_code(wrong) == json_error_null_byte_in_key || json_error_code(wrong) == json_error_null_character)
        why = "a text here has the character U+0000 in it";
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s, line %d, column %d: %s; correct it", name_of(path), wrong->line,
                     wrong->column, why);
}

static enum eb_status parse_settings(const char *path, const struct ebi_bytes *text, json_t **settings, struct eb_error *err) {
    size_t mark = text->len >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* that some editors write */
    json_error_t wrong = { 0 };

    if (text->len == mark)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "%s is empty; the program that should have written the settings there has failed", name_of(path));
    *settings = json_loadb(text->data + mark, text->len - mark, JSON_REJECT_DUPLICATES, &wrong);
    if (!*settings)
        return refuse_json(path, &wrong, err);
    if (!json_is_object(*settings))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "%s holds a list; the settings are expected as a JSON object, each setting by its name",
                         name_of(path));
    return EB_OK;
}

static enum eb_status read_settings(const char *path, json_t **settings, struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    enum eb_status status = read_text(path, &text, err);

    if (status == EB_OK)
        status = parse_settings(path, &text, settings, err);
    ebi_bytes_free(&text);
    return status;
}

/* ---- the secrets ------------------------------------------------------------------------------------------------- */

/* Makes the folder's absolute path, since the INI may be moved. The caller frees it. */
static enum eb_status find_folder(const char *folder, char **absolute, struct eb_error *err) {
    char *here = *folder == '/' ? NULL : getcwd(NULL, 0);
    bool made = (*folder == '/' || here) && asprintf(absolute, "%s%s%s", here ? here : "", here ? "/" : "", folder) >= 0;

    if (!made)
        *absolute = NULL;
    free(here);
    return made ? EB_OK
                : ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot find the folder of the secrets, %s", folder);
}

/* A folder without secrets may have any name. */
static enum eb_status check_folder(const json_t *settings, const char *folder, struct eb_error *err) {
    const char *name, *value;
    size_t at = 0;

    if (!cli_django_next_secret(settings, &at, &name, &value) ||
        (!strpbrk(folder, "$};") && !cli_ini_has_control(folder) && ebi_utf8_valid(folder, strlen(folder))))
        return EB_OK;
    return ebi_error(
        err, EB_PERMANENT, EB_KIND_CONFIG,
        "%s: an INI file cannot name a folder with $, }, ; or a control character in it, or one that is not UTF-8; "
        "name another by --secrets",
        folder);
}

static enum eb_status write_all(int fd, const char *path, const char *value, struct eb_error *err) {
    for (size_t left = strlen(value); left > 0;) {
        ssize_t wrote = write(fd, value, left);
        if (wrote < 0 && errno != EINTR)
            return ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "%s: cannot write", path);
        value += wrote > 0 ? wrote : 0;
        left -= wrote > 0 ? (size_t)wrote : 0;
    }
    return fsync(fd) == 0 ? EB_OK : ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "%s: cannot write", path);
}

/* A file from an earlier import may stay if it holds the same. ${file:} reads it without one newline at its end. */
static enum eb_status compare(const char *path, const char *value, struct eb_error *err) {
    struct ebi_bytes there = { 0 };
    struct stat about;
    enum eb_status status;

    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 077) != 0)
        return ebi_error(
            err, EB_PERMANENT, EB_KIND_CONFIG,
            "%s exists and is no file that only this user may read; remove it, or name another folder by --secrets", path);
    status = read_text(path, &there, err);
    if (status == EB_OK && there.len > 0 && there.data[there.len - 1] == '\n')
        there.len--;
    if (status == EB_OK && (there.len != strlen(value) || memcmp(there.data, value, there.len) != 0))
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "%s exists and holds another secret; remove it, or name another folder by --secrets", path);
    ebi_bytes_free(&there);
    return status;
}

static enum eb_status write_secret(const char *path, const char *value, struct eb_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum eb_status status;

    if (fd < 0 && errno == EEXIST)
        return compare(path, value, err);
    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: cannot create", path);
    status = write_all(fd, path, value, err);
    if (close(fd) != 0 && status == EB_OK)
        status = ebi_error_errno(err, EB_RETRIABLE, EB_KIND_SYSTEM, "%s: cannot write", path);
    if (status == EB_OK)
        status = ebi_sync_folder_of(path, err);
    if (status != EB_OK)
        unlink(path); /* or the next import would find another secret there */
    return status;
}

static enum eb_status write_secrets(const json_t *settings, const char *folder, size_t *n, struct eb_error *err) {
    enum eb_status status = EB_OK;
    const char *name, *value;

    for (size_t at = 0; status == EB_OK && cli_django_next_secret(settings, &at, &name, &value); ++*n) {
        char *path;
        if (asprintf(&path, "%s/%s", folder, name) < 0)
            return ebi_error_memory(err);
        status = ebi_make_folders_for(path, err);
        if (status == EB_OK)
            status = write_secret(path, value, err);
        free(path);
    }
    return status;
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

/* Nothing is printed unless all is right. */
static int import(const struct cli_call *call) {
    const struct ask *ask = call->settings;
    struct ebi_bytes ini = { 0 };
    struct eb_error err;
    json_t *settings = NULL;
    char *folder = NULL;
    size_t n_secrets = 0;
    enum eb_status status;

    if (!ask->django)
        return cli_usage(call->name, "--django FILE is missing");
    status = read_settings(ask->django, &settings, &err);
    if (status == EB_OK)
        status = find_folder(ask->secrets ? ask->secrets : "eventbus-secrets", &folder, &err);
    if (status == EB_OK)
        status = check_folder(settings, folder, &err);
    if (status == EB_OK)
        status = cli_django_ini(settings, folder, &ini, &err);
    if (status == EB_OK)
        status = write_secrets(settings, folder, &n_secrets, &err);
    if (status == EB_OK)
        cli_out(ini.data, ini.len);
    if (status == EB_OK && n_secrets)
        cli_tell(
            "the secrets are in %s, and only this user may read them; if another user runs the bus, give that user the folder: "
            "chown -R USER %s",
            folder, folder);
    ebi_bytes_free(&ini);
    free(folder);
    json_decref(settings);
    return status == EB_OK ? CLI_EXIT_DONE : cli_failed(&err);
}

static const struct cli_option options[] = {
    { .name = "django",
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, django),
      .value = "FILE",
      .help = "the settings as a JSON object; -: standard input" },
    { .name = "secrets",
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, secrets),
      .value = "FOLDER",
      .help = "where passwords are written to, each as a file; without it eventbus-secrets in this folder" },
};

const struct cli_verb cli_config_import = {
    .name = "import",
    .summary = "Prints the settings of a Django service as a configuration",
    .usage = (const char *const[]){ "--django FILE [--secrets FOLDER]", NULL },
    .about = "Takes the settings of openedx-events, edx-event-bus-redis and edx-event-bus-kafka, which \"manage.py "
             "eventbus_settings\" of the Python package openedx-eventbus prints. The broker is the one that EVENT_BUS_BROKER "
             "names, or whose EVENT_BUS_PRODUCER or address is set. The command ignores settings of other programs. It names "
             "each setting of the event bus that has no counterpart on standard error.\n\n"
             "A password never stands in the configuration: the command writes it to a file in FOLDER, which the configuration "
             "names. If such a file exists, it must hold the same password, and only this user may have the right to read it.",
    .examples = (const char *const[]){ "manage.py eventbus_settings | eventbus config import --django - >eventbus.ini",
                                       "manage.py eventbus_settings | eventbus config import --django - --secrets "
                                       "/etc/eventbus/secrets >eventbus.ini",
                                       NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = import,
};
