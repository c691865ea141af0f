/* plugins/sqlite/extend.c - see extend.h. sqlite's own way to it (SQLITE_FCNTL_SIZE_HINT) writes a byte into each block: a
 * system call for 4 KB. The kernel's needs a descriptor, and to close one that leads to a database drops the locks that
 * sqlite holds on it in this process, whoever took them. So there is one for each file, kept as long as the file is there. */
#include "extend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eventbus/plugin.h>

struct sq_way {
    struct sq_file_identity file;
    int fd;
    unsigned users;
    struct sq_way *next;
};

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

/* To open it is harmless. Another file that came there meanwhile stays open too, until it is known to have no locks. */
static struct sq_way *make(const char *path) {
    struct sq_way *way = calloc(1, sizeof *way);
    struct stat about;

    if (!way)
        return NULL;
    way->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (way->fd < 0 || fstat(way->fd, &about) != 0) {
        free(way);
        return NULL;
    }
    way->file = (struct sq_file_identity){ about.st_dev, about.st_ino };
    way->next = ways;
    return ways = way;
}

static struct sq_way *find(const struct sq_file_identity *file) {
    struct sq_way *way = ways;

    while (way && (way->file.device != file->device || way->file.number != file->number))
        way = way->next;
    return way;
}

struct sq_way *sq_way_get(const char *path, const struct sq_file_identity *file) {
    struct sq_way *way;

    pthread_mutex_lock(&lock);
    close_unused(false);
    way = find(file);
    if (!way && make(path))
        way = find(file);
    if (way)
        way->users++;
    pthread_mutex_unlock(&lock);
    return way;
}

void sq_way_put(struct sq_way *way) {
    if (!way)
        return;
    pthread_mutex_lock(&lock);
    way->users--;
    close_unused(false);
    pthread_mutex_unlock(&lock);
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
