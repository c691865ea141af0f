/* plugins/sqlite/file.c - see file.h. The database itself is never opened here: closing it again would drop the locks that
 * sqlite holds on it in other instances of this process. */
#include "file.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "fault.h"

static int32_t make_folders(char *path, const char *file, struct eb_error *err) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return sq_errno(err, errno == ENOSPC ? EB_RETRIABLE : EB_PERMANENT, "cannot make the folder %s for %s", path,
                             file);
        *slash = '/';
    }
    return EB_OK;
}

int32_t sq_file_make(const char *path, struct eb_error *err) {
    char *copy = strdup(path);
    int32_t status;

    if (!copy)
        return sq_no_memory(err);
    status = make_folders(copy, path, err);
    free(copy);
    if (status == EB_OK && mknod(path, S_IFREG | 0600, 0) != 0 && errno != EEXIST)
        status = sq_errno(err, errno == ENOSPC ? EB_RETRIABLE : EB_PERMANENT, "cannot make %s", path);
    return status;
}

int32_t sq_file_look(const char *path, struct sq_file_identity *is, struct eb_error *err) {
    struct stat about;

    if (stat(path, &about) != 0)
        return errno == ENOENT ? EB_EMPTY : sq_errno(err, EB_PERMANENT, "cannot look at %s", path);
    if (!S_ISREG(about.st_mode))
        return sq_error(err, EB_PERMANENT, 0, "%s is not a regular file: set path to a file", path);
    if (is)
        *is = (struct sq_file_identity){ about.st_dev, about.st_ino };
    return EB_OK;
}

static const struct {
    unsigned long magic;
    const char *name;
} remote[] = {
    { 0x6969, "NFS" }, { 0x517b, "SMB" }, { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" }, { 0x65735546, "FUSE" },
    { 0x01021997, "9P" }, { 0x00c36400, "Ceph" }, { 0x5346414f, "AFS" }, { 0x6b414653, "AFS" }, { 0x73757245, "Coda" },
    { 0x01161970, "GFS2" }, { 0x7461636f, "OCFS2" }, { 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" },
    { 0x19830326, "FhGFS" }, { 0x786f4256, "VirtualBox" },
};

int32_t sq_file_is_local(const char *path, struct eb_error *err) {
    struct statfs about;

    if (statfs(path, &about) != 0)
        return sq_errno(err, EB_PERMANENT, "cannot look at the filesystem of %s", path);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if ((unsigned long)about.f_type == remote[i].magic)
            return sq_error(err, EB_PERMANENT, 0, "%s is on a network filesystem (%s), where its locks do not hold: set path "
                            "to a local disk", path, remote[i].name);
    return EB_OK;
}
