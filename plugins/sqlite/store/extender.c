/* plugins/sqlite/store/extender.c - see extender.h. SQLite's own way to extend a file (SQLITE_FCNTL_SIZE_HINT) writes a
 * byte into each block: a system call for 4 KB. The kernel's needs a descriptor, and closing a descriptor of a database
 * drops the locks that SQLite holds on it in this process, whoever took them. So there is one descriptor for each file,
 * open as long as the file exists. */
#include "store/extender.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eventbus/plugin.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/hash.h>

struct sq_extender {
    struct sq_file_identity file;
    int64_t name; /* the lock byte of the folder and the name by which it is open */
    int fd;
    unsigned users;
    struct sq_extender *next;
};

/* Lock bytes of names: a process that has the file open holds the one of its name. SQLite's own lie around 1 << 30. */
enum { NAME_BITS = 32 };

static const int64_t FIRST_NAME = (int64_t)1 << 60;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sq_extender *extenders;

static bool is_removed(const struct sq_extender *extender) {
    struct stat about;

    return fstat(extender->fd, &about) != 0 || about.st_nlink == 0;
}

/* Closes descriptors without users. Those of files that exist stay open; nobody can open a removed file, so its locks do
 * not matter. */
static void close_unused(bool all) {
    for (struct sq_extender **at = &extenders, *extender; (extender = *at);) {
        if (extender->users == 0 && (all || is_removed(extender))) {
            *at = extender->next;
            close(extender->fd);
            free(extender);
        } else {
            at = &extender->next;
        }
    }
}

/* The plugin is unloaded, and all its connections with it. */
__attribute__((destructor)) static void close_all(void) {
    close_unused(true);
}

/* ---- its one name ---- */

static int lock_names(int fd, int command, short kind, int64_t from, int64_t n, bool *others) {
    struct flock names = { .l_type = kind, .l_whence = SEEK_SET, .l_start = from, .l_len = n };
    int failed = n > 0 ? fcntl(fd, command, &names) : 0;

    if (others)
        *others = *others || (n > 0 && failed == 0 && names.l_type != F_UNLCK);
    return failed;
}

/* A later process sees the lock of an earlier one; of two at once at least one sees the other's. */
static int32_t lock_name(struct sq_extender *extender, const char *real, struct eb_error *err) {
    const int64_t end = FIRST_NAME + ((int64_t)1 << NAME_BITS);
    bool others = false;

    if (lock_names(extender->fd, F_OFD_SETLK, F_RDLCK, extender->name, 1, NULL) != 0)
        return ebp_errno(err, EB_RETRIABLE, "cannot lock the name of %s", real);
    lock_names(extender->fd, F_OFD_GETLK, F_WRLCK, FIRST_NAME, extender->name - FIRST_NAME, &others);
    lock_names(extender->fd, F_OFD_GETLK, F_WRLCK, extender->name + 1, end - extender->name - 1, &others);
    if (!others)
        return EB_OK;
    lock_names(extender->fd, F_OFD_SETLK, F_UNLCK, extender->name, 1, NULL);
    return ebp_error(err, EB_RETRIABLE, 0,
                     "%s is still open by another name, where SQLite keeps another log: end the processes "
                     "that use the other name",
                     real);
}

/* The folder is identified by its number, since it may have several names itself. */
static bool name_of(const char *real, int64_t *name) {
    const char *base = strrchr(real, '/');
    char *path = strdup(real);
    uint64_t hash;
    struct stat folder;
    bool found;

    if (!path || !base) {
        free(path);
        return false;
    }
    path[base == real ? 1 : base - real] = '\0';
    found = stat(path, &folder) == 0;
    free(path);
    hash = ebp_fnv1a_add(ebp_fnv1a_add(EBP_FNV1A, folder.st_dev), folder.st_ino);
    hash = ebp_fnv1a(hash, base + 1, strlen(base + 1));
    *name = FIRST_NAME + (int64_t)((hash ^ hash >> NAME_BITS) & 0xffffffff);
    return found;
}

/* ---- the table ---- */

/* A user who may only read the file never extends it. */
static struct sq_extender *make(const char *real) {
    struct sq_extender *extender = calloc(1, sizeof *extender);

    if (!extender)
        return NULL;
    extender->fd = open(real, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (extender->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
        extender->fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (extender->fd < 0 || !sq_file_of(extender->fd, &extender->file)) {
        free(extender); /* the descriptor stays open: to close it might drop locks of an unknown file */
        return NULL;
    }
    extender->next = extenders;
    return extenders = extender;
}

static struct sq_extender *find(const struct sq_file_identity *file) {
    struct sq_extender *extender = extenders;

    while (extender && !sq_file_same(&extender->file, file))
        extender = extender->next;
    return extender;
}

/* Another file that is at the path by now stays open too, until it is known to have no locks. */
static struct sq_extender *find_or_make(const char *real) {
    struct sq_file_identity file;
    struct sq_extender *extender = sq_file_look(real, &file, NULL) == EB_OK ? find(&file) : NULL;

    return extender ? extender : make(real);
}

static int32_t use(struct sq_extender *extender, const char *real, int64_t name, struct eb_error *err) {
    int32_t status = EB_OK;

    if (extender->users > 0 && extender->name != name)
        return ebp_error(err, EB_RETRIABLE, 0, "%s is still open by another name in this process: use one name", real);
    extender->name = name;
    if (extender->users == 0)
        status = lock_name(extender, real, err);
    extender->users += status == EB_OK;
    return status;
}

int32_t sq_extender_get(const char *real, struct sq_extender **got, struct eb_error *err) {
    struct sq_extender *extender = NULL;
    int64_t name;
    int32_t status = EB_OK;

    pthread_mutex_lock(&lock);
    close_unused(false);
    if (!name_of(real, &name) || !(extender = find_or_make(real)))
        status = ebp_errno(err, errno == EACCES || errno == EPERM ? EB_PERMANENT : EB_RETRIABLE, "cannot open %s", real);
    if (status == EB_OK)
        status = use(extender, real, name, err);
    if (status == EB_OK)
        *got = extender;
    pthread_mutex_unlock(&lock);
    return status;
}

void sq_extender_put(struct sq_extender *extender) {
    if (!extender)
        return;
    pthread_mutex_lock(&lock);
    if (--extender->users == 0)
        lock_names(extender->fd, F_OFD_SETLK, F_UNLCK, extender->name, 1, NULL);
    close_unused(false);
    pthread_mutex_unlock(&lock);
}

const struct sq_file_identity *sq_extender_file(const struct sq_extender *extender) {
    return &extender->file;
}

int64_t sq_extender_size(const struct sq_extender *extender) {
    struct stat about;

    return fstat(extender->fd, &about) == 0 ? about.st_size : 0;
}

int32_t sq_extender_extend(const struct sq_extender *extender, int64_t size, int64_t chunk) {
    int64_t wanted = (size + chunk - 1) / chunk * chunk;
    struct stat about;
    int failed;

    if (fstat(extender->fd, &about) != 0)
        return EB_EMPTY;
    if (about.st_size >= size)
        return EB_OK;
    do
        failed = fallocate(extender->fd, 0, about.st_size, wanted - about.st_size) == 0 ? 0 : errno;
    while (failed == EINTR);
    if (failed == 0)
        return EB_OK;
    return failed == ENOSPC || failed == EDQUOT || failed == EFBIG ? EB_RETRIABLE : EB_EMPTY;
}
