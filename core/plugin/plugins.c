/* core/plugin/plugins.c - loads plugin files, each of them once, and keeps them. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/thread.h"
#include "base/trust.h"
#include "plugin/describe.h"
#include "plugin/find.h"
#include "plugin/inspect.h"
#include "plugin/module.h"
#include "plugin/plugins.h"

/* All plugins of this process, for its lifetime; `mutex` guards the list. */
struct loaded {
    struct loaded *next;
    struct ebi_module *module;
    struct ebi_plugin plugin;
    char file[];
};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct loaded *all;

/* Reports why the dynamic loader refused a file, without the file's name twice, and what to do. */
static enum eb_status explain(struct eb_error *err, const char *file, const struct eb_error *cause) {
    const char *text = cause->text, *hint = "";
    size_t len = strlen(file);

    if (cause->kind != EB_KIND_PLUGIN)
        return ebi_error(err, (enum eb_status)cause->status, (enum eb_kind)cause->kind, "loading plugin %s: %s", file, text);
    if (strncmp(text, file, len) == 0 && text[len] == ':')
        text += len + 1 + (text[len + 1] == ' ');
    if (strstr(text, "undefined symbol"))
        hint = "; link it with what defines that (-Wl,-z,defs tells when it is built)";
    else if (strstr(text, "cannot open shared object file"))
        hint = "; install that library";
    else if (strstr(text, "position-independent executable"))
        hint = "; it is a program, link it with -shared";
    else if (strstr(text, "version `"))
        hint = "; it was built on a newer system, build it on this one";
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be loaded: %s%s", file, text, hint);
}

static enum eb_status load_file(const char *file, struct loaded *loaded, struct eb_error *err) {
    struct eb_error cause;
    sigset_t before;
    enum eb_status status = ebi_inspect(file, err);

    if (status != EB_OK)
        return status;
    ebi_thread_block_signals(&before); /* its libraries may start threads as soon as they are loaded */
    status = ebi_module_open(file, &loaded->module, &cause);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != EB_OK)
        return explain(err, file, &cause);
    status = ebi_describe(loaded->module, file, &loaded->plugin, err);
    if (status != EB_OK)
        ebi_module_close(loaded->module);
    return status;
}

/* Returns the plugin of a file; loads it where it is not loaded yet. */
static enum eb_status load_once(const char *file, const struct ebi_plugin **plugin, struct eb_error *err) {
    enum eb_status status = EB_OK;

    pthread_mutex_lock(&mutex);
    struct loaded *loaded = all;
    while (loaded && strcmp(loaded->file, file) != 0)
        loaded = loaded->next;
    if (!loaded) {
        loaded = calloc(1, sizeof *loaded + strlen(file) + 1);
        status = loaded ? load_file(file, loaded, err) : ebi_error_memory(err);
        if (status == EB_OK) {
            strcpy(loaded->file, file);
            loaded->plugin.file = loaded->file;
            loaded->next = all;
            all = loaded;
        } else {
            free(loaded);
        }
    }
    pthread_mutex_unlock(&mutex);
    if (status == EB_OK)
        *plugin = &loaded->plugin;
    return status;
}

/* Reports a file that realpath does not find. */
static enum eb_status not_there(const char *asked, struct eb_error *err) {
    int why = errno;
    char target[256];
    ssize_t len = readlink(asked, target, sizeof target - 1);

    if (len > 0 && why == ENOENT) {
        target[len] = '\0';
        return ebi_error(
            err, EB_PERMANENT, EB_KIND_PLUGIN,
            "plugin %s cannot be found: it is a link to %s, which does not exist; remove the link, or install that "
            "file",
            asked, target);
    }
    errno = why;
    return ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be found", asked);
}

/* Users write the name of a plugin, so its file must have that name. */
static enum eb_status check_name(const struct ebi_plugin *plugin, const char *asked, struct eb_error *err) {
    const char *base = strrchr(asked, '/') + 1, *name = plugin->about.name;
    size_t len = strlen(name);

    if (strncmp(base, name, len) == 0 && strcmp(base + len, ".so") == 0)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s calls itself %s; name its file %s.so", asked, name, name);
}

enum eb_status ebi_plugin_trusted(const char *file, struct eb_error *err) {
    struct eb_error why;
    enum eb_status status = ebi_trust_check(file, &why);

    if (status == EB_PERMANENT)
        return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s is not trusted: %s, or set plugin_trust = any", file,
                         why.text);
    return status == EB_OK ? EB_OK : ebi_error_memory(err);
}

enum eb_status ebi_plugin_load(const char *path, const char *name, enum ebi_trust trust, const struct ebi_plugin **plugin,
                               struct eb_error *err) {
    const struct ebi_plugin *found;
    char *asked = NULL, *file = NULL;
    enum eb_status status = ebi_plugin_find(path, name, &asked, err);

    if (status != EB_OK)
        goto done;
    file = realpath(asked, NULL);
    if (!file) {
        status = not_there(asked, err);
        goto done;
    }
    if (trust == EBI_TRUST_OWNER) /* what cannot be a plugin is refused as that, and not for who may write it */
        status = ebi_inspect(file, err);
    if (trust == EBI_TRUST_OWNER && status == EB_OK)
        status = ebi_plugin_trusted(file, err);
    if (status == EB_OK)
        status = load_once(file, &found, err);
    if (status == EB_OK)
        status = check_name(found, asked, err);
    if (status == EB_OK)
        *plugin = found;
done:
    free(asked);
    free(file);
    return status;
}
