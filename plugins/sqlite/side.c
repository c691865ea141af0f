/* plugins/sqlite/side.c - see side.h. */
#include "side.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bell.h"
#include "clock.h"
#include "fault.h"

/* What is mapped. Made anew by whoever finds that nobody else has it open, so nothing in it outlives a crash of all. */
struct sq_side_map {
    char magic[8];
    uint32_t version, size;             /* size: of this struct, so that another C library's mutex is noticed */
    pthread_mutex_t queue;
    _Atomic uint32_t one_word;          /* set when some process can wait for `any` only */
    _Atomic uint32_t any;
    _Atomic uint32_t topic[SQ_TOPIC_WORDS];
    _Atomic uint32_t group[SQ_GROUP_WORDS];
    _Atomic int64_t turn_ms;            /* when somebody last had the turn, sq_ticks_ms */
};

static const char magic[8] = "ebusside";

enum { FORMAT = 1, USER_BYTE = 0 };

/* Locks of open file descriptions: dropped by the kernel when the last descriptor is closed, and seen by other instances
 * of the same process as well. Byte 0: who uses the file; byte n: member n. */
static int lock_byte(int fd, short kind, int64_t byte) {
    struct flock lock = { .l_type = kind, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* ---- opening ---- */

static int32_t make_queue(pthread_mutex_t *queue, struct eb_error *err) {
    pthread_mutexattr_t how;
    int failed = pthread_mutexattr_init(&how);

    if (failed == 0) {
        pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
        failed = pthread_mutex_init(queue, &how);
        pthread_mutexattr_destroy(&how);
    }
    return failed ? sq_error(err, EB_FATAL, failed, "cannot make a lock between processes") : EB_OK;
}

/* Blocks on disk first: a hole in a mapped file on a full disk would be a signal instead of an error. */
static int32_t make_room(int fd, const char *path, struct eb_error *err) {
    int failed = ftruncate(fd, 0) == 0 ? posix_fallocate(fd, 0, (off_t)sizeof(struct sq_side_map)) : errno;

    errno = failed;
    return failed ? sq_errno(err, EB_RETRIABLE, "no room for %s", path) : EB_OK;
}

static int32_t map_it(struct sq_side *side, const char *path, struct eb_error *err) {
    void *map = mmap(NULL, sizeof *side->map, PROT_READ | PROT_WRITE, MAP_SHARED, side->fd, 0);

    if (map == MAP_FAILED)
        return sq_errno(err, EB_RETRIABLE, "cannot map %s", path);
    side->map = map;
    return EB_OK;
}

/* Nobody else has it open: what an earlier life left is of no use, least of all a locked mutex. */
static int32_t make_anew(struct sq_side *side, const char *path, struct eb_error *err) {
    int32_t status = make_room(side->fd, path, err);

    if (status == EB_OK)
        status = map_it(side, path, err);
    if (status == EB_OK)
        status = make_queue(&side->map->queue, err);
    if (status != EB_OK)
        return status;
    side->map->version = FORMAT;
    side->map->size = sizeof *side->map;
    memcpy(side->map->magic, magic, sizeof magic);
    return EB_OK;
}

static int32_t join_others(struct sq_side *side, const char *path, struct eb_error *err) {
    struct stat about;
    int32_t status;

    if (fstat(side->fd, &about) != 0)
        return sq_errno(err, EB_RETRIABLE, "cannot look at %s", path);
    if (about.st_size != (off_t)sizeof *side->map)
        return sq_error(err, EB_PERMANENT, 0, "%s is used by another version of this plugin: end its processes first", path);
    status = map_it(side, path, err);
    if (status != EB_OK)
        return status;
    if (memcmp(side->map->magic, magic, sizeof magic) != 0 || side->map->version != FORMAT
        || side->map->size != sizeof *side->map)
        return sq_error(err, EB_PERMANENT, 0, "%s is used by another version of this plugin: end its processes first", path);
    return EB_OK;
}

static int32_t open_at(struct sq_side *side, const char *path, struct eb_error *err) {
    int32_t status;

    side->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (side->fd < 0)
        return sq_errno(err, errno == ENOSPC ? EB_RETRIABLE : EB_PERMANENT, "cannot open %s for writing", path);
    status = lock_byte(side->fd, F_WRLCK, USER_BYTE) == 0 ? make_anew(side, path, err) : EB_EMPTY;
    if (status < 0)
        return status;
    if (lock_byte(side->fd, F_RDLCK, USER_BYTE) != 0)
        return sq_error(err, EB_RETRIABLE, SQLITE_BUSY, "%s is just being made by another process", path);
    if (status == EB_EMPTY)
        status = join_others(side, path, err);
    if (status == EB_OK && (side->one_word = !sq_words_supported()))
        atomic_store(&side->map->one_word, 1);
    return status;
}

int32_t sq_side_open(struct sq_side *side, const char *db_path, struct eb_error *err) {
    char *path = NULL;
    int32_t status;

    *side = (struct sq_side){ .fd = -1 };
    if (asprintf(&path, "%s-side", db_path) < 0)
        return sq_no_memory(err);
    status = open_at(side, path, err);
    if (status != EB_OK)
        sq_side_close(side);
    free(path);
    return status;
}

void sq_side_close(struct sq_side *side) {
    if (side->map)
        munmap(side->map, sizeof *side->map);
    if (side->fd >= 0)
        close(side->fd);
    *side = (struct sq_side){ .fd = -1 };
}

bool sq_side_in_place(const struct sq_side *side) {
    struct stat about;

    return side->fd < 0 || (fstat(side->fd, &about) == 0 && about.st_nlink > 0);
}

/* ---- the queue ---- */

#if defined(__SANITIZE_THREAD__)
/* GCC 12's ThreadSanitizer does not know clocklock, and so reports each unlock. */
enum { QUEUE_CLOCK = CLOCK_REALTIME };

static int lock_by(pthread_mutex_t *queue, const struct timespec *until) {
    return pthread_mutex_timedlock(queue, until);
}
#else
enum { QUEUE_CLOCK = CLOCK_MONOTONIC };

static int lock_by(pthread_mutex_t *queue, const struct timespec *until) {
    return pthread_mutex_clocklock(queue, QUEUE_CLOCK, until);
}
#endif

bool sq_side_enqueue(struct sq_side *side, int64_t until_ms) {
    int64_t wait_ms = until_ms - sq_ticks_ms();
    struct timespec until;
    int failed = side->map ? pthread_mutex_trylock(&side->map->queue) : ENODEV;

    if (failed == EBUSY && wait_ms > 0) {
        clock_gettime(QUEUE_CLOCK, &until);
        until.tv_sec += (time_t)(wait_ms / 1000) + (until.tv_nsec + (wait_ms % 1000) * 1000000) / 1000000000;
        until.tv_nsec = (until.tv_nsec + (wait_ms % 1000) * 1000000) % 1000000000;
        failed = lock_by(&side->map->queue, &until);
    }
    if (failed == EOWNERDEAD)
        failed = pthread_mutex_consistent(&side->map->queue);   /* it died at its turn: the database rolls it back */
    return failed == 0;
}

void sq_side_dequeue(struct sq_side *side) {
    pthread_mutex_unlock(&side->map->queue);
}

/* ---- words ---- */

static uint32_t hash_name(const char *name, size_t len) {
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash ^ hash >> 15;
}

unsigned sq_side_topic_index(const char *name, size_t len) {
    return hash_name(name, len) % SQ_TOPIC_WORDS;
}

_Atomic uint32_t *sq_side_topic_word(const struct sq_side *side, unsigned index) {
    return &side->map->topic[index];
}

_Atomic uint32_t *sq_side_group_word(const struct sq_side *side, const char *group) {
    return &side->map->group[hash_name(group, strlen(group)) % SQ_GROUP_WORDS];
}

_Atomic uint32_t *sq_side_any(const struct sq_side *side) {
    return side->one_word ? &side->map->any : NULL;
}

void sq_side_tell(struct sq_side *side, _Atomic uint32_t *word) {
    sq_word_change(word);
    if (atomic_load(&side->map->one_word))
        sq_word_change(&side->map->any);
}

void sq_side_tell_all(struct sq_side *side) {
    if (!side->map)
        return;
    for (unsigned i = 0; i < SQ_TOPIC_WORDS; i++)
        sq_word_change(&side->map->topic[i]);
    for (unsigned i = 0; i < SQ_GROUP_WORDS; i++)
        sq_word_change(&side->map->group[i]);
    sq_word_change(&side->map->any);
}

/* ---- members ---- */

bool sq_side_hold(struct sq_side *side, int64_t member) {
    return lock_byte(side->fd, F_WRLCK, member) == 0;
}

void sq_side_drop(struct sq_side *side, int64_t member) {
    lock_byte(side->fd, F_UNLCK, member);
}

bool sq_side_held(const struct sq_side *side, int64_t member) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = member, .l_len = 1 };

    return fcntl(side->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

bool sq_side_turn(struct sq_side *side, int64_t every_ms) {
    int64_t now = sq_ticks_ms(), last = atomic_load(&side->map->turn_ms);

    if (last <= now && now - last < every_ms)
        return false;
    return atomic_compare_exchange_strong(&side->map->turn_ms, &last, now);
}
