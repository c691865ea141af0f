/* core/plugin/module.c - shared objects through libltdl, with a loader of this project.
 *
 * libltdl's stock loader binds lazily, so that a missing symbol ends the process at its first use, and it returns "file not found"
 * whatever went wrong. The loader here binds at once and keeps the text of dlerror. The stock loader is taken out of libltdl's list, so
 * that it does not try again what this one has refused. A program that has modules of its own open through the stock loader keeps
 * it; what that loader opened after all is closed again. */
#include "plugin/module.h"

#include <dlfcn.h>
#include <link.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/error.h"

enum { REASON_ROOM = 512 };

struct ebi_module {
    lt_dlhandle handle;
    const struct link_map *object;
};

static pthread_mutex_t mutex =
    PTHREAD_MUTEX_INITIALIZER; /* libltdl has no lock: this one guards its calls, and what is below */
static bool ready;
static void *opened;             /* by the loader here, in the present call of lt_dlopen */
static char reason[REASON_ROOM]; /* why it opened nothing */

static lt_module open_now(lt_user_data data, const char *file, lt_dladvise advise) {
    (void)data;
    (void)advise;
    opened = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
        const char *text = dlerror();
        snprintf(reason, sizeof reason, "%s", text ? text : "the dynamic loader gives no reason");
    }
    return opened;
}

static int close_it(lt_user_data data, lt_module module) {
    (void)data;
    return dlclose(module);
}

static void *find_in(lt_user_data data, lt_module module, const char *name) {
    (void)data;
    return dlsym(module, name);
}

/* A loader's table belongs to libltdl, which frees it when its last user has called lt_dlexit; a table that is taken out of its list
 * belongs to the caller that did that. */
static enum eb_status prepare(struct eb_error *err) {
    static const lt_dlvtable ours = { .name = "eventbus",
                                      .module_open = open_now,
                                      .module_close = close_it,
                                      .find_sym = find_in,
                                      .priority = LT_DLLOADER_PREPEND };

    if (ready)
        return EB_OK;
    lt_dlvtable *loader = malloc(sizeof *loader);
    if (!loader)
        return ebi_error_memory(err);
    *loader = ours;
    if (lt_dlinit() != 0 || lt_dlloader_add(loader) != 0) {
        const char *text = lt_dlerror();
        free(loader);
        return ebi_error(err, EB_FATAL, EB_KIND_SYSTEM, "cannot prepare libltdl: %s", text ? text : "no reason given");
    }
    free(lt_dlloader_remove("lt_dlopen")); /* NULL where the program has modules open with it: see above */
    ready = true;
    return EB_OK;
}

/* Returns a handle of libltdl, with `opened` set, or NULL with the reason. */
static lt_dlhandle open_locked(const char *file) {
    opened = NULL;
    snprintf(reason, sizeof reason, "libltdl did not try to open it");
    lt_dlhandle handle = lt_dlopen(file);
    if (!handle || opened)
        return handle;
    if (lt_dlgetinfo(handle)->ref_count > 1) /* the program has it open, too: binds the symbols that it may have left unbound */
        opened = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (opened)
        return handle;
    lt_dlclose(handle);
    return NULL;
}

enum eb_status ebi_module_open(const char *file, struct ebi_module **module, struct eb_error *err) {
    struct ebi_module *new = calloc(1, sizeof *new);
    struct link_map *object;

    if (!new)
        return ebi_error_memory(err);
    pthread_mutex_lock(&mutex);
    enum eb_status status = prepare(err);
    if (status == EB_OK) {
        new->handle = open_locked(file);
        if (!new->handle || dlinfo(opened, RTLD_DI_LINKMAP, &object) != 0)
            status = ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "%s", reason);
    }
    pthread_mutex_unlock(&mutex);
    if (status == EB_OK) {
        new->object = object;
        *module = new;
    } else {
        free(new);
    }
    return status;
}

bool ebi_module_find(struct ebi_module *module, const char *name, struct ebi_symbol *symbol) {
    const struct link_map *object;
    const ElfW(Sym) * entry;
    Dl_info info;

    pthread_mutex_lock(&mutex);
    const void *address = lt_dlsym(module->handle, name);
    pthread_mutex_unlock(&mutex);
    if (!address || !dladdr1(address, &info, (void **)&object, RTLD_DL_LINKMAP) || object != module->object)
        return false;
    *symbol = (struct ebi_symbol){ .address = address, .room = SIZE_MAX };
    if (dladdr1(address, &info, (void **)&entry, RTLD_DL_SYMENT) && entry && info.dli_saddr == address) {
        symbol->function = ELF64_ST_TYPE(entry->st_info) == STT_FUNC; /* the same bits in ELF32 */
        symbol->room = entry->st_size ? entry->st_size : SIZE_MAX;
    }
    return true;
}

void ebi_module_close(struct ebi_module *module) {
    pthread_mutex_lock(&mutex);
    lt_dlclose(module->handle);
    pthread_mutex_unlock(&mutex);
    free(module);
}
