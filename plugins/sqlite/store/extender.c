/* plugins/sqlite/store/extender.c - see extender.h. sqlite's own way to it (SQLITE_FCNTL_SIZE_HINT) writes a byte into each block: a
 * system call for 4 KB. The kernel's needs a descriptor, and to close one that leads to a database drops the locks that
 * sqlite holds on it in this process, whoever took them. So there is one for each file, kept as long as the file is there. */
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

#include "error.h"

struct sq_way {
    struct sq_file_identity file;
    int64_t name;                       /* its lock byte: of the folder and the name that it is open by */
    int fd;
    unsigned users;
    struct sq_way *next;
};

/* Lock bytes of names: whoever has the file open holds the one of its name. SQLite's own lie around 1 << 30. */
enum { NAME_BITS = 32 };

static const int64_t FIRST_NAME = (int64_t)1 << 60;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sq_way *ways;

static bool is_removed(const struct sq_way *way) {
    struct stat about;

    return fstat(way->fd, &about) != 0 || about.st_nlink == 0;
}

/* Nobody can come to a file that was removed, so its locks are of no use any more. */
static void close_unused(bool all) {
    for (struct sq_way **at = &ways, *way; (way = *at);) {
        if (way->users == 0 && (all || is_removed(way))) {
            *at = way->next;
            close(way->fd);
            free(way);
        } else {
            at = &way->next;
        }
    }
}

/* When the plugin is unloaded, which takes all its connections with it. */
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

/* Whoever comes later sees the lock of who was earlier; of two at once at least one sees the other's. */
static int32_t lock_name(struct sq_way *way, const char *real, struct eb_error *err) {
    const int64_t end = FIRST_NAME + ((int64_t)1 << NAME_BITS);
    bool others = false;

    if (lock_names(way->fd, F_OFD_SETLK, F_RDLCK, way->name, 1, NULL) != 0)
        return sq_errno(err, EB_RETRIABLE, "cannot lock the name of %s", real);
    lock_names(way->fd, F_OFD_GETLK, F_WRLCK, FIRST_NAME, way->name - FIRST_NAME, &others);
    lock_names(way->fd, F_OFD_GETLK, F_WRLCK, way->name + 1, end - way->name - 1, &others);
    if (!others)
        return EB_OK;
    lock_names(way->fd, F_OFD_SETLK, F_UNLCK, way->name, 1, NULL);
    return sq_error(err, EB_RETRIABLE, 0, "%s is still open by another name, where SQLite keeps another log: end the processes "
                    "that use the other name", real);
}

/* The folder by its number, since it may have several names itself. */
static bool name_of(const char *real, int64_t *name) {
    const char *base = strrchr(real, '/');
    char *path = strdup(real);
    uint64_t hash = 14695981039346656037u;
    struct stat folder;
    bool found;

    if (!path || !base) {
        free(path);
        return false;
    }
    path[base == real ? 1 : base - real] = '\0';
    found = stat(path, &folder) == 0;
    free(path);
    hash = (hash ^ folder.st_dev) * 1099511628211u;
    hash = (hash ^ folder.st_ino) * 1099511628211u;
    while (*++base)
        hash = (hash ^ (unsigned char)*base) * 1099511628211u;
    *name = FIRST_NAME + (int64_t)((hash ^ hash >> NAME_BITS) & 0xffffffff);
    return found;
}

/* ---- the table ---- */

/* To open it is harmless; a user who may only read it has no use for extending it. */
static struct sq_way *make(const char *real) {
    struct sq_way *way = calloc(1, sizeof *way);

    if (!way)
        return NULL;
    way->fd = open(real, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (way->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
        way->fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (way->fd < 0 || !sq_file_of(way->fd, &way->file)) {
        free(way);                      /* a descriptor that cannot be looked at stays open: it might take locks with it */
        return NULL;
    }
    way->next = ways;
    return ways = way;
}

static struct sq_way *find(const struct sq_file_identity *file) {
    struct sq_way *way = ways;

    while (way && !sq_file_same(&way->file, file))
        way = way->next;
    return way;
}

/* Another file that came there meanwhile stays open too, until it is known to have no locks. */
static struct sq_way *find_or_make(const char *real) {
    struct sq_file_identity file;
    struct sq_way *way = sq_file_look(real, &file, NULL) == EB_OK ? find(&file) : NULL;

    return way ? way : make(real);
}

static int32_t use(struct sq_way *way, const char *real, int64_t name, struct eb_error *err) {
    int32_t status = EB_OK;

    if (way->users > 0 && way->name != name)
        return sq_error(err, EB_RETRIABLE, 0, "%s is still open by another name in this process: use one name", real);
    way->name = name;
    if (way->users == 0)
        status = lock_name(way, real, err);
    way->users += status == EB_OK;
    return status;
}

int32_t sq_way_get(const char *real, struct sq_way **got, struct eb_error *err) {
    struct sq_way *way = NULL;
    int64_t name;
    int32_t status = EB_OK;

    pthread_mutex_lock(&lock);
    close_unused(false);
    if (!name_of(real, &name) || !(way = find_or_make(real)))
        status = sq_errno(err, errno == EACCES || errno == EPERM ? EB_PERMANENT : EB_RETRIABLE, "cannot open %s", real);
    if (status == EB_OK)
        status = use(way, real, name, err);
    if (status == EB_OK)
        *got = way;
    pthread_mutex_unlock(&lock);
    return status;
}

void sq_way_put(struct sq_way *way) {
    if (!way)
        return;
    pthread_mutex_lock(&lock);
    if (--way->users == 0)
        lock_names(way->fd, F_OFD_SETLK, F_UNLCK, way->name, 1, NULL);
    close_unused(false);
    pthread_mutex_unlock(&lock);
}

const struct sq_file_identity *sq_way_file(const struct sq_way *way) {
    return &way->file;
}

int32_t sq_way_extend(const struct sq_way *way, int64_t size, int64_t chunk) {
    int64_t wanted = (size + chunk - 1) / chunk * chunk;
    struct stat about;
    int failed;

    if (fstat(way->fd, &about) != 0)
        return EB_EMPTY;
    if (about.st_size >= size)
        return EB_OK;
    do
        failed = fallocate(way->fd, 0, about.st_size, wanted - about.st_size) == 0 ? 0 : errno;
    while (failed == EINTR);
    if (failed == 0)
        return EB_OK;
    return failed == ENOSPC || failed == EDQUOT || failed == EFBIG ? EB_RETRIABLE : EB_EMPTY;
}
