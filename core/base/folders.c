/* core/base/folders.c - see folders.h. */
#include "base/folders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

enum eb_status ebi_make_folders_for(const char *path, struct eb_error *err) {
    char *folder = strdup(path);
    enum eb_status status = EB_OK;

    if (!folder)
        return ebi_error_memory(err);
    for (char *slash = *folder ? strchr(folder + 1, '/') : NULL; slash && status == EB_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot make folder %s", folder);
        *slash = '/';
    }
    free(folder);
    return status;
}
