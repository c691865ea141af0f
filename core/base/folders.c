/* core/base/folders.c - see folders.h. */
#include "base/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Whether a folder exists: a read-only file system may return EROFS for one that does. False: errno says why it cannot be made. */
static bool is_folder(const char *path) {
    int why = errno;
    struct stat st;
    bool is = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

    errno = why == EEXIST ? ENOTDIR : why;
    return is;
}

enum eb_status ebi_make_folders_for(const char *path, struct eb_error *err) {
    char *folder = strdup(path);
    enum eb_status status = EB_OK;

    if (!folder)
        return ebi_error_memory(err);
    for (char *slash = *folder ? strchr(folder + 1, '/') : NULL; slash && status == EB_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) == 0)
            status = ebi_sync_folder_of(folder, err);
        else if (!is_folder(folder))
            status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot make folder %s, on the way to %s", folder,
                                     path);
        *slash = '/';
    }
    free(folder);
    return status;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

enum eb_status ebi_check_folder_of(const char *path, struct eb_error *err) {
    char *folder = folder_of(path);
    enum eb_status status = EB_OK;

    if (!folder)
        return ebi_error_memory(err);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot write into folder %s", folder);
    free(folder);
    return status;
}

enum eb_status ebi_sync_folder_of(const char *path, struct eb_error *err) {
    char *folder = folder_of(path);
    enum eb_status status = EB_OK;

    if (!folder)
        return ebi_error_memory(err);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A folder that may be written to but not listed cannot be opened; some file systems cannot sync a folder. */
    if (fd >= 0 && fsync(fd) != 0 && errno == EIO)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write folder %s to disk", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}
