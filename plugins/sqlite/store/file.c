/* plugins/sqlite/store/file.c - see file.h. The database itself is never opened here: closing it again would drop the
 * locks that SQLite holds on it in other instances of this process. */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <eventbus/plugin-help/error.h>

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000 /* headers older than Linux 5.8 */
#endif

enum { MOST_LINKS = 40 }; /* as many as the kernel follows */

/* ---- identity ---- */

bool sq_file_same(const struct sq_file_identity *a, const struct sq_file_identity *b) {
    return a->device == b->device && a->number == b->number && a->born == b->born;
}

static struct sq_file_identity identity_of(const struct statx *about) {
    return (struct sq_file_identity){
        .device = (uint64_t)about->stx_dev_major << 32 | about->stx_dev_minor,
        .number = about->stx_ino,
        .born = about->stx_mask & STATX_BTIME ? about->stx_btime.tv_sec * 1000000000 + about->stx_btime.tv_nsec : 0,
    };
}

static bool look(int folder, const char *path, int how, struct statx *about) {
    return statx(folder, path, how, STATX_BASIC_STATS | STATX_BTIME, about) == 0;
}

bool sq_file_of(int fd, struct sq_file_identity *is) {
    struct statx about;

    if (!look(fd, "", AT_EMPTY_PATH, &about))
        return false;
    *is = identity_of(&about);
    return true;
}

int32_t sq_file_look(const char *path, struct sq_file_identity *is, struct eb_error *err) {
    struct statx about;

    if (!look(AT_FDCWD, path, 0, &about))
        return errno == ENOENT ? EB_EMPTY : ebp_errno(err, EB_PERMANENT, "cannot examine %s", path);
    if (!S_ISREG(about.stx_mode))
        return ebp_error(err, EB_PERMANENT, 0, "%s is not a regular file: set path to a file", path);
    if (is)
        *is = identity_of(&about);
    return EB_OK;
}

int32_t sq_file_has_one_name(const char *real, struct eb_error *err) {
    struct statx about;

    if (!look(AT_FDCWD, real, AT_SYMLINK_NOFOLLOW, &about))
        return ebp_errno(err, errno == ENOENT ? EB_RETRIABLE : EB_PERMANENT, "cannot examine %s", real);
    if (about.stx_nlink > 1)
        return ebp_error(err, EB_PERMANENT, 0,
                         "%s has %u names (hard links), and SQLite would keep a log of its own for each: "
                         "remove the other names, or make them symbolic links",
                         real, about.stx_nlink);
    if (about.stx_attributes & about.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return ebp_error(err, EB_PERMANENT, 0, "%s is mounted without its folder, where SQLite keeps its log: mount the folder",
                         real);
    return EB_OK;
}

/* ---- the way there ---- */

char *sq_file_absolute(const char *path) {
    char *folder, *absolute = NULL;

    if (path[0] == '/')
        return strdup(path);
    folder = getcwd(NULL, 0);
    if (folder && asprintf(&absolute, "%s/%s", folder, path) < 0)
        absolute = NULL;
    free(folder);
    return absolute;
}

static int32_t make_folders(char *path, const char *file, struct eb_error *err) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return ebp_errno(err, errno == ENOSPC ? EB_RETRIABLE : EB_PERMANENT, "cannot create the folder %s for %s", path,
                             file);
        *slash = '/';
    }
    return EB_OK;
}

/* The target of a symbolic link, as a path that the caller frees. NULL: not a link, or no memory. */
static char *target_of(const char *link) {
    const char *slash = strrchr(link, '/');
    char target[PATH_MAX], *path = NULL;
    ssize_t len = readlink(link, target, sizeof target - 1);

    if (len <= 0)
        return NULL;
    target[len] = '\0';
    if (target[0] == '/' || !slash)
        return strdup(target);
    if (asprintf(&path, "%.*s/%s", (int)(slash - link), link, target) < 0)
        return NULL;
    return path;
}

/* The end of the links that begin at the path, where the file would be. NULL: no memory. */
static char *end_of_links(const char *path) {
    char *at = strdup(path), *next;

    for (int n = 0; at && n < MOST_LINKS && (next = target_of(at)); n++) {
        free(at);
        at = next;
    }
    return at;
}

static bool has_folder(const char *path) {
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    struct stat about;
    bool has;

    if (slash && slash != folder)
        *slash = '\0';
    has = !slash || slash == folder || (stat(folder, &about) == 0 && S_ISDIR(about.st_mode));
    free(folder);
    return has;
}

static int32_t make_at(const char *path, char *end, struct eb_error *err) {
    int32_t status = strcmp(path, end) == 0 ? make_folders(end, path, err) : EB_OK;

    if (status == EB_OK && mknod(end, S_IFREG | 0600, 0) != 0 && errno != EEXIST)
        status = ebp_errno(err, errno == ENOSPC ? EB_RETRIABLE : EB_PERMANENT, "cannot create %s", end);
    return status;
}

/* The path leads to nothing: creates the file, or says why not. */
static int32_t make_missing(const char *path, bool make, struct eb_error *err) {
    char *end = end_of_links(path);
    struct stat about;
    int32_t status;

    if (!end)
        return ebp_no_memory(err);
    if (stat(path, &about) == 0) /* a link in /proc to a file without a name */
        status = ebp_error(err, EB_PERMANENT, 0, "%s leads to a file that was removed: set path to a file that has a name",
                           path);
    else if (strcmp(path, end) != 0 && !has_folder(end))
        status = ebp_error(err, EB_PERMANENT, 0,
                           "%s is a symbolic link to %s, whose folder does not exist: make or mount it, or "
                           "correct the link",
                           path, end);
    else
        status = make ? make_at(path, end, err) : EB_EMPTY;
    free(end);
    return status;
}

int32_t sq_file_resolve(const char *path, bool make, char **real, struct eb_error *err) {
    int32_t status = EB_OK;

    *real = realpath(path, NULL);
    if (!*real && errno == ENOENT) {
        status = make_missing(path, make, err);
        if (status != EB_OK)
            return status;
        *real = realpath(path, NULL);
    }
    if (*real)
        return EB_OK;
    if (errno == ENOMEM)
        return ebp_no_memory(err);
    if (errno == ENOENT)
        return ebp_error(err, EB_RETRIABLE, 0, "%s was removed just now", path);
    return ebp_errno(err, EB_PERMANENT, "cannot resolve %s", path);
}

/* ---- where it lies ---- */

static const struct {
    unsigned long magic;
    const char *name;
} remote[] = {
    { 0x6969, "NFS" },        { 0x517b, "SMB" },      { 0xff534d42, "CIFS" },  { 0xfe534d42, "SMB2" },
    { 0x65735546, "FUSE" },   { 0x01021997, "9P" },   { 0x00c36400, "Ceph" },  { 0x5346414f, "AFS" },
    { 0x6b414653, "AFS" },    { 0x73757245, "Coda" }, { 0x01161970, "GFS2" },  { 0x7461636f, "OCFS2" },
    { 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" }, { 0x19830326, "FhGFS" }, { 0x786f4256, "VirtualBox" },
};

int32_t sq_file_is_local(const char *path, struct eb_error *err) {
    struct statfs about;

    if (statfs(path, &about) != 0)
        return ebp_errno(err, EB_PERMANENT, "cannot examine the filesystem of %s", path);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if ((unsigned long)about.f_type == remote[i].magic)
            return ebp_error(err, EB_PERMANENT, 0,
                             "%s is on a network filesystem (%s), where its locks do not hold: set path "
                             "to a local disk",
                             path, remote[i].name);
    return EB_OK;
}
